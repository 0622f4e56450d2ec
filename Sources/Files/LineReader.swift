/// Splits a stream into lines, for stages that process one line at a time.
public final class LineReader {
    /// The user's name for the input.
    public var name: String { source.name }
    /// Number of lines returned so far.
    public private(set) var number = 0
    /// True if the last line was terminated; the last line of truncated text is not.
    public private(set) var isEnded = true

    private let source: any ByteSource
    private let limit: Int
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private var unread = 0..<0
    private var line: [UInt8] = []

    /// Creates a reader.
    /// - `limit`: maximum length of a line in bytes.
    public init(_ source: any ByteSource, limit: Int = 64 << 20) {
        self.source = source
        self.limit = limit
    }

    deinit { buffer.deallocate() }

    /// Calls `body` with the next line without its terminator (LF or CR LF); returns false at the end of the stream. Throws
    /// `ToolError.data` for a line longer than the limit.
    public func next(_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
        line.removeAll(keepingCapacity: true)
        var ended = false
        while !ended {
            if unread.isEmpty {
                unread = 0..<(try source.read(into: buffer))
                if unread.isEmpty { break }
            }
            let piece = buffer[unread]
            let end = piece.firstIndex(of: UInt8(ascii: "\n"))
            line.append(contentsOf: buffer[unread.lowerBound..<(end ?? unread.upperBound)])
            unread = (end.map { $0 + 1 } ?? unread.upperBound)..<unread.upperBound
            ended = end != nil
            guard line.count <= limit else {
                throw ToolError.data(name, "line \(number + 1)", "is longer than \(limit >> 20) MiB")
            }
        }
        guard ended || !line.isEmpty else { return false }
        number += 1
        isEnded = ended
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        try line.withUnsafeBytes { try body($0) }
        return true
    }
}
