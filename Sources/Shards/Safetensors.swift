public import Files

/// A tensor to be written to a safetensors file.
public struct SafetensorsOutput: @unchecked Sendable {
    public let name: String
    public let shape: [Int]
    public let start: UnsafePointer<Float>

    /// - Parameter start: as many floats as the shape has, row-major, alive until they are written.
    public init(name: String, shape: [Int], start: UnsafePointer<Float>) {
        self.name = name
        self.shape = shape
        self.start = start
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
            let bytes = tensor.shape.reduce(4, *)
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            header += ",\(jsonString(tensor.name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],"
            header += "\"data_offsets\":[\(offset),\(offset + bytes)]}"
            offset += bytes
        }
        header += "}"
        header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        let length = UInt64(header.utf8.count).littleEndian
        try withUnsafeBytes(of: length) { try output.write($0) }
        try output.write(header)
        for tensor in tensors {
            try output.write(UnsafeRawBufferPointer(start: tensor.start, count: tensor.shape.reduce(4, *)))
        }
    }
}
