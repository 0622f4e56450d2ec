import Files

/// A kind of shard. Its name appears in the header and in messages.
///
/// ```swift
/// print(ShardKind.tokens.tool)              // tokenize
/// ```
public enum ShardKind: String, Sendable, CaseIterable {
    /// Tokens of sentences, words with counts, words with vectors, and contextual vectors.
    case tokens, vocabulary, table, vectors

    /// The tool that writes shards of this kind.
    public var tool: String {
        switch self {
        case .tokens: "tokenize"
        case .vocabulary: "build-vocab"
        case .table: "embed-oov"
        case .vectors: "encode"
        }
    }

    /// Returns the command line that makes a shard of this kind from text or, for a table, from word vectors.
    /// - Parameter name: the input file, or `standard input`.
    func command(making name: String) -> String {
        let isPiped = name == "standard input"
        let input = isPiped ? "" : " " + name
        return switch self {
        case .tokens: "tokenize\(input) -o corpus.tok"
        case .vocabulary: "tokenize\(input) | build-vocab -o vocab.shard"
        case .table: "embed-oov --vectors \(isPiped ? "-" : name) vocab.shard -o table.shard"
        case .vectors: "encode --model model.safetensors --table table.shard\(input) -o vectors.shard"
        }
    }
}

/// A column of every block of a shard: a name and an element type.
///
/// ```swift
/// let column = ShardColumn("ids", .u32)
/// ```
public struct ShardColumn: Sendable, Equatable {
    /// An element type: unsigned integers of 8, 32 and 64 bits, and floats of 16 and 32 bits.
    ///
    ///  ```swift
    ///  let element = ShardColumn.Element.u32
    ///  ```
    public enum Element: String, Sendable {
        /// Unsigned integers of 8, 32 and 64 bits, and floats of 16 and 32 bits.
        case u8, u32, u64, f16, f32

        var stride: Int {
            switch self {
            case .u8: 1
            case .f16: 2
            case .u32, .f32: 4
            case .u64: 8
            }
        }
    }

    /// Name of the column.
    public let name: String
    /// Type of the elements.
    public let element: Element

    /// Creates a column.
    public init(_ name: String, _ element: Element) {
        self.name = name
        self.element = element
    }
}

/// Text fields in order, each a name and a value, of which headers and ends consist.
///
/// ```swift
/// var fields: ShardFields = ["lowercase": "true"]
/// fields.append("sentences", "120")
/// let sentences = fields.integer("sentences")
/// ```
public struct ShardFields: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// Names and values in order.
    public private(set) var pairs: [(name: String, value: String)] = []

    /// Creates fields from a literal.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { append(name, value) }
    }

    /// Appends a field. Names must not contain spaces. Line ends in a value become spaces, because a field is one line.
    public mutating func append(_ name: String, _ value: String) {
        pairs.append((name, String(String.UnicodeScalarView(value.unicodeScalars.map { Character($0).isNewline ? " " : $0 }))))
    }

    /// Appends the fields of `other`.
    public mutating func append(contentsOf other: ShardFields) { pairs += other.pairs }

    /// The first value with this name; `nil` if there is none.
    public subscript(name: String) -> String? { pairs.first { $0.name.isIdentical(to: name) }?.value }

    /// Returns the first value with this name as an integer; `nil` if it is missing or not an integer.
    public func integer(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

    /// Returns an integer field. Throws `ToolError.data` if it is missing, not an integer, or outside `range`.
    func integer(_ name: String, in range: ClosedRange<Int>, file: String) throws -> Int {
        guard let text = self[name] else { throw ToolError.data(file, "header", "lacks the field '\(name)'") }
        guard let number = Int(text), range.contains(number) else {
            throw ToolError.data(file, "header", "\(name) is \(text), and must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Returns true if a field is `true`, and false if it is `false` or missing. Throws `ToolError.data` for any other value.
    public func truth(_ name: String, file: String) throws -> Bool {
        switch self[name] {
        case "true": return true
        case "false", nil: return false
        case .some(let text): throw ToolError.data(file, "header", "\(name) is \(text), and must be true or false")
        }
    }

    /// Returns true if both have the same names and values in the same order.
    public static func == (left: ShardFields, right: ShardFields) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0.name.isIdentical(to: $1.name) && $0.value.isIdentical(to: $1.value) }
    }

    func lines() -> String { pairs.map { "\($0.name) \($0.value)\n" }.joined() }

    /// Parses `name value` lines; returns `nil` if a line has no name.
    init?(lines: some Sequence<String>) {
        for line in lines {
            let parts = line.parts(separatedBy: " ", most: 1, keepsEmpty: true)
            guard parts.count == 2, !parts[0].isEmpty else { return nil }
            pairs.append((parts[0], parts[1]))
        }
    }
}

/// The text at the start of each part of a shard: what it is, and which tool made it with which options.
///
///     contour shard 1
///     kind tokens
///     tool tokenize 0.1.0
///     column new-word-lengths u32
///     …
///     lowercase false
///
/// It names no file, date or number of threads, so that the same input and options give the same bytes.
///
/// ```swift
/// let reader = try VocabularyShardReader(openInput("vocab.shard"), pool: pool)
/// print(reader.header.tool, reader.header.fields["words"] ?? "")
/// ```
public struct ShardHeader: Sendable, Equatable {
    /// Version of the format that this code reads and writes; see docs/format.md.
    public static let version = 1
    /// The start of the first line of every header.
    public static let magic = "contour shard "

    /// Kind of the shard.
    public let kind: ShardKind
    /// Name and version of the tool that wrote the shard.
    public let tool: String
    /// Columns of every block.
    public let columns: [ShardColumn]
    /// Options of the tool that affect the content, and digests of its inputs.
    public let fields: ShardFields

    /// Creates a header.
    public init(kind: ShardKind, tool: String, columns: [ShardColumn], fields: ShardFields) {
        self.kind = kind
        self.tool = tool
        self.columns = columns
        self.fields = fields
    }

    /// The bytes of the header, including the empty line that ends it.
    var text: String {
        "\(Self.magic)\(Self.version)\nkind \(kind.rawValue)\ntool \(tool)\n"
            + columns.map { "column \($0.name) \($0.element.rawValue)\n" }.joined() + fields.lines() + "\n"
    }

    /// Parses the content of a part's first frame. Throws `ToolError.data` unless it is the header of a shard of this kind and
    /// version.
    /// - Parameter columns: the sets of columns that the shard may have.
    init(content: [UInt8], kind needed: ShardKind, columns known: [[ShardColumn]], file: String, place: String) throws {
        guard content.count <= 1 << 20, let text = String(validating: content, as: UTF8.self), text.begins(with: Self.magic),
            text.ends(with: "\n\n")
        else { throw ToolError.data(file, place, "this LZ4 stream does not begin like a Contour shard") }
        let lines = Substring(text.utf8.dropLast(2)).parts(separatedBy: "\n", keepsEmpty: true)
        guard let version = Int(Substring(lines[0].utf8.dropFirst(Self.magic.utf8.count))) else {
            throw ToolError.data(file, place, "the shard has no format version")
        }
        guard version == Self.version else {
            throw ToolError.data(
                file, place, "the shard has format version \(version), this program reads version \(Self.version)")
        }
        guard let all = ShardFields(lines: lines.dropFirst()) else {
            throw ToolError.data(file, place, "the shard's header has a line that is not 'name value'")
        }
        guard let kindName = all["kind"], let kind = ShardKind(rawValue: kindName), let tool = all["tool"] else {
            throw ToolError.data(file, place, "the shard is of a kind that this program does not know (\(all["kind"] ?? "none"))")
        }
        var columns: [ShardColumn] = []
        var rest = ShardFields()
        for (name, value) in all.pairs where name != "kind" && name != "tool" {
            guard name == "column" else {
                rest.append(name, value)
                continue
            }
            let parts = value.parts(separatedBy: " ")
            guard parts.count == 2, let element = ShardColumn.Element(rawValue: String(parts[1])) else {
                throw ToolError.data(file, place, "the shard's header has a column of unknown type: \(value)")
            }
            columns.append(ShardColumn(String(parts[0]), element))
        }
        guard kind == needed else {
            throw ToolError.data(
                file, "",
                "is a \(kind.rawValue) shard, and a \(needed.rawValue) shard is needed here; \(needed.tool) makes one")
        }
        guard known.contains(columns) else {
            throw ToolError.data(file, place, "the shard's columns are not those of format version \(Self.version)")
        }
        self.init(kind: kind, tool: tool, columns: columns, fields: rest)
    }
}
