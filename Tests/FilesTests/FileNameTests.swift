import Files
import Testing

/// A String holds any name that the system has, and gives it back.
struct FileNameTests {
    @Test func everyNameComesBack() {
        var random = SystemRandomNumberGenerator()
        for round in 0..<20_000 {
            // Bytes that make up, or nearly make up, the scalars which stand for bytes are frequent.
            let bytes = (0..<Int.random(in: 0...12, using: &random)).map { _ -> UInt8 in
                round % 2 == 0 ? .random(in: 1...255, using: &random) : [0xF4, 0x8F, 0x9E, 0x9F, 0x80, 0xBF, 0x61].randomElement() ?? 1
            }
            let name = String(fileName: bytes)
            #expect(name.fileNameBytes == bytes)
            #expect(name.withFileName { String(fileName: $0) }.utf8.elementsEqual(name.utf8))
        }
    }

    @Test func twoNamesAreTwoStrings() {
        let names: [[UInt8]] = [[0xFF], [0xFE], [0xEF, 0xBF, 0xBD], [0xF4, 0x8F, 0x9F, 0xBF], [0xF4, 0x8F, 0x9F], [0xF4], Array("ÿ".utf8)]
        #expect(Set(names.map { Array(String(fileName: $0).utf8) }).count == names.count)
    }

    @Test func namesOfUTF8AreThemselves() {
        for name in ["", "a", "é", "e\u{301}", "\u{10FFFD}", "\u{10F77F}", "\u{10F800}"] {
            #expect(String(fileName: Array(name.utf8)).utf8.elementsEqual(name.utf8) && name.shownFileName.utf8.elementsEqual(name.utf8))
        }
    }

    @Test func otherBytesAreShownAsNumbers() {
        #expect(String(fileName: [0x61, 0xFF, 0x62]).shownFileName == "a\\xFFb")
        #expect(String(fileName: [0xF4, 0x8F, 0x9F, 0xBF]).shownFileName == "\\xF4\\x8F\\x9F\\xBF")
        // What was set apart only so that it does not join a letter is shown as the letter that it is.
        var value = "="
        for byte in "\u{301}".utf8 { value.appendEscape(of: byte) }
        #expect(value.shownFileName.unicodeScalars.elementsEqual("=\u{301}".unicodeScalars))
    }
}
