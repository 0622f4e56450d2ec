// Text that comes from files, names and arguments is taken apart by its bytes. Swift's own `split`, `hasPrefix`, `replacing` and
// the like compare Characters, and a scalar that joins the one before it (a vowel sign, a combining mark, LF after CR) hides that
// one from them; `==` takes two spellings of a letter for one.
extension StringProtocol {
    /// The parts between `separator`, which must be ASCII.
    /// - Parameters:
    ///   - most: the greatest number of cuts, from the start.
    ///   - keepsEmpty: true if parts of no text count.
    public func parts(separatedBy separator: Unicode.Scalar, most: Int = .max, keepsEmpty: Bool = false) -> [String] {
        precondition(separator.isASCII)
        return Substring(self).utf8.split(separator: UInt8(separator.value), maxSplits: most, omittingEmptySubsequences: !keepsEmpty)
            .map { String(Substring($0)) }
    }

    /// The parts between scalars that are white space.
    public var words: [String] {
        Substring(self).unicodeScalars.split { $0.properties.isWhitespace }.map { String(Substring($0)) }
    }

    public func begins(with text: some StringProtocol) -> Bool { utf8.starts(with: text.utf8) }

    public func ends(with text: some StringProtocol) -> Bool {
        utf8.count >= text.utf8.count && utf8.suffix(text.utf8.count).elementsEqual(text.utf8)
    }

    /// True if both have the same bytes.
    public func isIdentical(to other: some StringProtocol) -> Bool { utf8.elementsEqual(other.utf8) }

    /// The text with each place of `text` replaced, from the left; none of them overlap.
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

/// A path's folder, with the slash that ends it, or nothing; and the name behind it.
public func pathParts(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("", path) }
    let end = path.utf8.index(after: slash)
    return (String(Substring(path.utf8[..<end])), String(Substring(path.utf8[end...])))
}
