import Files

/// Cuts a stream into pieces of whole lines, for several threads to work on.
struct LinePieces {
    private let source: any ByteSource
    private let size: Int
    private var carry: [UInt8] = []
    private var ended = false

    /// A line longer than this is not a word and its vector.
    static let longestLine = 16 << 20

    init(_ source: any ByteSource, size: Int = 1 << 20) {
        self.source = source
        self.size = size
    }

    /// The next piece, with its last line's end if the line has one; `nil` at the end of the input.
    mutating func next() throws -> [UInt8]? {
        while !ended {
            let capacity = carry.count + size
            let piece = try [UInt8](unsafeUninitializedCapacity: capacity) { memory, count in
                let bytes = UnsafeMutableRawBufferPointer(memory)
                carry.withUnsafeBytes { bytes.copyMemory(from: $0) }
                count = carry.count
                count += try source.readFully(into: UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
            }
            if piece.count < capacity {
                ended = true
                carry = []
                return piece.isEmpty ? nil : piece
            }
            if let end = piece.lastIndex(of: UInt8(ascii: "\n")) {
                carry = Array(piece[(end + 1)...])
                return Array(piece[...end])
            }
            guard piece.count <= Self.longestLine else {
                throw ToolError.data(
                    source.name, "", "has a line longer than \(Self.longestLine >> 20) MB: these are no word vectors")
            }
            carry = piece
        }
        return nil
    }
}
