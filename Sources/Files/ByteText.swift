// Text from files, names and arguments is split by its bytes. Swift's `split`, `hasPrefix`, `replacing` and so on compare
// Characters, and a scalar that joins the previous one (a vowel sign, a combining mark, LF after CR) hides that one; `==` treats
// two spellings of a letter as equal.
extension StringProtocol {
    /// Returns the parts between occurrences of `separator`, which must be ASCII.
    /// - `most`: maximum number of cuts, counted from the start.
    /// - `keepsEmpty`: whether to return empty parts.
    public func parts(separatedBy separator: Unicode.Scalar, most: Int = .max, keepsEmpty: Bool = false) -> [String] {
        precondition(separator.isASCII)
        return Substring(self).utf8.split(separator: UInt8(separator.value), maxSplits: most, omittingEmptySubsequences: !keepsEmpty)
            .map { String(Substring($0)) }
    }

    /// The parts between white space.
    public var words: [String] {
        Substring(self).unicodeScalars.split { $0.properties.isWhitespace }.map { String(Substring($0)) }
    }

    /// Returns true if the text starts with the bytes of `text`.
    public func begins(with text: some StringProtocol) -> Bool { utf8.starts(with: text.utf8) }

    /// Returns true if the text ends with the bytes of `text`.
    public func ends(with text: some StringProtocol) -> Bool {
        utf8.count >= text.utf8.count && utf8.suffix(text.utf8.count).elementsEqual(text.utf8)
    }

    /// Returns true if both texts have the same bytes.
    public func isIdentical(to other: some StringProtocol) -> Bool { utf8.elementsEqual(other.utf8) }

    /// Returns the text with each occurrence of `text` replaced, from left to right without overlaps.
    public func replacingBytes(of text: String, with other: String) -> String {
        let own = Array(utf8), sought = Array(text.utf8)
        guard !sought.isEmpty, own.count >= sought.count else { return String(self) }
        var result: [UInt8] = [], place = 0
        result.reserveCapacity(own.count)
        while place < own.count {
            if own[place] == sought[0] && own[place...].starts(with: sought) {
                result += other.utf8
                place += sought.count
            } else {
                result.append(own[place])
                place += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// Returns the folder of a path, including the slash at its end, or an empty text; and the name after it.
public func pathParts(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("", path) }
    let end = path.utf8.index(after: slash)
    return (String(Substring(path.utf8[..<end])), String(Substring(path.utf8[end...])))
}
