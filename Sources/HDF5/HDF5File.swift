import Files

/// Data sets of numbers in an HDF5 file, read as floats.
///
/// Links to other places and other files are not followed. The library works in a process of its own, a new one for each call
/// (`HDF5ReaderService`): however damaged a file is, the answer is a value or a `ToolError`.
public final class HDF5File: Sendable {
    /// The user's name for it.
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
    /// - Parameter reader: the path of a program that calls `HDF5ReaderService`; `nil` for this program if it does so, and
    ///   otherwise for `encode` in the folder of this program.
    /// Throws `ToolError`: `noInput` if it cannot be opened, `dataError` if it is no HDF5 file, or damaged; `unavailable` if
    /// the tools were built without the library, or the program that reads such files is missing.
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
        let answer = try carryOut(ReadRequest(of: path, reading: file.size), on: file, by: reader)
        guard case .list(let catalogue) = answer else { throw ToolError.data(path, "", "is damaged") }
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

    /// All values of a data set, in rows. Floats and integers of any width and byte order become floats as by assignment in C.
    /// Throws `ToolError`, mostly with status `dataError`, if the data set is missing or damaged, holds no numbers, or claims
    /// more of them than the file can hold.
    public func values(_ path: String) throws -> [Float] {
        let dataset = try dataset(path)
        func refusal(_ cause: String) -> ToolError { .data(name, "data set \(path)", cause) }
        guard dataset.kind != .other else { throw refusal("does not hold floats or integers in this file") }
        // The best that deflate can do is 1032 to 1.
        let stored = min(dataset.stored.bytes, file.size)
        let (held, overflow) = stored.multipliedReportingOverflow(by: dataset.stored.isCompressed ? 1032 : 1)
        guard overflow || dataset.count * dataset.elementSize <= held else {
            throw refusal("claims \(dataset.count) values, and \(stored) bytes are stored")
        }
        #if HDF5
        return try [Float](unsafeUninitializedCapacity: dataset.count) { buffer, initialized in
            guard dataset.count > 0 else { return }
            let values = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<dataset.count]))
            let request = ReadRequest(dataset, of: name, reading: file.size + values.count)
            _ = try carryOut(request, on: file, by: reader, values: values)
            initialized = dataset.count
        }
        #else
        throw withoutLibrary(name)
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
public struct HDF5Dataset: Sendable, Equatable, Codable {
    /// The names of its groups and its own, behind a slash each (`/RNN_0/B`).
    public let path: String
    /// Empty for a single value.
    public let shape: [Int]
    public let kind: Kind
    /// The room that it takes in the file.
    let stored: Storage

    public enum Kind: Sendable, Equatable, Codable {
        /// Floating-point numbers of so many bits (16, 32 or 64).
        case float(bits: Int)
        /// Integers of so many bits (8 to 64), with a sign or without.
        case integer(bits: Int)
        /// Strings, compounds, and whatever else is not read here.
        case other
    }

    struct Storage: Sendable, Equatable, Codable {
        var bytes: Int
        var isCompressed: Bool
    }

    /// The number of values.
    public var count: Int { shape.reduce(1, *) }

    /// Bytes of a value, 0 where it is not read here.
    var elementSize: Int {
        switch kind {
        case .float(let bits), .integer(let bits): bits / 8
        case .other: 0
        }
    }
}
