#if HDF5
import Files
import Shards

/// Where the values of an array are in the file, and how many have come.
struct ArrayPlace {
    private let name: String
    private let offset: Int
    private let type: HDF5Float
    private let layers: Int
    private let tokens: Int
    private let width: Int
    private var done = 0

    /// - Parameters:
    ///   - name: the file and the data set, for messages.
    ///   - shape: (layers, tokens, width), (tokens, width) or (values).
    init(of name: String, offset: Int, shape: [Int], type: HDF5Float) {
        self.name = name
        self.offset = offset
        self.type = type
        layers = shape.count == 3 ? shape[0] : 1
        tokens = shape[max(0, shape.count - 2)]
        width = shape.count > 1 ? shape[shape.count - 1] : 1
    }

    var isComplete: Bool { done == tokens || layers * width == 0 }

    /// Writes `values` (tokens, layers, width) behind those that came before. Throws `ToolError`: `dataError` for a number that
    /// is too large, `ioError`.
    mutating func write(_ values: UnsafeBufferPointer<Float>, to bytes: OutputBytes) throws {
        guard let start = values.baseAddress, !values.isEmpty else { return }
        let row = layers * width
        precondition(row > 0 && values.count % row == 0 && values.count / row <= tokens - done, "values that have no place")
        let count = values.count / row
        for layer in 0..<layers {
            var place = offset + (layer * tokens + done) * width * type.stride
            for token in 0..<count {
                var rest = UnsafeBufferPointer(start: start + token * row + layer * width, count: width)
                while !rest.isEmpty {
                    let room = try bytes.room(at: place, rest.count * type.stride)
                    let taken = room.count / type.stride
                    try convert(UnsafeBufferPointer(rebasing: rest[..<taken]), to: room)
                    bytes.add(taken * type.stride)
                    place += taken * type.stride
                    rest = UnsafeBufferPointer(rebasing: rest[taken...])
                }
            }
        }
        done += count
    }

    private func convert(_ values: UnsafeBufferPointer<Float>, to room: UnsafeMutableRawBufferPointer) throws {
        switch type {
        case .float32: room.copyMemory(from: UnsafeRawBufferPointer(values))
        case .float16:
            let halves = room.assumingMemoryBound(to: UInt16.self)
            var tooLarge = 0
            for index in values.indices {
                let half = HalfFloat.bits(values[index])
                halves[index] = half
                // What was infinite or no number before stays so.
                tooLarge &+= half & 0x7FFF == 0x7C00 && values[index].isFinite ? 1 : 0
            }
            guard tooLarge == 0 else {
                throw ToolError(
                    .dataError, "\(name): a value is beyond \(HalfFloat.greatest), the largest of float16; use float32")
            }
        }
    }
}
#endif
