/// A word in lower case by Unicode's rules, with the final form of sigma at its end; `nil` if it is so already.
/// - Parameter word: valid UTF-8.
public func lowerCase(_ word: UnsafeRawBufferPointer) -> [UInt8]? {
    if word.allSatisfy({ $0 < 0x80 }) {
        guard word.contains(where: { $0 >= 0x41 && $0 <= 0x5A }) else { return nil }
        return word.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
    }
    let lower = Array(lowerCase(String(decoding: word, as: UTF8.self)).utf8)
    return lower.elementsEqual(word) ? nil : lower
}

private func lowerCase(_ word: String) -> String {
    guard word.unicodeScalars.last == "Σ", word.unicodeScalars.count > 1 else { return word.lowercased() }
    return word.dropLast().lowercased() + "ς"
}
