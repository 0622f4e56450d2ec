public import Files
internal import FoundationEssentials

/// A tensor to be written to a safetensors file.
///
/// ```swift
/// let tensor = SafetensorsOutput(name: "projection.weight", shape: [300, 512], start: floats)
/// ```
public struct SafetensorsOutput: @unchecked Sendable {
    /// Name of the tensor.
    public let name: String
    /// Type of its numbers as the format spells it.
    public let type: String
    /// Shape, row-major.
    public let shape: [Int]
    /// The numbers, which must stay in memory until they are written.
    public let bytes: UnsafeRawBufferPointer

    /// Creates a tensor of floats.
    /// - `start`: the floats in row-major order, as many as the shape has.
    public init(name: String, shape: [Int], start: UnsafePointer<Float>) {
        self.name = name
        type = "F32"
        self.shape = shape
        bytes = UnsafeRawBufferPointer(start: start, count: shape.reduce(4, *))
    }

    /// Creates a one-dimensional tensor of integers.
    public init(name: String, numbers: UnsafeBufferPointer<UInt32>) {
        self.name = name
        type = "U32"
        shape = [numbers.count]
        bytes = UnsafeRawBufferPointer(numbers)
    }
}

/// The safetensors format: a header length of eight bytes, a JSON header, and the bytes of the tensors one after another.
///
/// Names are sorted by their bytes, and the header is padded with spaces so that the tensors start at a multiple of eight: the same
/// tensors and metadata give the same bytes.
///
/// ```swift
/// try Safetensors.write([tensor], metadata: ["format": "pt"], to: output)
/// try output.commit()
/// ```
public enum Safetensors {
    /// Maximum size of a header that is read, as in the format's own library.
    fileprivate static let greatestHeader = 100_000_000

    /// Writes a whole file without committing it. Throws `ToolError` with status `ioError`.
    public static func write(
        _ tensors: [SafetensorsOutput], metadata: [String: String], to output: OutputFile
    ) throws {
        let tensors = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        try writeHeader(tensors.map { ($0.name, $0.type, $0.shape, $0.bytes.count) }, metadata: metadata, to: output)
        for tensor in tensors { try output.write(tensor.bytes) }
    }

    /// Writes what precedes the bytes of the tensors. The caller then writes the tensors in the order given, which must be that of
    /// their names. Throws `ToolError` with status `ioError`.
    public static func writeHeader(
        _ tensors: [(name: String, type: String, shape: [Int], bytes: Int)], metadata: [String: String], to output: OutputFile
    ) throws {
        var header = "{\"__metadata__\":{"
        header += metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { "\(jsonString($0.key)):\(jsonString($0.value))" }.joined(separator: ",")
        header += "}"
        var offset = 0
        for tensor in tensors {
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            header += ",\(jsonString(tensor.name)):{\"dtype\":\"\(tensor.type)\",\"shape\":[\(shape)],"
            header += "\"data_offsets\":[\(offset),\(offset + tensor.bytes)]}"
            offset += tensor.bytes
        }
        header += "}"
        header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        let length = UInt64(header.utf8.count).littleEndian
        try withUnsafeBytes(of: length) { try output.write($0) }
        try output.write(header)
    }
}

/// A safetensors file in memory, whose header is checked against the file's size before it is used.
///
/// ```swift
/// let file = try SafetensorsReader(path: "model.safetensors")
/// for tensor in file.tensors { print(tensor.name, tensor.type, tensor.shape) }
/// ```
public final class SafetensorsReader {
    /// A tensor in a file.
    ///
    ///  ```swift
    ///  let total = file.tensors.reduce(0) { $0 + $1.byteCount }
    ///  ```
    public struct Tensor: Sendable {
        /// Name of the tensor.
        public let name: String
        /// Type as the file spells it: `F32`, `I64` and so on.
        public let type: String
        /// Shape, row-major.
        public let shape: [Int]
        /// The place of its bytes in the file.
        let range: Range<Int>

        /// Size in bytes.
        public var byteCount: Int { range.count }
    }

    /// The mapped file.
    public let file: MappedFile
    /// The tensors, sorted by name.
    public let tensors: [Tensor]
    /// Names and values of the file's `__metadata__`.
    public let metadata: [String: String]

    /// Opens a file and checks its header. Throws `ToolError`: `noInput` if the file cannot be opened or is a pipe, `dataError` if
    /// it is not a sound safetensors file.
    public init(path: String) throws {
        file = try MappedFile(path: path)
        let name = file.name
        let size = file.bytes.count
        guard size >= 8 else {
            throw ToolError.data(name, "byte \(size)", "ends inside the length of the header; this is not a model file")
        }
        let length = UInt64(littleEndian: file.bytes.loadUnaligned(as: UInt64.self))
        guard length >= 2 && length <= UInt64(Safetensors.greatestHeader) && file.bytes[8] == UInt8(ascii: "{") else {
            if let compression = Compression(head: Array(file.bytes.prefix(16))) {
                guard compression != .lz4 else {
                    throw ToolError.data(
                        name, "", "is not a model file, as train writes it, but LZ4 data, as the shards of the other tools are")
                }
                throw ToolError.data(name, "", "is not a model file: it \(compression.advice(name))")
            }
            throw ToolError.data(name, "byte 0", "no safetensors header; this is not a model file")
        }
        let start = 8 + Int(length)
        guard start <= size else {
            throw ToolError.data(
                name, "byte \(size)", "ends inside the header of \(length) bytes; the file is truncated")
        }
        let header: Header
        do {
            header = try JSONDecoder().decode(Header.self, from: Data(file.bytes[8..<start]))
        } catch {
            throw ToolError.data(name, "bytes 8 to \(start)", "the header is damaged: \(Self.cause(error))")
        }
        metadata = header.metadata
        tensors = try header.entries
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { try Self.tensor($0.key, $0.value, base: start, size: size, file: name) }
        var end = start
        let places = tensors.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        for tensor in places {
            guard tensor.range.lowerBound == end else {
                throw ToolError.data(
                    name, "tensor \(tensor.name)",
                    "starts at byte \(tensor.range.lowerBound), where \(end) is expected; the header is damaged")
            }
            end = tensor.range.upperBound
        }
        guard end == size else {
            throw ToolError.data(name, "byte \(end)", "\(size - end) bytes too many after the last tensor")
        }
    }

    /// Calls `body` with the tensor's bytes as stored.
    public func withBytes<Result>(of tensor: Tensor, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withExtendedLifetime(file) { body(UnsafeRawBufferPointer(rebasing: file.bytes[tensor.range])) }
    }

    /// Copies the tensor's floats. Throws `ToolError` if it has another type.
    /// - `target`: memory for the floats.
    public func copy(_ tensor: Tensor, into target: UnsafeMutablePointer<Float>) throws {
        try checkFloats(tensor)
        withBytes(of: tensor) { UnsafeMutableRawBufferPointer(start: target, count: tensor.byteCount).copyMemory(from: $0) }
    }

    /// Returns the tensor's floats in the file's memory, valid as long as `file` lives; `nil` if they are not aligned. Throws
    /// `ToolError` if the tensor has another type.
    public func floats(_ tensor: Tensor) throws -> UnsafePointer<Float>? {
        try checkFloats(tensor)
        guard let start = file.bytes.baseAddress.map({ $0 + tensor.range.lowerBound }), UInt(bitPattern: start) % 4 == 0
        else { return nil }
        return start.bindMemory(to: Float.self, capacity: tensor.byteCount / 4)
    }

    private func checkFloats(_ tensor: Tensor) throws {
        guard tensor.type == "F32" else {
            throw ToolError.data(file.name, "tensor \(tensor.name)", "is of type \(tensor.type), and must be F32")
        }
    }

    /// Returns the integers of a one-dimensional tensor. Throws `ToolError` if it has another type.
    public func numbers(_ tensor: Tensor) throws -> [UInt32] {
        guard tensor.type == "U32", tensor.shape.count == 1 else {
            throw ToolError.data(file.name, "tensor \(tensor.name)", "is of type \(tensor.type), and must be a list of U32")
        }
        return withBytes(of: tensor) { bytes in
            (0..<tensor.shape[0]).map { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
        }
    }

    private static func tensor(
        _ name: String, _ entry: Header.Entry, base: Int, size: Int, file: String
    ) throws -> Tensor {
        func damaged(_ cause: String) -> ToolError { .data(file, "tensor \(name)", cause) }
        guard let width = widths[entry.dtype] else { throw damaged("has the unknown type \(entry.dtype)") }
        guard entry.data_offsets.count == 2, entry.shape.allSatisfy({ $0 >= 0 }) else {
            throw damaged("its shape or place makes no sense")
        }
        let (first, last) = (entry.data_offsets[0], entry.data_offsets[1])
        guard first >= 0 && first <= last else { throw damaged("its place, \(first) to \(last), makes no sense") }
        guard let bytes = product(of: [width] + entry.shape) else { throw damaged("its shape is impossibly large") }
        guard bytes == last - first else {
            throw damaged("its shape takes \(bytes) bytes, its place has \(last - first)")
        }
        guard last <= size - base else {
            throw damaged("reaches beyond the end of the file at byte \(size); the file is truncated")
        }
        return Tensor(name: name, type: entry.dtype, shape: entry.shape, range: base + first..<base + last)
    }

    /// Bytes of an element, by type.
    private static let widths = [
        "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2,
        "U8": 1, "BOOL": 1,
    ]

    /// Returns one line that describes an error of the JSON decoder.
    private static func cause(_ error: any Error) -> String {
        if let fault = jsonFault(error) { return fault }
        guard case .dataCorrupted(let context)? = error as? DecodingError else { return "not JSON" }
        return context.debugDescription.split(separator: "\n").first.map(String.init) ?? "not JSON"
    }
}

/// Returns the product of sizes, 1 for none; `nil` if it exceeds `Int`.
public func product(of sizes: some Sequence<Int>) -> Int? {
    sizes.reduce(1) { total, size in
        guard let (product, overflow) = total?.multipliedReportingOverflow(by: size), !overflow else { return nil }
        return product
    }
}

/// The JSON header: an object of tensors, and an object of strings under `__metadata__`.
private struct Header: Decodable {
    struct Entry: Decodable {
        let dtype: String
        let shape: [Int]
        // Spelled as in the format.
        let data_offsets: [Int]
    }

    struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        for key in container.allKeys {
            if key.stringValue == "__metadata__" {
                metadata = try container.decode([String: String].self, forKey: key)
            } else {
                entries[key.stringValue] = try container.decode(Entry.self, forKey: key)
            }
        }
    }
}
