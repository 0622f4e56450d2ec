public import Files
internal import FoundationEssentials

/// A tensor to be written to a safetensors file.
public struct SafetensorsOutput: @unchecked Sendable {
    public let name: String
    /// The type of its numbers as the format spells it.
    public let type: String
    public let shape: [Int]
    /// The numbers, which must stay in memory until they are written.
    public let bytes: UnsafeRawBufferPointer

    /// - Parameter start: the floats, as many as the shape has, row-major.
    public init(name: String, shape: [Int], start: UnsafePointer<Float>) {
        self.name = name
        type = "F32"
        self.shape = shape
        bytes = UnsafeRawBufferPointer(start: start, count: shape.reduce(4, *))
    }

    /// Makes a tensor of a list of whole numbers.
    public init(name: String, numbers: UnsafeBufferPointer<UInt32>) {
        self.name = name
        type = "U32"
        shape = [numbers.count]
        bytes = UnsafeRawBufferPointer(numbers)
    }
}

/// The safetensors format: eight bytes of header length, a JSON header, the tensors' bytes one after the other.
///
/// Names are sorted by their bytes, and the header is filled up with spaces so that the tensors start at a multiple of eight:
/// the same tensors and metadata give the same bytes.
public enum Safetensors {
    /// The largest header that is read, as in the format's own library.
    fileprivate static let greatestHeader = 100_000_000

    /// Writes a whole file. Throws `ToolError` with status `ioError`.
    public static func write(
        _ tensors: [SafetensorsOutput], metadata: [String: String], to output: OutputFile
    ) throws {
        let tensors = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        try writeHeader(tensors.map { ($0.name, $0.type, $0.shape, $0.bytes.count) }, metadata: metadata, to: output)
        for tensor in tensors { try output.write(tensor.bytes) }
    }

    /// Writes what comes before the bytes of the tensors, which the caller writes in the order given: that of their names. Throws
    /// `ToolError` with status `ioError`.
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

/// A safetensors file in memory, its header checked against its size before anything is read by it.
public final class SafetensorsReader {
    public struct Tensor: Sendable {
        public let name: String
        /// `F32`, `I64`, ... as the file spells it.
        public let type: String
        public let shape: [Int]
        /// The place of its bytes in the file.
        let range: Range<Int>

        public var byteCount: Int { range.count }
    }

    public let file: MappedFile
    /// Sorted by name.
    public let tensors: [Tensor]
    public let metadata: [String: String]

    /// Throws `ToolError`: `noInput` if the file cannot be opened or is a pipe, `dataError` if it is not what it should
    /// be.
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

    /// Calls `body` with the tensor's bytes as they are in the file.
    public func withBytes<Result>(of tensor: Tensor, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withExtendedLifetime(file) { body(UnsafeRawBufferPointer(rebasing: file.bytes[tensor.range])) }
    }

    /// Copies the tensor's floats. Throws `ToolError` if it is of another type.
    /// - Parameter target: the room for them.
    public func copy(_ tensor: Tensor, into target: UnsafeMutablePointer<Float>) throws {
        try checkFloats(tensor)
        withBytes(of: tensor) { UnsafeMutableRawBufferPointer(start: target, count: tensor.byteCount).copyMemory(from: $0) }
    }

    /// The tensor's floats in the file's memory, valid as long as `file` lives; `nil` if they are not aligned. Throws
    /// `ToolError` if the tensor is of another type.
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

    /// The whole numbers of a tensor of one dimension. Throws `ToolError` if it is of another type.
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

    /// Bytes of an element.
    private static let widths = [
        "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2,
        "U8": 1, "BOOL": 1,
    ]

    /// One line for an error of the JSON decoder.
    private static func cause(_ error: any Error) -> String {
        if let fault = jsonFault(error) { return fault }
        guard case .dataCorrupted(let context)? = error as? DecodingError else { return "not JSON" }
        return context.debugDescription.split(separator: "\n").first.map(String.init) ?? "not JSON"
    }
}

/// The product of sizes, 1 for none; `nil` if it is beyond `Int`.
public func product(of sizes: some Sequence<Int>) -> Int? {
    sizes.reduce(1) { total, size in
        guard let (product, overflow) = total?.multipliedReportingOverflow(by: size), !overflow else { return nil }
        return product
    }
}

/// The JSON header: an object of tensors, and one of strings under `__metadata__`.
private struct Header: Decodable {
    struct Entry: Decodable {
        let dtype: String
        let shape: [Int]
        // The format's own spelling.
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
