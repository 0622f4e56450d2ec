/// The values of a JSON text and where they stand, so that one of them can be replaced and all else stay as it is.
struct JSONPlaces {
    struct Place: Sendable {
        /// Names and numbers down to the value: `lstm.dim`, `filters.0.1`.
        let path: String
        let range: Range<Int>
    }

    let text: [UInt8]
    /// All values, those within others too.
    private(set) var places: [Place] = []
    private var position = 0

    /// The text is one that a tool has written, so it is JSON.
    init(_ text: String) {
        self.text = Array(text.utf8)
        value("")
    }

    /// The text with another value at a place.
    func replacing(_ place: Place, with value: String) -> String {
        String(decoding: text[..<place.range.lowerBound] + Array(value.utf8) + text[place.range.upperBound...], as: UTF8.self)
    }

    private mutating func value(_ path: String) {
        skipSpace()
        let start = position
        switch text[position] {
        case UInt8(ascii: "{"): members(path, isObject: true)
        case UInt8(ascii: "["): members(path, isObject: false)
        case UInt8(ascii: "\""): _ = string()
        default: while position < text.count, !",]} \n".utf8.contains(text[position]) { position += 1 }
        }
        places.append(Place(path: path, range: start..<position))
    }

    private mutating func members(_ path: String, isObject: Bool) {
        position += 1
        var number = 0
        while true {
            skipSpace()
            if "]}".utf8.contains(text[position]) { break }
            if text[position] == UInt8(ascii: ",") {
                position += 1
                continue
            }
            let name = isObject ? string() : "\(number)"
            if isObject {
                skipSpace()
                position += 1
            }
            value(path.isEmpty ? name : "\(path).\(name)")
            number += 1
        }
        position += 1
    }

    private mutating func string() -> String {
        let start = position + 1
        position = start
        while text[position] != UInt8(ascii: "\"") { position += text[position] == UInt8(ascii: "\\") ? 2 : 1 }
        position += 1
        return String(decoding: text[start..<position - 1], as: UTF8.self)
    }

    private mutating func skipSpace() {
        while position < text.count, " \n\t".utf8.contains(text[position]) { position += 1 }
    }
}
