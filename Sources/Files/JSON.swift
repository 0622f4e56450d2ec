/// Describes which field an error of a JSON decoder concerns, for a message: `options.batch is missing, or has a value that it
/// cannot have`; `nil` if the text is not JSON.
public func jsonFault(_ error: any Error) -> String? {
    let path: [any CodingKey]
    switch error as? DecodingError {
    case .keyNotFound(let key, let context): path = context.codingPath + [key]
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): path = context.codingPath
    default: return nil
    }
    guard !path.isEmpty else { return nil }
    let name = path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    return "\(name) is missing, or has a value that it cannot have"
}

/// Returns the first name that occurs twice in one object of valid JSON text, or `nil`. Readers differ in which of the two values
/// they use.
public func repeatedJSONName(_ text: [UInt8]) -> String? {
    // Names of each open object so far; `nil` for an array.
    var open: [Set<ArraySlice<UInt8>>?] = []
    var isName = false, index = 0
    while index < text.count {
        switch text[index] {
        case UInt8(ascii: "{"):
            open.append([])
            isName = true
        case UInt8(ascii: "["):
            open.append(nil)
            isName = false
        case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
        case UInt8(ascii: ","): isName = open.last.map { $0 != nil } ?? false
        case UInt8(ascii: ":"): isName = false
        case UInt8(ascii: "\""):
            let start = index + 1
            index = start
            while index < text.count && text[index] != UInt8(ascii: "\"") { index += text[index] == UInt8(ascii: "\\") ? 2 : 1 }
            let name = text[start..<min(index, text.count)]
            if isName, let last = open.indices.last, open[last]?.insert(name).inserted == false {
                return String(decoding: name, as: UTF8.self)
            }
        default: break
        }
        index += 1
    }
    return nil
}

/// Returns a string in JSON notation, including quotes.
public func jsonString(_ text: String) -> String {
    var json = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": json += "\\\""
        case "\\": json += "\\\\"
        case "\n": json += "\\n"
        case "\r": json += "\\r"
        case "\t": json += "\\t"
        case "\u{0}"..<" ":
            let digits = String(scalar.value, radix: 16)
            json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: json.unicodeScalars.append(scalar)
        }
    }
    return json + "\""
}
