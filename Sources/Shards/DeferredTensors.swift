import Files

/// The large tensors of a table in a plain file, passed over at first: what they belong to may never be asked for.
public struct DeferredTensors: Sendable {
    struct Place: Sendable {
        let offset: Int
        /// The number of the block in its part.
        let number: Int
    }

    /// Content of a frame that is passed over, at least.
    static let leastContent = 1 << 20

    private let file: PlacedFile
    private let columns: [ShardColumn]
    private let places: [Place]

    init(_ file: PlacedFile, columns: [ShardColumn], places: [Place]) {
        self.file = file
        self.columns = columns
        self.places = places
    }

    /// Reads the pieces in the order of the file. Throws `ToolError` (`ioError`, `dataError`).
    public func forEach(_ body: (TableShardReader.TensorPiece) throws -> Void) throws {
        for place in places {
            guard let frame = try FrameScanner(PlacedSource(file, at: place.offset), kind: .table, at: place.offset).next() else { continue }
            let content = try Frame.decompress(frame, file: file.name)
            guard ShardPrefix(content).fits(ShardBlock.magic, number: place.number, size: content.count) else {
                throw ToolError.data(
                    file.name, frame.place, "block \(place.number) of the shard is missing, repeated or damaged")
            }
            let block = try ShardBlock(payload: content, columns: columns, file: file.name, place: frame.place)
            guard block.count(TableColumn.wordLengths, stride: 4) == 0 else {
                throw ToolError.data(file.name, frame.place, "the rows of this block do not lie where the header says")
            }
            try body(TablePart.tensor(block, file: file.name))
        }
    }
}

extension PlacedFile {
    /// Where the frame at `offset` ends, if one of so much content begins there; its blocks are stepped over unread.
    /// Throws `ToolError` (`ioError`; `dataError` for a frame that is cut short or damaged).
    func endOfFrame(at offset: Int, leastContent: Int) throws -> Int? {
        guard size - offset >= Frame.headerSize else { return nil }
        func number(_ place: Int) throws -> Int {
            let bytes = try read(at: place, count: 4)
            return Int(bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) })
        }
        let content = try number(offset + 6) | number(offset + 10) << 32
        guard content >= leastContent, content <= Frame.maximumContent,
            try read(at: offset, count: Frame.headerSize) == Frame.header(contentSize: content)
        else { return nil }
        var place = offset + Frame.headerSize
        while true {
            let block = try number(place) & ~Int(Frame.storedBit)
            if block == 0 { break }
            guard block <= Frame.largestBlock else {
                throw ToolError.data(name, "byte \(place)", "the shard is damaged (a block of \(block) bytes)")
            }
            place += block + Frame.blockExtra
        }
        guard place + Frame.endSize <= size else {
            throw ToolError.data(name, "byte \(place)", "the shard is cut short; make it again, or copy it again")
        }
        return place + Frame.endSize
    }
}
