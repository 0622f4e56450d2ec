import Files

/// Data sets of numbers in an HDF5 file, read as floats.
///
/// Links to other places and other files are not followed. The library works in a process of its own, a new one for each call
/// (`HDF5ReaderService`): however damaged a file is, the answer is a value or a `ToolError`.
public final class HDF5File: Sendable {
    /// What the user calls it.
    public let name: String
    /// All data sets, in the order of their names' bytes, group by group.
    public let datasets: [HDF5Dataset]
    private let file: PlacedFile
    #if HDF5
    private let reader: ReaderProgram
    #endif
    private let links: Set<String>
    private let indices: [String: Int]

    /// Opens a file for reading and lists what is in it.
    /// - Parameter reader: the path of a program that calls `HDF5ReaderService`; `nil` is this program if it does so, and otherwise
    ///   `encode` in the folder of this program.
    /// Throws `ToolError`: `noInput` if it cannot be opened, `dataError` if it is no HDF5 file, or damaged; `unavailable` if the
    /// tools were built without the library, or the program that reads such files is missing.
    public init(path: String, reader: String? = nil) throws {
        #if HDF5
        guard let file = PlacedFile(try FileSource(path: path)) else {
            throw ToolError(.noInput, "\(path): is not a plain file, as HDF5 must be")
        }
        guard try Self.hasSignature(file) else {
            let compression = Compression(head: try file.read(at: 0, count: min(16, file.size)))
            throw ToolError.data(path, "", "is not an HDF5 file" + (compression.map { ": it \($0.advice(path))" } ?? ""))
        }
        let reader = try reader.map { ReaderProgram(path: $0, shown: $0) } ?? .find(for: path)
        let request = ReadRequest(.list, of: path, reading: file.size)
        var list = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        defer { list.deallocate() }
        try carryOut(request, on: file, by: reader) { size in
            guard size <= ReadRequest.mostListed else { return nil }
            list = .allocate(byteCount: size, alignment: 8)
            return list
        }
        guard let catalogue = Catalogue(UnsafeRawBufferPointer(list)) else { throw ToolError.data(path, "", "is damaged") }
        self.file = file
        self.reader = reader
        name = path
        datasets = catalogue.datasets
        links = Set(catalogue.links)
        indices = Dictionary(catalogue.datasets.enumerated().map { ($1.path, $0) }, uniquingKeysWith: { first, _ in first })
        #else
        throw withoutLibrary(path)
        #endif
    }

    /// The data set at `path` (`/RNN_0/B`). Throws `ToolError` with status `dataError` if there is none.
    public func dataset(_ path: String) throws -> HDF5Dataset {
        if let index = indices[path] { return datasets[index] }
        let isBehindLink =
            links.contains(path) || path.indices.contains { path[$0] == "/" && links.contains(String(path[..<$0])) }
        throw ToolError.data(
            name, "data set \(path)", isBehindLink ? "is behind a link, and links are not followed" : "is not in the file")
    }

    /// Reads all values of a data set, in rows, into `buffer`, whose size is that of `shape`. Floats and integers of any width
    /// and byte order become floats as by assignment in C.
    /// Throws `ToolError` with status `dataError` if the data set is missing, damaged, of another shape, or holds no numbers.
    public func read(_ path: String, shape: [Int], into buffer: UnsafeMutableBufferPointer<Float>) throws {
        let dataset = try dataset(path, shape: shape)
        precondition(buffer.count == dataset.count)
        try read(dataset, into: buffer)
    }

    /// All values of a data set, in rows. Throws as the other does.
    public func floats(_ path: String, shape: [Int]) throws -> [Float] {
        let dataset = try dataset(path, shape: shape)
        try check(dataset)
        return try [Float](unsafeUninitializedCapacity: dataset.count) { buffer, initialized in
            try read(dataset, into: UnsafeMutableBufferPointer(rebasing: buffer[..<dataset.count]))
            initialized = dataset.count
        }
    }

    private func dataset(_ path: String, shape: [Int]) throws -> HDF5Dataset {
        let dataset = try dataset(path)
        guard dataset.shape == shape else {
            throw refusal(path, "has the shape \(dataset.shape), and \(shape) is expected")
        }
        return dataset
    }

    private func refusal(_ path: String, _ cause: String) -> ToolError { .data(name, "data set \(path)", cause) }

    /// Whether the file can hold what the data set claims to have, and it is numbers.
    private func check(_ dataset: HDF5Dataset) throws {
        guard dataset.kind != .other else { throw refusal(dataset.path, "does not hold floats or integers in this file") }
        // The best that deflate can do is 1032 to 1.
        let most = dataset.stored.isCompressed ? 1032 : 1
        let (held, overflow) = min(dataset.stored.bytes, file.size).multipliedReportingOverflow(by: most)
        guard overflow || dataset.count * dataset.elementSize <= held else {
            throw refusal(
                dataset.path, "claims \(dataset.count) values, and \(min(dataset.stored.bytes, file.size)) bytes are stored")
        }
    }

    private func read(_ dataset: HDF5Dataset, into buffer: UnsafeMutableBufferPointer<Float>) throws {
        try check(dataset)
        guard dataset.count > 0 else { return }
        #if HDF5
        let values = UnsafeMutableRawBufferPointer(buffer)
        let request = ReadRequest(.values(dataset), of: name, reading: file.size + values.count)
        try carryOut(request, on: file, by: reader) { $0 == values.count ? values : nil }
        #endif
    }

    #if HDF5
    /// The signature is at the start, or at a power of two from 512 on.
    private static func hasSignature(_ file: PlacedFile) throws -> Bool {
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
        var offset = 0
        while offset <= file.size - signature.count {
            if try file.read(at: offset, count: signature.count) == signature { return true }
            offset = max(512, 2 * offset)
        }
        return false
    }
    #endif
}

/// A data set in an HDF5 file.
public struct HDF5Dataset: Sendable, Equatable {
    /// Where it is: names of groups and its own, behind a slash each (`/RNN_0/B`).
    public let path: String
    /// Empty for a single value.
    public let shape: [Int]
    public let kind: Kind
    /// What it takes in the file.
    let stored: Storage

    public enum Kind: Sendable, Equatable {
        /// Floating-point numbers of so many bits (16, 32 or 64).
        case float(bits: Int)
        /// Integers of so many bits (8 to 64), with a sign or without.
        case integer(bits: Int)
        /// Strings, compounds, and whatever else is not read here.
        case other
    }

    struct Storage: Sendable, Equatable {
        var bytes: Int
        var isCompressed: Bool
    }

    /// The number of values.
    public var count: Int { shape.reduce(1, *) }

    public init(path: String, shape: [Int], kind: Kind) {
        self.init(path: path, shape: shape, kind: kind, stored: Storage(bytes: 0, isCompressed: false))
    }

    init(path: String, shape: [Int], kind: Kind, stored: Storage) {
        self.path = path
        self.shape = shape
        self.kind = kind
        self.stored = stored
    }

    public static func == (a: HDF5Dataset, b: HDF5Dataset) -> Bool {
        a.path == b.path && a.shape == b.shape && a.kind == b.kind
    }

    /// Bytes of a value, 0 where it is not read here.
    var elementSize: Int {
        switch kind {
        case .float(let bits), .integer(let bits): bits / 8
        case .other: 0
        }
    }
}
