public import Files
public import Shards
#if HDF5
import CHDF5
import Synchronization
#endif

/// Writes an HDF5 file that appears whole under its name or not at all. The same calls give the same bytes.
///
/// The library lays out the file. Numbers and long strings are written directly to the places it assigns, and take no memory. Data
/// sets are written one after another.
public final class HDF5Writer {
    /// The user's name for the file.
    public let name: String
    #if HDF5
    private let output: OutputFile
    private let bytes: OutputBytes
    private var file: LibraryOutput?
    private var dataset: ArrayPlace?
    #endif

    /// Creates a file. Throws `ToolError`: `usage` for standard output or a pipe, `cannotCreate` if the file cannot be created
    /// there, `unavailable` if the tools were built without the library.
    /// - Parameter path: the file to create.
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
        // The library writes when it closes; discard that unless the file was committed.
        bytes.isAbandoned = true
        libraryLock.withLock { _ in
            prepareLibrary()
            file?.close()
        }
    }
    #endif

    /// Starts a data set, whose values follow by `write`; the previous one must be complete. Throws `ToolError`: `dataError` if the
    /// name is taken or invalid, `ioError` for example on a full disk.
    /// - `dataset`: the name, after the names of its groups if there are any (`a/b`).
    /// - `shape`: (layers, tokens, width), (tokens, width) or (values); sizes may be 0.
    public func beginDataset(_ dataset: String, shape: [Int], type: RowStorage) throws {
        precondition(!shape.isEmpty && shape.count <= 3 && shape.allSatisfy { $0 >= 0 })
        #if HDF5
        finishDataset()
        let offset = try withLibrary { try $0.makeArray(dataset, shape: shape, type: type) }
        self.dataset = ArrayPlace(
            of: "\(name): data set \(quoted(dataset))", offset: offset, shape: shape, type: type)
        #endif
    }

    /// Appends vectors of tokens to the data set. Throws `ToolError`: `dataError` if a number is too large for float16, `ioError`
    /// for example on a full disk.
    /// - Parameter values: vectors of any number of tokens, (tokens, layers, width) or (tokens, width).
    public func write(_ values: UnsafeBufferPointer<Float>) throws {
        #if HDF5
        guard var dataset else { preconditionFailure("no data set was begun") }
        try dataset.write(values, to: bytes)
        self.dataset = dataset
        try bytes.check()
        #endif
    }

    /// Adds a data set of one UTF-8 string of variable length, like h5py's for `(1,)` of `special_dtype(vlen=str)`. Throws
    /// `ToolError` like `beginDataset`, and what `text` throws.
    /// - `text`: the string, of at most 4 GiB, which is never in memory as a whole.
    public func writeString(_ dataset: String, from text: any ByteSource) throws {
        #if HDF5
        finishDataset()
        try withLibrary { file in
            let element = try file.makeString(dataset)
            try file.writeText(from: text, element: element, to: bytes, dataset: dataset)
        }
        #endif
    }

    /// Writes everything to disk, so that `commit` needs no more space: for outputs that must appear together or not at all.
    /// Nothing may be added afterwards. Throws `ToolError`.
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

    /// Completes the file: everything is written to disk, and the file gets its name. Throws `ToolError`.
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
/// The place of an array's values in the file, and the number written so far.
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
    ///   - shape: (layers, tokens, width), (tokens, width) or (values).
    init(of name: String, offset: Int, shape: [Int], type: RowStorage) {
        self.name = name
        self.offset = offset
        self.type = type
        layers = shape.count == 3 ? shape[0] : 1
        tokens = shape[max(0, shape.count - 2)]
        width = shape.count > 1 ? shape[shape.count - 1] : 1
    }

    var isComplete: Bool { done == tokens || layers * width == 0 }

    /// Writes `values` (tokens, layers, width) after those written before. Throws `ToolError`: `dataError` for a number that is too
    /// large, or `ioError`.
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
                // Values that were infinite or NaN before stay so.
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
