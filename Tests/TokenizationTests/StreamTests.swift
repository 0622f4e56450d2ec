import Files
import Parallel
import Shards
import TestSupport
import Testing
import Tokenization

@Suite("Streams of text")
struct StreamTests {
    private static let text = """
        \u{FEFF}Mr. Smith can't pay. He won't; don’t ask!\r
        “Nothing,” he said.\r

        A second paragraph, wrapped
        in the middle. 你好。我是人！ 👍🏽 joe@example.com
        \u{20}\u{20}
        and
        the end of it, without a period
        """

    private func read(
        _ inputs: [[UInt8]], _ tokenizer: Tokenizer = Tokenizer(), piece: Int = 1 << 20, threads: Int = 1, limit: Int = 1 << 20
    ) throws -> (sentences: [[String]], statistics: TokenizeStatistics) {
        var sentences: [[String]] = []
        let stream = TokenizeStream(tokenizer: tokenizer, pool: WorkerPool(threads: threads), pieceSize: piece, lineLimit: limit) {
            var next = 0
            for length in $0.sentenceLengths {
                sentences.append((next..<next + Int(length)).map { [batch = $0] index in batch.words.word(Int(batch.ids[index])) })
                next += Int(length)
            }
        }
        for (index, input) in inputs.enumerated() { try stream.read(MemorySource(input, name: "input \(index + 1)")) }
        return (sentences, stream.finish())
    }

    @Test(arguments: Tokenizer.Sentences.allCases, [1, 2, 7, 64, 4096])
    func piecesDoNotMatter(_ sentences: Tokenizer.Sentences, _ piece: Int) throws {
        let tokenizer = Tokenizer(sentences: sentences)
        let whole = try read([Array(Self.text.utf8)], tokenizer)
        for threads in 1...2 {
            let pieces = try read([Array(Self.text.utf8)], tokenizer, piece: piece, threads: threads)
            #expect(pieces.sentences == whole.sentences)
            #expect(pieces.statistics == whole.statistics)
        }
        #expect(whole.statistics.bytes == Self.text.utf8.count)
        #expect(whole.statistics.lines == 8)
        #expect(whole.statistics.emptyLines == 2)
        #expect(whole.statistics.tokens == whole.sentences.joined().count)
        #expect(whole.sentences.first?.first == "Mr.")
    }

    @Test func theDigestIsThatOfTheText() throws {
        let bytes = Array(Self.text.utf8)
        let expected = bytes.withUnsafeBytes { XXH64.hash($0) }
        #expect(try read([bytes], piece: 7).statistics.digest == expected)
        #expect(try read([Array(bytes[..<5]), Array(bytes[5...])]).statistics.digest == expected)
    }

    @Test func anInputEndsItsLastLine() throws {
        let result = try read([Array("one two".utf8), [], Array("three\n".utf8)])
        #expect(result.sentences == [["one", "two"], ["three"]])
        #expect(result.statistics.lines == 2)
    }

    @Test(arguments: [[], [0x0A], Array(" \r\n\u{2028}\n".utf8), [0xEF, 0xBB, 0xBF]] as [[UInt8]])
    func nothing(_ bytes: [UInt8]) throws {
        let result = try read([bytes])
        #expect(result.sentences.isEmpty && result.statistics.tokens == 0)
    }

    @Test(arguments: [
        ([0xFF], 1, "is not UTF-8 (0xff)"), ([0x80], 1, "is not UTF-8 (0x80)"), ([0xC0, 0xAF], 1, "(0xc0)"),
        ([0x61, 0xE2, 0x82], 2, "(0xe2)"), ([0xED, 0xA0, 0x80], 1, "(0xed)"), ([0xF4, 0x90, 0x80, 0x80], 1, "(0xf4)"),
        ([0xE0, 0x9F, 0xBF], 1, "(0xe0)"), ([0xF0, 0x8F, 0xBF, 0xBF], 1, "(0xf0)"), ([0x61, 0x00], 2, "is NUL"),
        ([0xC3, 0xA9, 0xC3], 3, "(0xc3)"), ([0xC3, 0x28], 1, "(0xc3)"), ([0xF8, 0x88, 0x80, 0x80], 1, "(0xf8)"),
    ] as [([UInt8], Int, String)])
    func whatIsNotText(_ bytes: [UInt8], _ byte: Int, _ cause: String) throws {
        for filler in [0, 3, 31, 32, 33, 100] {
            let before = [UInt8](repeating: 0x78, count: filler)
            let input = Array("fine\nünd gut\n".utf8) + before + bytes + Array("\nfine again\n".utf8)
            for piece in [7, 4096] {
                let error = #expect(throws: ToolError.self) { try read([Array("a\nb\n".utf8), input], piece: piece) }
                let text = error?.description ?? ""
                #expect(text.hasPrefix("input 2: line 3: byte \(filler + byte) "))
                #expect(text.contains(cause) && text.contains("iconv"))
                #expect(error?.status == .dataError)
            }
        }
    }

    @Test(arguments: ["\u{7F}", "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}"])
    func theEdgesOfUTF8AreText(_ scalar: String) throws {
        for filler in [0, 29, 30, 31, 32] {
            let text = String(repeating: "x", count: filler) + scalar + "\n"
            #expect(throws: Never.self) { try read([Array(text.utf8)]) }
        }
    }

    @Test func oneEnormousLine() throws {
        let input = Array("short\n".utf8) + [UInt8](repeating: 0x61, count: 5_000)
        let error = #expect(throws: ToolError.self) { try read([input], piece: 64, limit: 1_000) }
        #expect(error?.description.hasPrefix("input 1: line 2: is longer than 1000 bytes") == true)
        #expect(try read([input], piece: 64, limit: 6_000).statistics.lines == 2)
    }

    @Test func anErrorOfTheSinkComesThrough() throws {
        let full = ToolError(.ioError, "out: cannot write: no space")
        let stream = TokenizeStream(tokenizer: Tokenizer(), pool: WorkerPool(threads: 2), pieceSize: 8) { _ in throw full }
        let error = #expect(throws: ToolError.self) { try stream.read(MemorySource(Array("a b c\n d e f\n".utf8))) }
        #expect(error?.description == full.description)
    }

    /// A shard is LZ4 data, as compressed text may be; the header of a token shard names the tokenizer's settings.
    @Test func aShardIsNoText() throws {
        let directory = try TemporaryDirectory(), path = directory.file("tokens")
        let tokenizer = Tokenizer(
            mode: .whitespace, sentences: .runningText, lowercase: true, normalization: .nfkc, maximumSentenceLength: 7)
        let output = try OutputFile(path: path, binary: true)
        let writer = try TokenShardWriter(output, tool: "test", options: tokenizer.fields, pool: WorkerPool(threads: 1))
        try writer.finish()
        try output.commit()
        let error = #expect(throws: ToolError.self) { try openText(path) }
        #expect(
            error?.status == .dataError
                && error?.description == "\(path): is a shard and not text; to see what a token shard holds, use --print")
        #expect(
            tokenizer.fields
                == ["mode": "whitespace", "sentences": "runningText", "lowercase": "true", "normalize": "nfkc", "max-length": "7"])
        let text = try directory.write("text", Array("some text\n".utf8)), source = try openText(text)
        #expect(try source.name == text && readSmall(source) == Array("some text\n".utf8))
    }
}
