import Files
import Glibc
import Kernels
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

@Suite struct FastTextTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func open(_ image: FastTextImage) throws -> any VectorFile {
        try openVectors(scratch.file("m.bin", image.bytes))
    }

    @Test func recognisesAndRefuses() throws {
        let file = try open(FastTextImage())
        #expect(file.format == .fastText && file.dimension == 3)
        func message(_ change: (inout FastTextImage) -> Void) -> String {
            var image = FastTextImage()
            change(&image)
            return dataError { _ = try open(image) }
        }
        #expect(message { $0.version = 10 }.contains("version 10"))
        #expect(message { $0.version = 13 }.contains("version 13"))
        // What follows is no quantised matrix.
        #expect(message { $0.quantised = 1 }.contains("the input matrix"))
        #expect(message { $0.dimension = -3 }.contains("dim -3"))
        #expect(message { $0.dimension = .max }.contains("cannot be"))
        #expect(message { $0.bucket = -1 }.contains("bucket -1"))
        #expect(message { $0.bucket = .max }.contains("larger than the file"))
        #expect(message { $0.entries = .max }.contains("do not fit"))
        #expect(message { $0.entries = -1 }.contains("do not fit"))
        #expect(message { $0.rows = .max }.contains("larger than the file"))
        #expect(message { $0.rows = .max / 3 }.contains("larger than the file"))
        #expect(message { $0.rows = -1 }.contains("-1 rows of 3 numbers"))
        #expect(message { $0.pruned = [(1, 0), (2, -7)] }.contains("row -7"))
        #expect(message { $0.pruned = [(1, 0), (2, 700)] }.contains("does not fit"))
    }

    @Test func everyCutIsNoticed() throws {
        let whole = FastTextImage().bytes
        for length in 4..<whole.count {
            let path = try scratch.file("cut.bin", Array(whole[..<length]))
            #expect(!dataError { _ = try openVectors(path) }.isEmpty, "cut at \(length)")
        }
    }

    @Test func flippedBytesNeverCrash() throws {
        let whole = FastTextImage().bytes
        var random = TestRandom(3)
        var refused = 0
        for _ in 0..<3000 {
            var damaged = whole
            for _ in 0...random.below(3) {
                damaged[random.below(damaged.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            let path = try scratch.file("flip.bin", damaged)
            do {
                let file = try openVectors(path)
                _ = try file.lookUp(table(["cat", "other"]), threads: 1)
                if let generator = file.ownGenerator() {
                    _ = generator.vectorArray("unknown")
                }
            } catch is ToolError { refused += 1 }
        }
        #expect(refused > 0)
    }

    @Test func notFiniteRowsAreNamed() throws {
        var image = FastTextImage()
        image.values = [Float](repeating: .nan, count: 24)
        let message = dataError { _ = try open(image).lookUp(table(["cat"]), threads: 1) }
        #expect(message.contains("word \"cat\": the vector is not finite"))
        #expect(try open(image).ownGenerator()?.vectorArray("unknown") == nil)
    }

    @Test func countsWhatItSkips() throws {
        var image = FastTextImage()
        image.bucket = 0
        image.maximum = 0
        // The rows of cat, dog and </s>.
        image.values = [1, 2, 3, 0, 0, 0, 4, 5, 6]
        var bytes = image.bytes
        let dog = try #require((0..<bytes.count - 3).first { bytes[$0..<$0 + 3].elementsEqual("dog".utf8) })
        let asked = table(["cat", "dog"])
        let zero = try openVectors(scratch.file("m.bin", bytes)).lookUp(asked, threads: 1)
        #expect(zero.found == [true, false])
        #expect(zero.counts == .init(found: 1, inFile: 3, zeroVectors: 1))
        bytes[dog] = 0xFF
        let invalid = try openVectors(scratch.file("m.bin", bytes)).lookUp(asked, threads: 1)
        #expect(invalid.counts == .init(found: 1, inFile: 3, invalidWords: 1))
    }

    @Test(.enabled(if: isInstalled("gzip"), "gzip is not installed")) func compressedModelsAreRefusedWithAHint() throws {
        _ = try scratch.file("m.bin", FastTextImage().bytes)
        try #require(scratch.run("gzip -k m.bin"))
        #expect(dataError { _ = try openVectors("\(scratch.path)/m.bin.gz") }.contains("gzip -dc \(scratch.path)/m.bin.gz > \(scratch.path)/m.bin"))
    }

    @Test func prunedBucketsHaveNoRow() throws {
        var image = FastTextImage()
        image.pruned = []
        #expect(try open(image).lookUp(table(["cat"]), threads: 1).vector(0) == [-1, -0.75, -0.5])
        #expect(try open(image).ownGenerator()?.vectorArray("unknown") == nil)
        image.pruned = (0..<5).map { ($0, 0) }
        // All buckets share the row behind the three words.
        let made = try #require(try open(image).ownGenerator()?.vectorArray("unknown"))
        #expect(zip(made, [1.25, 1.5, 1.75] as [Float]).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func nGramsTravelWithTheTable() throws {
        for pruned in [nil, (0..<5).map { (Int32($0), Int32(4 - $0)) }] {
            var image = FastTextImage()
            image.pruned = pruned
            let file = try open(image)
            let vocabulary = VocabularyWords([("dog", 5), ("tree", 3), ("</s>", 1)])
            let built = try TableBuilder().build(vocabulary, file, threads: 1)
            #expect(built.sources == [.pretrained, .ngrams, .special, .special, .special, .special])
            let output = try OutputFile(path: "\(scratch.path)/t", binary: true)
            try built.write(to: output, tool: "test", fields: [:], pool: WorkerPool(threads: 1))
            try output.commit()
            let table = try EmbeddingTable(FileSource(path: "\(scratch.path)/t"), pool: WorkerPool(threads: 1))
            for word in ["tree", "unknown", "日本"] {
                #expect(try table.generator()?.vectorArray(word) == file.ownGenerator()?.vectorArray(word))
            }
            #expect(try table.rows.row(1) == file.ownGenerator()?.vectorArray("tree"))
        }
    }

    /// The numbers of `fasttext print-word-vectors`, for words that the model has and words that it has not.
    @Test(
        .enabled(if: isInstalled("fasttext"), "the fasttext program is not installed"),
        arguments: [
            ("skipgram", "-minn 3 -maxn 6 -bucket 1000 -dim 10"), ("cbow", "-minn 1 -maxn 2 -bucket 7 -dim 5"),
            ("skipgram", "-minn 2 -maxn 4 -bucket 100 -dim 33"), ("skipgram", "-minn 0 -maxn 0 -bucket 10 -dim 3"),
            ("skipgram", "-minn 5 -maxn 5 -bucket 50 -dim 1"), ("supervised", "-minn 2 -maxn 3 -bucket 40 -dim 6"),
        ])
    func equalsTheProgram(model: String, options: String) throws {
        var random = TestRandom(7)
        let letters = ["a", "b", "c", "é", "ß", "日", "語", "😀", "'", "-", "\u{301}", "<", ">"]
        func word() -> String { (0...random.below(8)).map { _ in letters[random.below(letters.count)] }.joined() }
        let vocabulary = (0..<200).map { _ in word() }
        let labelled = model == "supervised"
        let lines = (0..<300).map { _ in
            (labelled ? ["__label__x", "__label__y"][random.below(2)] + " " : "")
                + (0..<8).map { _ in vocabulary[random.below(200)] }.joined(separator: " ")
        }
        _ = try scratch.file("text", lines.joined(separator: "\n") + "\n")
        let asked = vocabulary + (0..<200).map { _ in word() } + ["</s>", "x"]
        _ = try scratch.file("asked", asked.joined(separator: "\n") + "\n")
        #expect(scratch.run("fasttext \(model) -input text -output m -minCount 1 -epoch 1 -thread 1 \(options)"))
        #expect(system("cd '\(scratch.path)' && fasttext print-word-vectors m.bin < asked > printed 2>/dev/null") == 0)

        let words = table(asked)
        let file = try openVectors("\(scratch.path)/m.bin")
        let one = try file.lookUp(words, threads: 1)
        #expect(try file.lookUp(words, threads: 2).bits == one.bits)
        let generator = file.ownGenerator()
        let printed = String(decoding: try readFile("\(scratch.path)/printed"), as: UTF8.self)
            .split(separator: "\n")
        #expect(printed.count == asked.count)
        var unknown = 0
        for (line, word) in zip(printed, asked) {
            let id = try #require(words.find(word))
            var vector = one.vector(id)
            if vector == nil {
                unknown += 1
                vector = generator?.vectorArray(word)
            }
            let numbers = vector ?? [Float](repeating: 0, count: file.dimension)
            #expect(String(line) == "\(word) " + numbers.map { fiveDigits($0) + " " }.joined(), "\(word)")
        }
        #expect(unknown > 50)
        // The .vec that fastText writes beside it holds the same words.
        if !labelled {
            let text = try openVectors("\(scratch.path)/m.vec").lookUp(words, threads: 2)
            #expect(text.found == one.found)
        }
    }

    private func fiveDigits(_ value: Float) -> String {
        var buffer = [CChar](repeating: 0, count: 64)
        return withVaList([Double(value)]) { arguments in
            vsnprintf(&buffer, buffer.count, "%.5g", arguments)
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}

extension OutOfVocabularyGenerator {
    /// The generated vector of a word, `nil` if there is none.
    func vectorArray(_ word: String) -> [Float]? {
        let row = RowMatrix(count: 1, dimension: dimension)
        row.matrix.fill(.nan)
        return Array(word.utf8).withUnsafeBytes { vector(for: $0, into: row.row(0)) } ? row.row(0).values : nil
    }
}
