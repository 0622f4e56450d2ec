import TestSupport
import Testing

/// Units of words through the tools: odd words, and texts that do not belong together.
struct UnitToolTests {
    private struct Setup {
        let fixture: Fixture
        let directory = try? TemporaryDirectory()

        func file(_ name: String) -> String { directory?.file(name) ?? name }
    }

    private let quick = [
        "-q", "--preset", "tiny", "--steps", "20", "--evaluations", "1", "--batch", "8", "--input", "subwords", "--output",
        "subword-softmax", "--vocab",
    ]

    /// Merges, the text cut by them, its vocabulary, and a model of it.
    private func setup() async throws -> Setup {
        let setup = Setup(fixture: try await Fixture.shared.value)
        for (tool, arguments) in [
            ("build-vocab", ["-q", "--bpe", "25", setup.fixture.vocabulary, "-o", setup.file("codes")]),
            ("tokenize", ["-q", "--bpe", setup.file("codes"), setup.fixture.text, "-o", setup.file("units.tok")]),
            ("build-vocab", ["-q", setup.file("units.tok"), "-o", setup.file("units.vocab")]),
            ("train", quick + [setup.file("units.vocab"), setup.file("units.tok"), "-o", setup.file("model")]),
        ] {
            let result = try await runTool(tool, arguments)
            try #require(result.status == 0, "\(tool): \(result.errors)")
        }
        return setup
    }

    /// Of a word of more units than a sentence has steps, the first are read.
    @Test func aWordOfManyUnits() async throws {
        let setup = try await setup()
        let word = String(repeating: "~", count: 9000)
        try setup.directory?.write("long.txt", "the \(word) sees \(word)x the\n")
        let result = try await runTool(
            "encode", ["--whitespace", "--model", setup.file("model"), "--bpe", setup.file("codes"), "--layers", "top",
                "--format", "json", setup.file("long.txt")])
        #expect(result.status == 0 && result.errors.contains("1 sentences, 5 tokens"), "\(result.errors)")
    }

    /// A unit may begin with a sign that joins what stands before it: a model keeps its units apart all the same.
    @Test func unitsThatBeginWithVowelSigns() async throws {
        let directory = try TemporaryDirectory()
        let words = ["का", "की", "कि", "के", "नी", "नि", "मे", "मा", "रा", "री"]
        var text = ""
        for line in 0..<400 {
            for place in 0..<12 {
                let (first, second) = ((line * 7 + place * place * 3 + place) % 10, (line + place * 5) % 10)
                text += words[first] + words[second] + (place < 11 ? " " : "\n")
            }
        }
        try directory.write("text", text)
        let result = try await runShell(
            """
            set -e; cd '\(directory.path)'
            $BIN/tokenize -q --whitespace text -o words.tok; $BIN/build-vocab -q words.tok -o words.vocab
            $BIN/build-vocab -q --bpe 20 words.vocab -o codes; $BIN/tokenize -q --whitespace --bpe codes text -o units.tok
            $BIN/build-vocab -q units.tok -o units.vocab
            $BIN/build-vocab --print units.vocab | grep -c '^[^ -~]'
            $BIN/train \(quick.joined(separator: " ")) units.vocab --tie units.tok -o model
            $BIN/train \(quick.joined(separator: " ")) units.vocab --tie units.tok --checkpoints kept -o another
            $BIN/train \(quick.joined(separator: " ")) units.vocab --tie --steps 25 units.tok --checkpoints kept --resume -o third
            $BIN/encode -q --whitespace --model third --bpe codes --format json --layers top text | wc -l
            """)
        #expect(result.status == 0 && result.text.hasSuffix("\n400\n"), "\(result.text) \(result.errors)")
    }

    /// Characters that join what follows them do not hide the mark of a unit.
    @Test func unitsOfAnyCharactersArePutTogether() async throws {
        let setup = try await setup()
        try setup.directory?.write("odd.txt", "\u{600}\u{600}z \u{110BD}qq x\u{200D}q e\u{301}\u{301}\n")
        let cut = try await runTool(
            "tokenize", ["-q", "--whitespace", "--bpe", setup.file("codes"), setup.file("odd.txt"), "-o", setup.file("odd.tok")])
        #expect(cut.status == 0)
        let encode = ["-q", "--whitespace", "--model", setup.file("model"), "--bpe", setup.file("codes"), "--format", "json"]
        let text = try await runTool("encode", encode + [setup.file("odd.txt")])
        let units = try await runTool("encode", encode + [setup.file("odd.tok")])
        #expect(text.status == 0 && text.output == units.output)
        // There is a vector for each word, and so its token is the word.
        for input in ["odd.txt", "odd.tok"] {
            let tokens = try await runTool("encode", encode + ["--tokens", setup.file("tokens"), setup.file(input)])
            let written = try contents(of: setup.file("tokens")), words = try contents(of: setup.file("odd.txt"))
            #expect(tokens.output == text.output && written == words)
        }
    }

    /// The backward direction has no rank, and the log none either; nor has it what no number can say.
    @Test func theLogHasWhatThereIs() async throws {
        let setup = try await setup()
        let result = try await runTool(
            "train", quick + [setup.file("units.vocab"), "--log", setup.file("log"), setup.file("units.tok"), "-o", setup.file("m")])
        #expect(result.status == 0)
        let lines = String(decoding: try contents(of: setup.file("log")), as: UTF8.self).split(separator: "\n")
            .filter { $0.contains("held-out") }
        let forward = lines.filter { $0.contains("forward") }, backward = lines.filter { $0.contains("backward") }
        #expect(forward.count == 1 && forward.allSatisfy { $0.contains("\"top1\"") && $0.contains("\"perplexity\"") })
        #expect(backward.count == 1 && backward.allSatisfy { !$0.contains("top1") && $0.contains("\"perplexity\"") })
    }

    /// A perplexity beyond all numbers ends no run.
    @Test func anInfinitePerplexity() async throws {
        let setup = try await setup()
        let arguments = quick + [
            setup.file("units.vocab"), "--rate", "3000", "--clip", "0", "--optimizer", "adagrad", "--schedule", "constant",
            "--no-layer-norm", "--log", setup.file("log"), setup.file("units.tok"), "-o", setup.file("m"),
        ]
        let result = try await runTool("train", arguments)
        #expect(result.status == 0, "\(result.errors)")
        let log = String(decoding: try contents(of: setup.file("log")), as: UTF8.self)
        // The log leaves out what no number can say.
        #expect(log.contains("held-out") && !log.contains("\"perplexity\":"))
    }

    @Test func textsThatDoNotBelongTogether() async throws {
        let setup = try await setup()
        let units = setup.file("units.tok"), vocabulary = setup.file("units.vocab"), words = setup.fixture.tokens
        let tiny = ["-q", "--preset", "tiny", "--steps", "20", "--batch", "8"]
        for (arguments, status, hint) in [
            (quick + [vocabulary, units, words], 78, "\(words): is of whole words, and the first text of units"),
            (quick + [vocabulary, "--held-out", words, units], 78, "\(words): is of whole words"),
            (quick + [setup.fixture.vocabulary, words], 78, "--input subwords reads units"),
            (tiny + ["--table", setup.fixture.table, units], 78, "only --input subwords reads units"),
            (tiny + ["--input", "characters", "--output", "subword-softmax", "--vocab", vocabulary, units], 64, "needs the input"),
        ] as [([String], Int, String)] {
            let result = try await runTool("train", arguments + ["-o", setup.file("m")])
            #expect(result.status == status && result.errors.contains(hint), "\(result.status) \(result.errors)")
        }
    }
}
