import Files

/// The merges of byte pair encoding in the order in which they were learned, and their file format, that of subword-nmt, version
/// 0.2.
///
/// Each line holds two symbols that become one. The last character of a word ends in `</w>`.
public struct Merges: Sendable {
    /// Two symbols that become one.
    public struct Pair: Sendable, Equatable {
        /// UTF-8 of the symbols.
        public let left, right: [UInt8]

        /// Creates a pair from UTF-8.
        public init(_ left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) {
            self.left = Array(left)
            self.right = Array(right)
        }
    }

    /// The pairs in the order in which they were learned.
    public let pairs: [Pair]
    /// The mark that the last character of a word carries.
    static let wordEnd = Array("</w>".utf8)
    /// A limit far beyond any use.
    private static let most = 1 << 24
    private static let version = "#version: 0.2"

    /// Creates merges from pairs.
    public init(_ pairs: [Pair]) { self.pairs = pairs }

    /// Reads a file, which may be compressed. Throws `ToolError` like `openInput`, and `dataError` with the line for another
    /// version, lines that are not two symbols, and a last line without an end.
    public init(path: String) throws {
        let lines = LineReader(try openInput(path))
        var pairs: [Pair] = []
        var hasVersion = false
        while try lines.next({ line in
            let place = "line \(lines.number)"
            guard hasVersion else {
                guard Array(line) == Array(Self.version.utf8) else {
                    throw ToolError.data(
                        lines.name, place, "does not say \(Self.version): not a file of merges, or of a version that cuts otherwise")
                }
                hasVersion = true
                return
            }
            let symbols = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard symbols.count == 2, symbols.allSatisfy({ !$0.isEmpty }) else {
                throw ToolError.data(lines.name, place, "is not two symbols with a space between them")
            }
            guard String(validating: line, as: UTF8.self) != nil else {
                throw ToolError.data(lines.name, place, "is not UTF-8")
            }
            guard pairs.count < Self.most else {
                throw ToolError.data(lines.name, place, "has more than \(Self.most) merges before it")
            }
            pairs.append(Pair(symbols[0], symbols[1]))
        }) {}
        guard hasVersion else { throw ToolError.data(lines.name, "", "is empty, and no file of merges") }
        // Half a symbol would be a valid symbol, too.
        guard lines.isEnded else { throw ToolError.data(lines.name, "line \(lines.number)", "is cut off: it has no line end") }
        self.pairs = pairs
    }

    /// Text of the file.
    public var text: [UInt8] {
        var text = Array("\(Self.version)\n".utf8)
        for pair in pairs {
            text += pair.left
            text.append(UInt8(ascii: " "))
            text += pair.right
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }

    /// XXH64 of the file's text, which identifies in shards the merges that their units were made with.
    public var digest: UInt64 {
        var digest = XXH64()
        text.withUnsafeBytes { digest.update($0) }
        return digest.digest()
    }
}
