import Files

/// Checks a word. Throws `ToolError.data` with the word's number if it is empty, not UTF-8, or contains white space or a control
/// character, at which every tokenizer splits.
/// - `number`: number of the word in the file, from 1.
public func checkWord(_ word: UnsafeRawBufferPointer, number: Int, file: String) throws {
    if let fault = fault(word) { throw ToolError.data(file, "word \(number)", fault) }
}

/// Checks all words of a block, given as a column of lengths and one of UTF-8. Throws like `checkWord`.
/// - Parameter words: number of words before the block.
func checkWords(_ block: ShardBlock, _ lengths: Int, _ bytes: Int, after words: Int, file: String) throws {
    var number = words
    try block.forEachWord(lengths: lengths, bytes: bytes) { word in
        number += 1
        try checkWord(word, number: number, file: file)
    }
}

/// Checks the text of a sentence: empty, or words separated by single spaces. Throws like `checkWord`.
func checkSentence(_ text: UnsafeRawBufferPointer, number: Int, file: String) throws {
    guard !text.isEmpty else { return }
    for word in text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false) {
        try checkWord(UnsafeRawBufferPointer(rebasing: word), number: number, file: file)
    }
}

private func fault(_ word: UnsafeRawBufferPointer) -> String? {
    guard !word.isEmpty else { return "is empty" }
    if word.allSatisfy({ 0x21...0x7E ~= $0 }) { return nil }
    guard let text = String(validating: word, as: UTF8.self) else { return "is not UTF-8" }
    let isCut = text.unicodeScalars.contains { $0.properties.isWhitespace || $0.properties.generalCategory == .control }
    return isCut ? "has white space or a control character in it, where every tokenizer cuts" : nil
}

/// Returns a word in lower case by Unicode's rules, with final sigma at its end; `nil` if it is in lower case already.
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

/// Returns false if a word has no capital letters. A quick test by the leading bytes of UTF-8, true for many other words, too.
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
