public import Files
public import Shards
#if HDF5
import CHDF5
import Synchronization
#endif

/// Makes an HDF5 file, which appears under its name whole or not at all. The same calls make the same bytes.
///
/// The library arranges the file; numbers and long strings are written straight to the places that it gives them, and cost no
/// memory. Data sets are written one after the other.
public final class HDF5Writer {
    /// The user's name for it.
    public let name: String
    #if HDF5
    private let output: OutputFile
    private let bytes: OutputBytes
    private var file: LibraryOutput?
    private var dataset: ArrayPlace?
    #endif

    /// - Parameter path: the file to make.
    /// Throws `ToolError`: `usage` for standard output or a pipe, `cannotCreate` if the file cannot be made there, `unavailable`
    /// if the tools were built without the library.
    public init(path: String) throws {
        #if HDF5
        guard path != "-" else { throw ToolError(.usage, "HDF5 needs a file, not standard output; use -o FILE") }
        output = try OutputFile(path: path, binary: true)
        guard output.hasPlaces else { throw ToolError(.usage, "\(path): HDF5 needs a plain file; use another name") }
        name = path
        bytes = OutputBytes(output)
        try libraryLock.withLock { _ in file = try LibraryOutput(bytes, name: path) }
        #else
        throw withoutLibrary(path)
        #endif
    }

    #if HDF5
    deinit {
        // The library writes when it closes: to nowhere, if this was not committed.
        bytes.isAbandoned = true
        libraryLock.withLock { _ in
            prepareLibrary()
            file?.close()
        }
    }
    #endif

    /// Begins a data set, whose values `write` brings; the one before must be complete.
    /// - Parameters:
    ///   - dataset: the name, behind the names of its groups if it is to be in any (`a/b`).
    ///   - shape: the shape: (layers, tokens, width), (tokens, width) or (values), each of them 0 or more.
    /// Throws `ToolError`: `dataError` if the name is taken or is no name, `ioError` on a full disk for example.
    public func beginDataset(_ dataset: String, shape: [Int], type: RowStorage) throws {
        precondition(!shape.isEmpty && shape.count <= 3 && shape.allSatisfy { $0 >= 0 })
        #if HDF5
        finishDataset()
        let offset = try withLibrary { try $0.makeArray(dataset, shape: shape, type: type) }
        self.dataset = ArrayPlace(
            of: "\(name): data set \(quoted(dataset))", offset: offset, shape: shape, type: type)
        #endif
    }

    /// Appends tokens to the data set.
    /// - Parameter values: the vectors of any number of tokens: (tokens, layers, width), or (tokens, width).
    /// Throws `ToolError`: `dataError` if a number is too large for float16, `ioError` on a full disk for example.
    public func write(_ values: UnsafeBufferPointer<Float>) throws {
        #if HDF5
        guard var dataset else { preconditionFailure("no data set was begun") }
        try dataset.write(values, to: bytes)
        self.dataset = dataset
        try bytes.check()
        #endif
    }

    /// Adds a data set of one string of variable length, in UTF-8, as h5py makes for `(1,)` of `special_dtype(vlen=str)`.
    /// - Parameter text: the string, of at most 4 GiB; it is never in memory as a whole.
    /// Throws `ToolError` as `beginDataset` does, and what `text` throws.
    public func writeString(_ dataset: String, from text: any ByteSource) throws {
        #if HDF5
        finishDataset()
        try withLibrary { file in
            let element = try file.makeString(dataset)
            try file.writeText(from: text, element: element, to: bytes, dataset: dataset)
        }
        #endif
    }

    /// Writes everything to the disk, so that `commit` needs no more room: for outputs that appear together, or not at all. Nothing
    /// may be added after it. Throws `ToolError`.
    public func prepare() throws {
        #if HDF5
        guard file != nil else { return }
        finishDataset()
        try bytes.flush()
        try withLibrary { file in
            guard file.close() else { throw ToolError(.ioError, "\(name): cannot be finished\(libraryCause())") }
        }
        file = nil
        try output.prepare()
        #endif
    }

    /// Makes the file final: everything written, on disk, and under its name. Throws `ToolError`.
    public func commit() throws {
        #if HDF5
        try prepare()
        try output.commit()
        #endif
    }

    #if HDF5
    private func finishDataset() {
        precondition(dataset?.isComplete ?? true, "the data set before lacks values")
        dataset = nil
    }

    private func withLibrary<Value: Sendable>(_ body: (LibraryOutput) throws -> Value) throws -> Value {
        guard let file else { preconditionFailure("the file has been committed") }
        return try libraryLock.withLock { _ in
            prepareLibrary()
            do {
                let value = try body(file)
                try bytes.check()
                return value
            } catch {
                throw bytes.failure ?? error
            }
        }
    }
    #endif
}

#if HDF5
/// The place of an array's values in the file, and the number that have come.
private struct ArrayPlace {
    private let name: String
    private let offset: Int
    private let type: RowStorage
    private let layers: Int
    private let tokens: Int
    private let width: Int
    private var done = 0

    /// - Parameters:
    ///   - name: the file and the data set, for messages.
    ///   - shape: the shape: (layers, tokens, width), (tokens, width) or (values).
    init(of name: String, offset: Int, shape: [Int], type: RowStorage) {
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
