import Files

/// A sentence as a tree of phrases. Each phrase has a sentiment from 0 (very negative) to 4 (very positive), as in the Stanford
/// Sentiment Treebank (Socher et al. 2013).
public struct SentimentTree: Sendable {
    /// The words of the sentence.
    public let words: [String]
    /// The label of the root.
    public let label: Int
    /// All nodes, including the root and single words, in the order of their opening brackets.
    public let subtrees: [(words: Range<Int>, label: Int)]

    /// Returns 1 for a positive phrase, 0 for a negative one, and `nil` for a neutral one: the two classes of the treebank.
    public static func polarity(_ label: Int) -> Int? { label == 2 ? nil : label > 2 ? 1 : 0 }

    init(words: [String], subtrees: [(words: Range<Int>, label: Int)]) {
        (self.words, self.subtrees) = (words, subtrees)
        label = subtrees[0].label
    }
}

/// Labelled trees in brackets, one per line: `(3 (2 It) (4 (2 's) (4 lovely)))`.
///
/// The escapes of the Penn Treebank are undone: `-LRB-` becomes `(`, and `\/` becomes `/`.
public struct SentimentTrees: Sendable {
    /// The name that the user gave to the file.
    public let name: String
    /// The trees: at least one, and none without words.
    public let trees: [SentimentTree]

    /// Reads a file. Empty lines are ignored.
    /// - `path`: `-` for standard input; the file may be compressed.
    ///
    /// Throws `ToolError`: `noInput`, `ioError`, and `dataError` with the line for text that is not UTF-8, missing brackets, nodes
    /// without label or content, labels other than 0 to 4, and a file without trees.
    public init(path: String) throws {
        let lines = try TextLines(path: path)
        var trees: [SentimentTree] = []
        while let line = try lines.next() {
            var parser = TreeParser(line)
            do {
                if let tree = try parser.tree() { trees.append(tree) }
            } catch let fault as TreeParser.Fault {
                throw lines.error(fault.cause)
            }
        }
        guard !trees.isEmpty else { throw lines.error(ofAll: "has no trees") }
        name = lines.name
        self.trees = trees
    }
}

/// Reads one tree.
private struct TreeParser {
    struct Fault: Error { let cause: String }

    private struct OpenNode {
        let subtree: Int
        var children = 0
        var hasWord = false
    }

    private let bytes: [UInt8]
    private var place = 0
    private var words: [String] = []
    private var subtrees: [(words: Range<Int>, label: Int)] = []
    private var open: [OpenNode] = []

    init(_ line: String) { bytes = Array(line.utf8) }

    /// Returns the tree, or `nil` for an empty line.
    mutating func tree() throws -> SentimentTree? {
        skipBlanks()
        guard place < bytes.count else { return nil }
        repeat {
            switch bytes[place] {
            case UInt8(ascii: "("): try begin()
            case UInt8(ascii: ")"): try end()
            default: try word()
            }
            skipBlanks()
        } while place < bytes.count && !open.isEmpty
        guard open.isEmpty else { throw Fault(cause: "the tree ends with \(counted(open.count, "open bracket"))") }
        guard place == bytes.count else { throw Fault(cause: "goes on behind the tree's last bracket") }
        return SentimentTree(words: words, subtrees: subtrees)
    }

    private mutating func begin() throws {
        if let last = open.last {
            guard !last.hasWord else { throw Fault(cause: "has a bracket behind the word '\(words.last ?? "")' that is not closed") }
            open[open.count - 1].children += 1
        }
        place += 1
        let label = token()
        guard let value = Int(label), label.utf8.count == 1, (0...4).contains(value) else {
            throw Fault(cause: label.isEmpty ? "has a node without a label" : "has a node with the label '\(label)', and must have 0 to 4")
        }
        open.append(OpenNode(subtree: subtrees.count))
        subtrees.append((words.count..<words.count, value))
    }

    private mutating func end() throws {
        guard let node = open.popLast() else { throw Fault(cause: "has a closing bracket before the tree") }
        let words = subtrees[node.subtree].words.lowerBound..<words.count
        guard !words.isEmpty else { throw Fault(cause: "has a node with neither words nor nodes") }
        subtrees[node.subtree].words = words
        place += 1
    }

    private mutating func word() throws {
        let word = token()
        guard let last = open.last else { throw Fault(cause: "does not begin with a bracket") }
        guard !last.hasWord && last.children == 0 else {
            throw Fault(cause: "has the word '\(word)' in a node that has \(last.hasWord ? "a word" : "nodes")")
        }
        open[open.count - 1].hasWord = true
        words.append(unescaped(word))
    }

    private mutating func skipBlanks() {
        while place < bytes.count && (bytes[place] == UInt8(ascii: " ") || bytes[place] == UInt8(ascii: "\t")) { place += 1 }
    }

    private mutating func token() -> String {
        let start = place
        while place < bytes.count && !" \t()".utf8.contains(bytes[place]) { place += 1 }
        return String(decoding: bytes[start..<place], as: UTF8.self)
    }

    private func unescaped(_ word: String) -> String {
        switch word {
        case "-LRB-": "("
        case "-RRB-": ")"
        case "-LSB-": "["
        case "-RSB-": "]"
        case "-LCB-": "{"
        case "-RCB-": "}"
        default: word.replacingBytes(of: "\\/", with: "/").replacingBytes(of: "\\*", with: "*")
        }
    }
}
