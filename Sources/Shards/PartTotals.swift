import Files

/// The counts of what a part's blocks hold, taken as they are read, for comparison with the totals in the part's end (docs/format.md).
struct PartTotals {
    private let kind: ShardKind
    private var counted: [(name: String, value: UInt64)]

    init(_ kind: ShardKind) {
        self.kind = kind
        counted = Self.names(kind).map { ($0, 0) }
    }

    /// The totals that every end has, in the order of `amounts`.
    private static func names(_ kind: ShardKind) -> [String] {
        switch kind {
        case .tokens: ["sentences", "tokens", "words"]
        case .vocabulary: ["words", "tokens"]
        case .table: ["words"]
        case .vectors: ["sentences", "tokens"]
        }
    }

    /// What a block adds to each; `nil` for a vocabulary's counts that add up to more than 2^64.
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

    /// Counts a block. Throws `ToolError.data`, naming `file`, if a vocabulary's counts add up to more than 2^64.
    mutating func add(_ block: ShardBlock, file: String) throws {
        for (place, amount) in amounts(block).enumerated() {
            guard let total = Self.sum(counted[place].value, amount) else {
                throw ToolError.data(file, block.place, "the words' counts add up to more than 2^64")
            }
            counted[place].value = total
        }
    }

    /// Throws `ToolError.data`, naming `file` and the total, if one of an end's is missing, no number, or another than what was
    /// counted.
    func check(_ totals: ShardFields, header: ShardHeader, file: String, place: String) throws {
        for (name, value) in counted {
            try Self.check(name, totals[name], is: value, file: file, place: place)
            // A vocabulary may have left words out.
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

    /// Throws `ToolError.data` if a total of an end is not `value`.
    static func check(_ name: String, _ total: String?, is value: UInt64, file: String, place: String) throws {
        guard let total else { throw ToolError.data(file, place, "the shard's end lacks the total '\(name)'") }
        guard UInt64(total) == value else {
            throw ToolError.data(file, place, "the shard's end has the total '\(name) \(total)', and there are \(value) \(name)")
        }
    }
}
