import Files

/// Throws `ToolError.data`, with its number, for what is no word: nothing, what is not UTF-8, and what holds white space or a
/// control character, where every tokenizer cuts.
/// - Parameters:
///   - number: of the word in the file, from 1.
///   - file: the name that the user gave.
public func checkWord(_ word: UnsafeRawBufferPointer, number: Int, file: String) throws {
    if let fault = fault(word) { throw ToolError.data(file, "word \(number)", fault) }
}

/// Checks all words of a block: a column of lengths, and one of their UTF-8. Throws as `checkWord` does.
/// - Parameter words: that came before.
func checkWords(_ block: ShardBlock, _ lengths: Int, _ bytes: Int, after words: Int, file: String) throws {
    var number = words
    try block.forEachWord(lengths: lengths, bytes: bytes) { word in
        number += 1
        try checkWord(word, number: number, file: file)
    }
}

/// Checks the text of a sentence, words with a space between them, or nothing. Throws as `checkWord` does.
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
