import Files
import TestSupport
import Testing

/// Text is taken apart where its bytes say so, whatever joins the scalars around.
struct ByteTextTests {
    /// Marks that join the scalar before them: of Latin, of Devanagari, a joiner, a variation selector, a skin tone.
    static let joining = ["\u{301}", "\u{93E}", "\u{200D}", "\u{FE0F}", "\u{1F3FD}"]

    @Test(arguments: joining)
    func aMarkHidesNoSeparator(mark: String) {
        #expect("a \(mark)b c".split(separator: " ").count == 2, "the mark does not join, so this test says nothing")
        #expect("a \(mark)b c".parts(separatedBy: " ").map { Array($0.utf8) } == ["a", "\(mark)b", "c"].map { Array($0.utf8) })
        #expect("a\t\(mark)b".words.count == 2)
        #expect("x=\(mark)=y".parts(separatedBy: "=", most: 1).map { Array($0.utf8) } == ["x", "\(mark)=y"].map { Array($0.utf8) })
        #expect("#\(mark)".begins(with: "#") && !"#\(mark)".begins(with: "##"))
        #expect("it'\(mark)s".replacingBytes(of: "'", with: "''").utf8.elementsEqual("it''\(mark)s".utf8))
        let path = pathParts("folder/\(mark)name")
        #expect(path.folder == "folder/" && path.name.utf8.elementsEqual("\(mark)name".utf8))
    }

    @Test func emptyParts() {
        #expect(",a,,b,".parts(separatedBy: ",") == ["a", "b"])
        #expect(",a,,b,".parts(separatedBy: ",", keepsEmpty: true) == ["", "a", "", "b", ""])
        #expect("".parts(separatedBy: ",", keepsEmpty: true) == [""] && "".words.isEmpty)
        #expect("a\r\nb".parts(separatedBy: "\n") == ["a\r", "b"])
        #expect(pathParts("name").folder == "" && pathParts("/").folder == "/" && pathParts("a//b").name == "b")
    }

    @Test func textIsReplacedFromTheLeft() {
        #expect("aaaa".replacingBytes(of: "aa", with: "b") == "bb" && "aab".replacingBytes(of: "ab", with: "") == "a")
        #expect("abc".replacingBytes(of: "", with: "x") == "abc" && "".replacingBytes(of: "a", with: "x") == "")
        #expect("]]]>".replacingBytes(of: "]]>", with: "]] >") == "]]] >")
    }

    /// Two spellings of a letter are two texts.
    @Test func spellingsDiffer() {
        #expect("\u{E9}" == "e\u{301}" && !"\u{E9}".isIdentical(to: "e\u{301}") && "a".isIdentical(to: "a"))
        #expect(!"e\u{301}".ends(with: "e") && "x.npy".ends(with: ".npy") && !"y".ends(with: ".npy"))
    }
}
