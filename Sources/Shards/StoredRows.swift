import Files
import Synchronization

/// The rows of a table where they lie in its file: read when they are asked for, a stored LZ4 block checked when the first
/// of its rows is. Any thread may ask.
public final class StoredRows: Sendable {
    /// Rows of one frame.
    struct Run: Sendable {
        /// The number of the first row, among all rows of the file, and of its LZ4 block among all.
        let first: Int
        let firstBlock: Int
        let count: Int
        /// Rows in an LZ4 block, the last one excepted.
        let together: Int
        /// Where the first row's LZ4 block lies in the file.
        let offset: Int
        let storage: RowStorage

        var blocks: Int { (count + together - 1) / together }
    }

    public let dimension: Int
    private let file: PlacedFile
    private let runs: [Run]
    /// A bit for each LZ4 block that has been found whole.
    private let sound: Mutex<[UInt64]>

    init(_ file: PlacedFile, dimension: Int, runs: [Run]) {
        self.file = file
        self.dimension = dimension
        self.runs = runs
        let blocks = runs.last.map { $0.firstBlock + $0.blocks } ?? 0
        sound = Mutex(Array(repeating: 0, count: (blocks + 63) / 64))
    }

    /// Reads row `index` into `row`, [dimension]. Throws `ToolError` (`ioError`; `dataError` if the block in which it lies
    /// is damaged or holds what is no number). Allocates nothing when the block has been checked.
    public func read(_ index: Int, into row: UnsafeMutableBufferPointer<Float>) throws {
        precondition(row.count == dimension)
        let run = runs[self.run(of: index)], rowBytes = run.storage.stride * dimension
        precondition(index >= run.first && index < run.first + run.count)
        let place = (index - run.first) / run.together
        let start = run.offset + place * (run.together * rowBytes + Frame.blockExtra)
        let rowInBlock = (index - run.first) % run.together
        let block = run.firstBlock + place
        if sound.withLock({ $0[block / 64] >> UInt64(block % 64) & 1 == 1 }) {
            return try read(at: start + 4 + rowInBlock * rowBytes, run.storage, into: row)
        }
        let rows = min(run.together, run.count - place * run.together)
        let bytes = try file.read(at: start, count: rows * rowBytes + Frame.blockExtra)
        try bytes.withUnsafeBytes { bytes in
            guard let content = Frame.storedBlock(bytes) else {
                throw ToolError.data(file.name, "byte \(start)", "the shard is damaged (a block's checksum is wrong)")
            }
            guard run.storage.isFinite(content) else {
                throw ToolError.data(file.name, "byte \(start)", "a vector holds NaN or infinity")
            }
            run.storage.read(
                UnsafeRawBufferPointer(rebasing: content[rowInBlock * rowBytes..<(rowInBlock + 1) * rowBytes]), into: row)
        }
        sound.withLock { $0[block / 64] |= 1 << UInt64(block % 64) }
    }

    /// Reads the values that begin at byte `place` of the file, which are known to be sound.
    private func read(at place: Int, _ storage: RowStorage, into row: UnsafeMutableBufferPointer<Float>) throws {
        let bytes = UnsafeMutableRawBufferPointer(row)
        guard storage == .float16 else { return try file.read(at: place, into: bytes) }
        // Halves wait in the back half of the row: floats, made from the front on, never reach one that is still to be read.
        let halves = UnsafeMutableRawBufferPointer(rebasing: bytes[(bytes.count / 2)...])
        try file.read(at: place, into: halves)
        // Some at a time, because of more than a KiB the stack may not have the room.
        let most = 256
        withUnsafeTemporaryAllocation(byteCount: 2 * most, alignment: 2) { some in
            for start in stride(from: 0, to: row.count, by: most) {
                let end = min(start + most, row.count)
                let piece = UnsafeMutableRawBufferPointer(rebasing: some[..<(2 * (end - start))])
                piece.copyMemory(from: UnsafeRawBufferPointer(rebasing: halves[2 * start..<2 * end]))
                storage.read(UnsafeRawBufferPointer(piece), into: UnsafeMutableBufferPointer(rebasing: row[start..<end]))
            }
        }
    }

    /// The last run that begins at or before a row.
    private func run(of index: Int) -> Int {
        var low = 0, high = runs.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if runs[middle].first <= index { low = middle } else { high = middle }
        }
        return low
    }
}
