import Files
import FoundationEssentials

/// A model file or a checkpoint, taken apart so that what stands in it can be changed.
struct ModelImage: Sendable {
    private struct Tensor: Codable {
        var dtype: String
        var shape: [Int]
        var data_offsets: [Int]
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private struct Header: Decodable {
        var metadata: [String: String] = [:]
        var tensors: [(name: String, tensor: Tensor)] = []

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            for key in container.allKeys {
                if key.stringValue == "__metadata__" {
                    metadata = try container.decode([String: String].self, forKey: key)
                } else {
                    tensors.append((key.stringValue, try container.decode(Tensor.self, forKey: key)))
                }
            }
            tensors.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        }
    }

    private static let digestKey = "contour-digest"
    private let header: String
    private let parsed: Header
    private let data: [UInt8]

    init(_ bytes: [UInt8]) throws {
        let size = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        header = String(decoding: bytes[8..<8 + size], as: UTF8.self)
        parsed = try JSONDecoder().decode(Header.self, from: Data(bytes[8..<8 + size]))
        data = Array(bytes[(8 + size)...])
    }

    func metadata(_ key: String) -> String? { parsed.metadata[key] }

    /// Each value of a JSON text in the metadata, of lines of words if it is no JSON.
    func fields(of key: String) -> [Field] {
        guard let text = parsed.metadata[key] else { return [] }
        return Field.all(inJSON: text, named: key) { file(parsed.metadata.merging([key: $0]) { $1 }, data) }
    }

    /// Another text in the metadata.
    func text(of key: String) -> Field {
        Field(name: key, values: Extremes.numbers) { file(parsed.metadata.merging([key: $0]) { $1 }, data) }
    }

    /// Each value of the header as it is: of the metadata, and of the first tensor and the last one, which stand for all.
    func headerFields() -> [Field] {
        let text = header.trimmed, names = [parsed.tensors.first?.name, parsed.tensors.last?.name].compactMap { $0 }
        let all = Field.all(inJSON: text, named: "header") { Self.file(header: $0, data) }
        return all.filter { field in (names + ["__metadata__"]).contains { field.name.hasPrefix("header \($0)") } || field.name == "header " }
            + [Field.number("header size", in: Self.file(header: text, data), at: 0, size: 8) { $0 }]
    }

    /// The first and the last number of tensors.
    func numbers(of isWanted: (String) -> Bool) -> [Field] {
        parsed.tensors.filter { isWanted($0.name) }.flatMap { name, tensor -> [Field] in
            let range = tensor.data_offsets[0]..<tensor.data_offsets[1]
            guard range.count >= 4 else { return [] }
            return [range.lowerBound, range.upperBound - 4].map { offset in
                Field.number("\(name) at \(offset)", in: data, at: offset, size: 4) { file(parsed.metadata, $0) }
            }
        }
    }

    /// The file with this metadata and this data, and their digest.
    private func file(_ metadata: [String: String], _ data: [UInt8]) -> [UInt8] {
        var metadata = metadata
        var digest = XXH64()
        func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { digest.update($0) } }
        for (key, text) in metadata.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) where key != Self.digestKey {
            update(Array(text.utf8))
        }
        for (_, tensor) in parsed.tensors { update(Array(data[tensor.data_offsets[0]..<tensor.data_offsets[1]])) }
        let hexadecimal = String(digest.digest(), radix: 16)
        metadata[Self.digestKey] = String(repeating: "0", count: 16 - hexadecimal.count) + hexadecimal
        let members = [json("__metadata__") + ":" + json(metadata)] + parsed.tensors.map { json($0.name) + ":" + json($0.tensor) }
        return Self.file(header: "{\(members.joined(separator: ","))}", data)
    }

    private static func file(header: String, _ data: [UInt8]) -> [UInt8] {
        let padded = Array(header.utf8) + Array(repeating: UInt8(ascii: " "), count: (8 - header.utf8.count % 8) % 8)
        return littleEndian(UInt64(padded.count)) + padded + data
    }
}

private func json(_ value: some Encodable) -> String {
    (try? JSONEncoder().encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? ""
}

/// The bytes of a number as files have them.
func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] { withUnsafeBytes(of: number.littleEndian, Array.init) }

extension String {
    /// Without spaces at the end.
    fileprivate var trimmed: String { String(decoding: Array(utf8.reversed().drop { $0 == UInt8(ascii: " ") }.reversed()), as: UTF8.self) }
}
