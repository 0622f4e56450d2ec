import Files

/// A kind of shard. The name stands in the header and in messages.
public enum ShardKind: String, Sendable, CaseIterable {
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

    /// The command line that makes a shard of this kind of text, or, for a table, of word vectors.
    /// - Parameter name: the text, or `standard input`.
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

/// One column of every block of a shard: a name and the type of its elements.
public struct ShardColumn: Sendable, Equatable {
    public enum Element: String, Sendable {
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

    public let name: String
    public let element: Element

    public init(_ name: String, _ element: Element) {
        self.name = name
        self.element = element
    }
}

/// Text fields in order, a name and a value each: what headers and trailers are made of.
public struct ShardFields: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public private(set) var pairs: [(name: String, value: String)] = []

    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { append(name, value) }
    }

    /// Adds a field. Names have no spaces; line ends in a value become spaces, because a field is a line.
    public mutating func append(_ name: String, _ value: String) {
        pairs.append((name, String(String.UnicodeScalarView(value.unicodeScalars.map { Character($0).isNewline ? " " : $0 }))))
    }

    /// Adds the fields of `other` behind these.
    public mutating func append(contentsOf other: ShardFields) { pairs += other.pairs }

    /// The first value of that name.
    public subscript(name: String) -> String? { pairs.first { $0.name.isIdentical(to: name) }?.value }

    public func integer(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

    /// A whole number of a header. Throws `ToolError.data` if it is missing, no whole number, or outside `range`.
    func integer(_ name: String, in range: ClosedRange<Int>, file: String) throws -> Int {
        guard let text = self[name] else { throw ToolError.data(file, "header", "lacks the field '\(name)'") }
        guard let number = Int(text), range.contains(number) else {
            throw ToolError.data(file, "header", "\(name) is \(text), and must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// True if a field says `true`; false if it is missing. Throws `ToolError.data` for anything but `true` and `false`.
    public func truth(_ name: String, file: String) throws -> Bool {
        switch self[name] {
        case "true": return true
        case "false", nil: return false
        case .some(let text): throw ToolError.data(file, "header", "\(name) is \(text), and must be true or false")
        }
    }

    public static func == (left: ShardFields, right: ShardFields) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0.name.isIdentical(to: $1.name) && $0.value.isIdentical(to: $1.value) }
    }

    func lines() -> String { pairs.map { "\($0.name) \($0.value)\n" }.joined() }

    /// Parses `name value` lines; `nil` if a line has no name.
    init?(lines: some Sequence<String>) {
        for line in lines {
            let parts = line.parts(separatedBy: " ", most: 1, keepsEmpty: true)
            guard parts.count == 2, !parts[0].isEmpty else { return nil }
            pairs.append((parts[0], parts[1]))
        }
    }
}

/// The text at the start of a shard's every part: what it is, and what made it with which options.
///
///     contour shard 1
///     kind tokens
///     tool tokenize 0.1.0
///     column new-word-lengths u32
///     …
///     lowercase false
///
/// It names no file, no date and no number of threads, so that the same input and options give the same bytes.
public struct ShardHeader: Sendable, Equatable {
    /// The version of the format that this code writes and reads: docs/format.md.
    public static let version = 1
    public static let magic = "contour shard "

    public let kind: ShardKind
    /// Name and version of the tool that wrote it.
    public let tool: String
    public let columns: [ShardColumn]
    /// The tool's options that shaped the content, and digests of what it was made from.
    public let fields: ShardFields

    public init(kind: ShardKind, tool: String, columns: [ShardColumn], fields: ShardFields) {
        self.kind = kind
        self.tool = tool
        self.columns = columns
        self.fields = fields
    }

    /// The bytes of the header, with the empty line that ends it.
    var text: String {
        "\(Self.magic)\(Self.version)\nkind \(kind.rawValue)\ntool \(tool)\n"
            + columns.map { "column \($0.name) \($0.element.rawValue)\n" }.joined() + fields.lines() + "\n"
    }

    /// Parses the content of a part's first frame. Throws `ToolError.data` if it is not the header of a shard of this kind and
    /// version.
    /// - Parameter columns: the columns that the shard may have.
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
