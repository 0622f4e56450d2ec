/// A number, a text or a list in a file, and how the file is with another value there.
struct Field: Sendable {
    let name: String
    /// What is tried.
    let values: [String]
    /// The file with a value, and with all its checksums right.
    let file: @Sendable (String) -> [UInt8]

    /// Each value of a JSON text; `file` makes the file of the text.
    static func all(inJSON text: String, named name: String, _ file: @escaping @Sendable (String) -> [UInt8]) -> [Field] {
        let json = JSONPlaces(text)
        return json.places.map { place in
            Field(name: "\(name) \(place.path)", values: Extremes.json) { file(json.replacing(place, with: $0)) }
        }
    }

    /// Each word of lines of words; the first of a line is its name, unless there are none.
    static func all(
        inLines text: String, named name: String, areNamed: Bool = true, _ file: @escaping @Sendable (String) -> [UInt8]
    ) -> [Field] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        }
        return lines.enumerated().flatMap { row, line in
            line.indices.dropFirst(areNamed ? 1 : 0).map { column in
                Field(name: "\(name) \(line[0]) \(column)", values: Extremes.numbers) { value in
                    var changed = lines
                    changed[row][column] = value
                    return file(changed.map { $0.joined(separator: " ") }.joined(separator: "\n"))
                }
            }
        }
    }

    /// A number of `size` bytes at `offset` of some bytes, little-endian.
    static func number(_ name: String, in bytes: [UInt8], at offset: Int, size: Int, _ file: @escaping @Sendable ([UInt8]) -> [UInt8]) -> Field {
        Field(name: name, values: Extremes.patterns.map(String.init)) { value in
            var changed = bytes
            let pattern = UInt64(value) ?? 0
            for index in 0..<size { changed[offset + index] = UInt8(truncatingIfNeeded: pattern >> UInt64(8 * index)) }
            return file(changed)
        }
    }
}

extension Extremes {
    /// Values in JSON: of other types too, and what is no JSON.
    static let json = [
        "-1", "0", "1", "2147483647", "2147483648", "4294967295", "4294967296", "9007199254740993", "2305843009213693952",
        "9223372036854775807", "-9223372036854775808", "18446744073709551615", "18446744073709551616", "1e308", "-1e308", "1e-320",
        "1e400", "-0.0", "0.5", #""nan""#, #""inf""#, #""-inf""#, #""""#, "\"\(letters)\"", "null", "true", "[]", "{}", "[[1,1],[1,1]]",
        "[\((0..<10_000).map(String.init).joined(separator: ","))]",
        String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000), "nan", "",
    ]

    /// Bits of numbers: ends of whole numbers of all sizes, and of floating-point ones (largest, smallest, infinite, none).
    static let patterns: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x7BFF, 0x7C00, 0x7E00, 0xFFFF, 0x7F7F_FFFF, 0x7F80_0000, 0x7FC0_0000, 0x7FFF_FFFF, 0x8000_0000,
        0xFFFF_FFFF, 1 << 32, 1 << 61, UInt64(Int64.max), 1 << 63, .max,
    ]
}
