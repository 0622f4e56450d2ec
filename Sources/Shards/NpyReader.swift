import Files

/// A mapped array of floats in NumPy's `.npy` format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
///
/// ```swift
/// let array = try NpyReader(path: "vectors.npy")
/// let first = array.values(0..<array.shape[1])
/// ```
public struct NpyReader: Sendable {
    /// The first bytes of every such file.
    public static let signature: [UInt8] = [0x93] + Array("NUMPY".utf8)

    /// Shape of the array.
    public let shape: [Int]
    private let file: MappedFile
    private let start, size: Int

    /// Opens a file. Throws `ToolError` with status `dataError` unless it holds 16-, 32- or 64-bit floats in row-major order.
    public init(path: String) throws {
        file = try MappedFile(path: path)
        let bytes = file.bytes
        func damaged(_ what: String) -> ToolError { .data(path, "", what) }
        guard bytes.count >= 12, bytes.prefix(6).elementsEqual(Self.signature), (1...3).contains(bytes[6]) else {
            throw damaged("is not a NumPy array")
        }
        let (first, length) = bytes[6] == 1
            ? (10, Int(bytes[8]) | Int(bytes[9]) << 8)
            : (12, Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))))
        guard first + length <= bytes.count else { throw damaged("ends inside its header; the file is truncated") }
        let header = String(decoding: bytes[first..<first + length], as: UTF8.self)
        func value(_ key: String) -> Substring? {
            let rest = header.text(behind: "'\(key)':")
            return rest.map { $0.drop { $0 == " " } }
        }
        guard let type = value("descr")?.dropFirst().prefix(while: { $0 != "'" }), let order = value("fortran_order"),
            let shape = value("shape")?.dropFirst().prefix(while: { $0 != ")" })
        else { throw damaged("has no header of a NumPy array") }
        let sizes = ["<f2": 2, "<f4": 4, "<f8": 8]
        guard let size = sizes[String(type)] else { throw damaged("has numbers of the type \(type), and must have <f4, <f2 or <f8") }
        guard order.hasPrefix("False") else { throw damaged("has its columns one after the other (fortran_order); save np.ascontiguousarray of it") }
        let numbers = shape.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }.map { Int($0) }
        guard !numbers.contains(nil) else { throw damaged("has no shape that makes sense") }
        self.shape = numbers.compactMap { $0 }
        (start, self.size) = (first + length, size)
        guard let count = product(of: self.shape), count <= (bytes.count - start) / size else {
            throw damaged("ends before its last number; the file is truncated")
        }
    }

    /// Returns the numbers in a range of the row-major array as floats.
    public func values(_ range: Range<Int>) -> [Float] {
        range.map { index in
            let offset = start + index * size
            return switch size {
            case 2: HalfFloat.value(UInt16(littleEndian: file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
            case 4: Float(bitPattern: UInt32(littleEndian: file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            default: Float(Double(bitPattern: UInt64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))))
            }
        }
    }
}

extension String {
    /// Returns the text after the first occurrence of `text`; `nil` if there is none.
    fileprivate func text(behind text: String) -> Substring? {
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(text) { return rest.dropFirst(text.count) }
            rest = rest.dropFirst()
        }
        return nil
    }
}
