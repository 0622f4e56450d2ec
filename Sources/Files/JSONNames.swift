/// The first name that stands twice in one object of a JSON text, which is sound: readers differ in which of the two counts.
public func repeatedJSONName(_ text: [UInt8]) -> String? {
    // The names of each open object so far; `nil` for a list.
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
