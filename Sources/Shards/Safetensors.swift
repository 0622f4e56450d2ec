public import Files

/// A tensor to be written to a safetensors file.
public struct SafetensorsOutput: @unchecked Sendable {
    public let name: String
    /// As the format spells it.
    public let type: String
    public let shape: [Int]
    /// Alive until they are written.
    public let bytes: UnsafeRawBufferPointer

    /// - Parameter start: as many floats as the shape has, row-major.
    public init(name: String, shape: [Int], start: UnsafePointer<Float>) {
        self.name = name
        type = "F32"
        self.shape = shape
        bytes = UnsafeRawBufferPointer(start: start, count: shape.reduce(4, *))
    }

    /// A list of whole numbers.
    public init(name: String, numbers: UnsafeBufferPointer<UInt32>) {
        self.name = name
        type = "U32"
        shape = [numbers.count]
        bytes = UnsafeRawBufferPointer(numbers)
    }
}

/// The safetensors format: eight bytes of header length, a JSON header, the tensors' bytes one after the other.
///
/// The same tensors and metadata give the same bytes: names are sorted by their bytes, the header has no free choice
/// left, and is filled up with spaces so that the tensors start at a multiple of eight.
public enum Safetensors {
    /// What readers accept at most, as the format's own library does.
    static let greatestHeader = 100_000_000

    /// Writes a whole file. Throws `ToolError` with status `ioError`.
    public static func write(
        _ tensors: [SafetensorsOutput], metadata: [String: String], to output: OutputFile
    ) throws {
        let tensors = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        var header = "{\"__metadata__\":{"
        header += metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { "\(jsonString($0.key)):\(jsonString($0.value))" }.joined(separator: ",")
        header += "}"
        var offset = 0
        for tensor in tensors {
            let bytes = tensor.bytes.count
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            header += ",\(jsonString(tensor.name)):{\"dtype\":\"\(tensor.type)\",\"shape\":[\(shape)],"
            header += "\"data_offsets\":[\(offset),\(offset + bytes)]}"
            offset += bytes
        }
        header += "}"
        header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        let length = UInt64(header.utf8.count).littleEndian
        try withUnsafeBytes(of: length) { try output.write($0) }
        try output.write(header)
        for tensor in tensors { try output.write(tensor.bytes) }
    }
}
