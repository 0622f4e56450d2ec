/// Where the rows of a table lie in its frames, so that they can be read there.
///
/// The frame of a block with rows is stored. Its first LZ4 block has all that lies before the rows' values, the next ones
/// have the same number of rows each (the last one fewer), and one more has what comes behind.
enum RowPlaces {
    /// The field of the header that says how many rows an LZ4 block has.
    static let field = "rows-together"
    /// Bytes of rows in an LZ4 block, about: what must be read for the first of its rows, to check all of them.
    private static let bytes = 64 << 10

    /// Rows in an LZ4 block.
    static func rows(_ rowBytes: Int) -> Int { max(1, bytes / rowBytes) }

    /// The ends of a frame's LZ4 blocks but the last; the rows' column begins `behind` so many bytes of the content.
    static func cuts(behind: Int, rows: Int, rowBytes: Int) -> [Int] {
        // A column begins with its count.
        let start = behind + 8, together = Self.rows(rowBytes)
        return [start] + stride(from: 0, to: rows, by: together).map { start + rowBytes * min(rows, $0 + together) }
    }
}
