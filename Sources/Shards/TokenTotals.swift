public import Files

/// What the ends of a token shard's parts say of it, read without what is between them.
public struct TokenTotals: Sendable, Equatable {
    public private(set) var sentences = 0
    public private(set) var tokens = 0
    /// Whether tokens are units of words (`tokenize --bpe`).
    public private(set) var areUnits = false

    /// Throws `ToolError` for what is no token shard, or damaged where it was read: `dataError`, `ioError`.
    public init(_ file: PlacedFile) throws {
        var offset = 0
        while offset < file.size {
            // A part's header and end are small frames; so may a block be.
            if let end = try file.endOfFrame(at: offset, leastContent: 1 << 16) {
                offset = end
                continue
            }
            guard let frame = try FrameScanner(PlacedSource(file, at: offset), kind: .tokens, at: offset).next() else { break }
            let content = try Frame.decompress(frame, file: file.name)
            offset += frame.bytes.count
            if content.starts(with: ShardBlock.endMagic) {
                let text = String(decoding: content.dropFirst(ShardBlock.prefixSize), as: UTF8.self)
                let fields = ShardFields(lines: text.parts(separatedBy: "\n"))
                guard let sentences = fields?.integer("sentences"), let tokens = fields?.integer("tokens"), sentences >= 0,
                    tokens >= 0
                else { throw ToolError.data(file.name, frame.place, "the shard's end does not say how many tokens it has") }
                self.sentences = self.sentences.addingReportingOverflow(sentences).partialValue
                self.tokens = self.tokens.addingReportingOverflow(tokens).partialValue
            } else if !content.starts(with: ShardBlock.magic) {
                let header = try ShardHeader(
                    content: content, kind: .tokens, columns: [TokenColumn.all], file: file.name, place: frame.place)
                areUnits = areUnits || header.fields["bpe"] != nil
            }
        }
    }
}
