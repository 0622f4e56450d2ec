/// A word in lower case by Unicode's rules, with the final form of sigma at its end; `nil` if it is so already.
/// - Parameter word: valid UTF-8.
public func lowerCase(_ word: UnsafeRawBufferPointer) -> [UInt8]? {
    if word.allSatisfy({ $0 < 0x80 }) {
        guard word.contains(where: { $0 >= 0x41 && $0 <= 0x5A }) else { return nil }
        return word.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
    }
    guard mayHaveCapitals(word) else { return nil }
    let lower = Array(lowerCase(String(decoding: word, as: UTF8.self)).utf8)
    return lower.elementsEqual(word) ? nil : lower
}

/// True if a word may have capital letters. This is a quick look by leading bytes of UTF-8, and true for many words that have none.
private func mayHaveCapitals(_ word: UnsafeRawBufferPointer) -> Bool {
    var place = 0
    while place < word.count {
        switch word[place] {
        case 0x41...0x5A: return true
        case 0..<0x80: place += 1
        // U+05C0 to U+07FF: Hebrew, Arabic.
        case 0xD7...0xDF: place += 2
        // U+0800 to U+0FFF: scripts of South Asia. U+3000 to U+9FFF and U+B000 to U+EFFF: kana, ideographs, Hangul.
        case 0xE0, 0xE3...0xE9, 0xEB...0xEE: place += 3
        default: return true
        }
    }
    return false
}

private func lowerCase(_ word: String) -> String {
    let letters = word.unicodeScalars
    guard letters.last == "Σ", letters.count > 1 else { return word.lowercased() }
    return String(letters.dropLast()).lowercased() + "ς"
}
