import Files

/// The parts of a shard while they are read: the header of the current part, and counts of what its blocks contain.
struct ShardParts {
    /// The user's name for the shard.
    let file: String
    private let kind: ShardKind
    private let columns: [[ShardColumn]]
    /// Header of the part that started last.
    private(set) var header: ShardHeader
    /// Number of that part, from 0; -1 before the first.
    private(set) var number = -1
    /// True between a part's header and its end.
    private(set) var isOpen = true
    /// Number of blocks read in this part.
    private(set) var blocks = 0
    /// Digests of the parts that have ended.
    private(set) var digests: [UInt64] = []
    private var counted: PartTotals

    /// - Parameter columns: the sets of columns that shards of this kind may have.
    init(_ kind: ShardKind, columns: [[ShardColumn]], file: String) {
        self.file = file
        self.kind = kind
        self.columns = columns
        header = ShardHeader(kind: kind, tool: "", columns: [], fields: [:])
        counted = PartTotals(kind)
    }

    /// Starts a part with the content of its first frame. Throws `ToolError.data` unless that is the header of such a shard.
    mutating func begin(_ content: [UInt8], place: String) throws {
        header = try ShardHeader(content: content, kind: kind, columns: columns, file: file, place: place)
        number += 1
        isOpen = true
        blocks = 0
        counted = PartTotals(kind)
    }

    /// Counts a block. Throws `ToolError.data` unless its prefix is that of the part's next block.
    /// - Parameters:
    ///   - content: the start of the block, or the whole block.
    ///   - size: size of the whole block.
    mutating func checkBlock(_ content: [UInt8], size: Int, place: String) throws {
        try ShardBlock.checkPrefix(content, ShardBlock.magic, number: blocks, size: size, file: file, place: place)
        blocks += 1
    }

    /// Counts a block that was skipped.
    mutating func skipBlock() { blocks += 1 }

    /// Adds the contents of a block to the totals. Throws `ToolError.data`.
    mutating func count(_ block: ShardBlock) throws { try counted.add(block, file: file) }

    /// Ends the part. Throws `ToolError.data` if the totals in its end differ from what was read.
    /// - Parameter digest: digest of the content to compare; `nil` if not all of it was read.
    mutating func end(_ content: [UInt8], digest: UInt64?, place: String) throws {
        try ShardBlock.checkPrefix(content, ShardBlock.endMagic, number: blocks, size: content.count, file: file, place: place)
        guard let totals = ShardFields(endOfPart: content) else {
            throw ToolError.data(file, place, "the shard's end is not text")
        }
        guard digest == nil || totals["digest"] == digest.map(hexadecimal) else {
            throw ToolError.data(file, place, "the shard is damaged: its digest is not that of its content")
        }
        guard let said = totals["digest"].flatMap({ UInt64($0, radix: 16) }) else {
            throw ToolError.data(file, place, "the shard is damaged: its end has no digest")
        }
        try PartTotals.check("blocks", totals["blocks"], is: UInt64(blocks), file: file, place: place)
        try counted.check(totals, header: header, file: file, place: place)
        digests.append(said)
        isOpen = false
    }

    /// Throws `ToolError.data` if the shard ends inside a part.
    func checkEnded() throws {
        guard isOpen else { return }
        throw ToolError.data(file, "after block \(blocks)", "the shard is cut short: it has no end mark")
    }
}

extension ShardFields {
    /// Parses the totals in a part's last frame; returns `nil` if that is not text.
    init?(endOfPart content: [UInt8]) {
        let text = String(validating: content.dropFirst(ShardBlock.prefixSize), as: UTF8.self) ?? ""
        self.init(lines: text.parts(separatedBy: "\n"))
    }
}

/// Counts of what a part's blocks contain, for comparison with the totals in the part's end (docs/format.md).
struct PartTotals {
    private let kind: ShardKind
    private var counted: [(name: String, value: UInt64)]

    init(_ kind: ShardKind) {
        self.kind = kind
        counted = Self.names(kind).map { ($0, 0) }
    }

    /// Names of the totals that every end has, in the order of `amounts`.
    private static func names(_ kind: ShardKind) -> [String] {
        switch kind {
        case .tokens: ["sentences", "tokens", "words"]
        case .vocabulary: ["words", "tokens"]
        case .table: ["words"]
        case .vectors: ["sentences", "tokens"]
        }
    }

    /// Returns what a block adds to the totals; `nil` for counts of a vocabulary that add up to more than 2^64.
    private func amounts(_ block: ShardBlock) -> [UInt64?] {
        func count(_ column: Int, _ stride: Int) -> UInt64 { UInt64(block.count(column, stride: stride)) }
        switch kind {
        case .tokens: return [count(TokenColumn.sentenceLengths, 4), count(TokenColumn.ids, 4), count(TokenColumn.newWordLengths, 4)]
        case .vocabulary:
            let tokens = block.withColumn(VocabularyColumn.counts, as: UInt64.self) { counts in
                counts.reduce(UInt64?(0)) { Self.sum($0, $1) }
            }
            return [count(VocabularyColumn.counts, 8), tokens]
        case .table: return [count(TableColumn.wordLengths, 4)]
        case .vectors: return [count(VectorColumn.sentenceLengths, 4), count(VectorColumn.wordLengths, 4)]
        }
    }

    private static func sum(_ first: UInt64?, _ second: UInt64?) -> UInt64? {
        guard let first, let second else { return nil }
        let (sum, overflow) = first.addingReportingOverflow(second)
        return overflow ? nil : sum
    }

    /// Counts a block. Throws `ToolError.data`, naming `file`, if the counts of a vocabulary add up to more than 2^64.
    mutating func add(_ block: ShardBlock, file: String) throws {
        for (place, amount) in amounts(block).enumerated() {
            guard let total = Self.sum(counted[place].value, amount) else {
                throw ToolError.data(file, block.place, "the words' counts add up to more than 2^64")
            }
            counted[place].value = total
        }
    }

    /// Throws `ToolError.data`, naming `file` and the total, if a total of an end is missing, not a number, or different from what
    /// was counted.
    func check(_ totals: ShardFields, header: ShardHeader, file: String, place: String) throws {
        for (name, value) in counted {
            try Self.check(name, totals[name], is: value, file: file, place: place)
            // A vocabulary may omit words.
            if kind == .vocabulary, let whole = totals["counted-\(name)"], UInt64(whole) ?? 0 < value {
                throw ToolError.data(
                    file, place, "the shard's end has the total 'counted-\(name) \(whole)', fewer than the \(value) \(name) that were kept")
            }
        }
        for name in ["text-digest", "counted-digest"] where totals[name].map({ UInt64($0, radix: 16) == nil }) ?? false {
            throw ToolError.data(file, place, "the shard's end has the total '\(name) \(totals[name] ?? "")', which is no digest")
        }
        if let bytes = totals["text-bytes"], UInt64(bytes) == nil {
            throw ToolError.data(file, place, "the shard's end has the total 'text-bytes \(bytes)', which is no number")
        }
        if kind == .table, header.fields["words"] != totals["words"] {
            throw ToolError.data(
                file, place, "the shard's header has the field 'words \(header.fields["words"] ?? "")', and there are "
                    + "\(totals["words"] ?? "") words")
        }
    }

    /// Throws `ToolError.data` unless a total of an end equals `value`.
    static func check(_ name: String, _ total: String?, is value: UInt64, file: String, place: String) throws {
        guard let total else { throw ToolError.data(file, place, "the shard's end lacks the total '\(name)'") }
        guard UInt64(total) == value else {
            throw ToolError.data(file, place, "the shard's end has the total '\(name) \(total)', and there are \(value) \(name)")
        }
    }
}
