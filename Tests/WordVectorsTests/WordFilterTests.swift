import Files
import Glibc
import Kernels
import Layers
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

@Suite struct WordFilterTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func filtered(_ model: any WordVectorModel, _ words: [UInt8], threads: Int = 2) throws -> [UInt8] {
        let output = try OutputFile(path: "\(scratch.path)/out", binary: false)
        try WordFilter(model, to: output, pool: WorkerPool(threads: threads)).run(MemorySource(words))
        try output.commit()
        return try readFile("\(scratch.path)/out")
    }

    /// What `fasttext print-word-vectors` prints, byte for byte: of known and unknown words, of bytes that are not UTF-8, of
    /// words twice, between any white space.
    @Test(
        .enabled(if: isInstalled("fasttext"), "the fasttext program is not installed"),
        arguments: [
            ("skipgram", "-minn 3 -maxn 6 -bucket 1000 -dim 30"), ("cbow", "-minn 1 -maxn 2 -bucket 7 -dim 5"),
            ("skipgram", "-minn 0 -maxn 0 -bucket 10 -dim 3"), ("supervised", "-minn 2 -maxn 3 -bucket 40 -dim 6"),
        ])
    func equalsTheProgram(model: String, options: String) throws {
        var random = TestRandom(7)
        func word() -> [UInt8] {
            let bytes: [UInt8] = Array("abcdefé日<>'".utf8) + [0xFF, 0x80]
            return (0...random.below(9)).map { _ in bytes[random.below(bytes.count)] }
        }
        let vocabulary = (0..<200).map { _ in word() }
        var text: [UInt8] = []
        for _ in 0..<300 {
            if model == "supervised" { text += Array(["__label__x ", "__label__y "][random.below(2)].utf8) }
            for _ in 0..<8 { text += vocabulary[random.below(200)] + [0x20] }
            text.append(0x0A)
        }
        _ = try scratch.file("text", text)
        var asked: [UInt8] = [0x0A, 0x20]
        for index in 0..<3000 {
            asked += random.below(2) == 0 ? vocabulary[random.below(200)] : word()
            asked.append([0x0A, 0x20, 0x09, 0x0D, 0x0B][index % 5])
        }
        asked += Array("</s> x last".utf8)
        _ = try scratch.file("asked", asked)
        #expect(scratch.run("fasttext \(model) -input text -output m -minCount 1 -epoch 1 -thread 1 \(options)"))
        #expect(system("cd '\(scratch.path)' && fasttext print-word-vectors m.bin < asked > printed 2>/dev/null") == 0)
        let printed = try readFile("\(scratch.path)/printed")
        let opened = try openWordVectorModel("\(scratch.path)/m.bin", pool: WorkerPool(threads: 2))
        for threads in [1, 2] { #expect(try filtered(opened, asked, threads: threads) == printed) }
    }

    /// Quantised models, with and without norms of their own, whole or pruned; and a model of the format before, whose
    /// n-grams do not count.
    @Test(
        .enabled(if: isInstalled("fasttext"), "the fasttext program is not installed"),
        arguments: ["", "-qnorm", "-dsub 3", "-cutoff 300 -qnorm", "-cutoff 280 -dsub 4", "version 11"])
    func equalsTheProgramForOtherModels(kind: String) throws {
        var random = TestRandom(9)
        func word() -> String { String((0...random.below(5)).map { _ in Array("abcdeé日")[random.below(7)] }) }
        let vocabulary = (0..<300).map { _ in word() }
        let lines = (0..<3000).map { _ in
            "__label__\(random.below(3)) " + (0..<5).map { _ in vocabulary[random.below(300)] }.joined(separator: " ")
        }
        _ = try scratch.file("text", lines.joined(separator: "\n") + "\n")
        let asked = (vocabulary + (0..<300).map { _ in word() }).joined(separator: "\n") + "\n"
        _ = try scratch.file("asked", asked)
        #expect(
            scratch.run(
                "fasttext supervised -input text -output m -minCount 1 -epoch 1 -thread 1 -dim 10 -minn 1 -maxn 3 -bucket 200"))
        var model = "m.bin"
        if kind == "version 11" {
            var bytes = try readFile("\(scratch.path)/m.bin")
            bytes[4] = 11
            _ = try scratch.file("m.bin", bytes)
        } else {
            #expect(scratch.run("fasttext quantize -input text -output m \(kind)"))
            model = "m.ftz"
        }
        #expect(system("cd '\(scratch.path)' && fasttext print-word-vectors \(model) < asked > printed 2>/dev/null") == 0)
        let printed = try readFile("\(scratch.path)/printed")
        #expect(printed.count > 600 * 20)
        let opened = try openWordVectorModel("\(scratch.path)/\(model)", pool: WorkerPool(threads: 1))
        #expect(try filtered(opened, Array(asked.utf8)) == printed)

        // A table made of it holds the same vectors, and its n-grams.
        var builder = TableBuilder()
        builder.unknown = try opened.generator() == nil ? .none : .ngrams
        let built = try builder.build(
            VocabularyWords(Set(vocabulary).sorted().map { ($0, 1) }), openVectors("\(scratch.path)/\(model)"), threads: 2)
        let output = try OutputFile(path: "\(scratch.path)/table", binary: true)
        try built.write(to: output, tool: "test", fields: [:], pool: WorkerPool(threads: 1))
        try output.commit()
        let table = try openWordVectorModel("\(scratch.path)/table", pool: WorkerPool(threads: 1))
        #expect(try filtered(table, Array(asked.utf8)) == printed)
    }

    /// Whoever asks word by word gets each answer before the next question.
    @Test func answersAtOnce() throws {
        let table = try self.table()
        let path = "\(scratch.path)/log"
        let output = try OutputFile(path: path, binary: false, grows: true)
        let source = Questions(["cat\n", "do", "g dog\n", ""]) { question in
            let lines = try readFile(path).split(separator: 0x0A).count
            #expect(lines == [0, 1, 1, 3][question])
        }
        try WordFilter(table, to: output, pool: WorkerPool(threads: 2)).run(source)
        try output.commit()
    }

    private final class Questions: ByteSource {
        let name = "questions"
        private let questions: [String]
        private let before: (Int) throws -> Void
        private var next = 0

        init(_ questions: [String], before: @escaping (Int) throws -> Void) {
            self.questions = questions
            self.before = before
        }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
            guard next < questions.count else { return 0 }
            try before(next)
            let bytes = Array(questions[next].utf8)
            next += 1
            buffer.copyBytes(from: bytes)
            return bytes.count
        }
    }

    private func table() throws -> EmbeddingTable {
        let file = try openVectors(scratch.file("v", "cat 1 2 3\ndog 4 5.5 6\n"))
        var builder = TableBuilder()
        builder.unknown = .none
        return EmbeddingTable(try builder.build(VocabularyWords([("cat", 3), ("dog", 2), ("emu", 1)]), file, threads: 1))
    }

    @Test func wordsOfATable() throws {
        let text = String(decoding: try filtered(table(), Array("dog emu x\ncat dog".utf8)), as: UTF8.self)
        #expect(text == "dog 4 5.5 6 \nemu 0 0 0 \nx 0 0 0 \ncat 1 2 3 \ndog 4 5.5 6 \n")
        #expect(try filtered(table(), []) == [])
        #expect(try filtered(table(), Array(" \n\n".utf8)) == [])
    }

    @Test func wordsWithoutEndAreRefused() throws {
        let table = try self.table()
        let message = dataError { _ = try filtered(table, [UInt8](repeating: 0x61, count: 2 << 20)) }
        #expect(message.contains("a word of more than 1 MiB"))
    }

    @Test func whatIsNoModel() throws {
        let pool = WorkerPool(threads: 1)
        let text = try scratch.file("text.vec", "1 2\na 1 2\n")
        #expect(dataError { _ = try openWordVectorModel(text, pool: pool) }.contains("make a table first"))
        let empty = try scratch.file("empty", "")
        #expect(dataError { _ = try openWordVectorModel(empty, pool: pool) }.contains(empty))
    }

    /// A model that was saved makes the same vectors, for a table and for single words, as the table it was fitted for.
    @Test(arguments: [UnknownWords.mimick, .cnn, .subwords]) func aSavedModel(unknown: UnknownWords) throws {
        let rule = SpellingRule(count: 300, dimension: 6)
        let vectors = try scratch.file("v", rule.text)
        let asked = ["aa", "ab", "fedcba", "日本"]
        var builder = TableBuilder()
        builder.unknown = unknown
        builder.mimick.epochs = 2
        builder.mimick.reader = unknown == .cnn ? .convolution(filters: [.init(width: 2, count: 8)], highways: 1) : .lstm(hidden: 8)
        let built = try builder.build(rule.vocabulary(unknown: asked), openVectors(vectors), threads: 2)
        let generator = try #require(built.generator)
        let pool = WorkerPool(threads: 2), path = "\(scratch.path)/model"
        let output = try OutputFile(path: path, binary: true)
        try SpellingModel.write(generator, to: output, tool: "test", fields: [:], pool: pool)
        try output.commit()

        let saved = try SpellingModel(FileSource(path: path), pool: pool)
        var reusing = TableBuilder()
        reusing.model = saved
        let again = try reusing.build(rule.vocabulary(unknown: asked), openVectors(vectors), threads: 1)
        #expect(again.rows.matrix.values.map(\.bitPattern) == built.rows.matrix.values.map(\.bitPattern))
        #expect(again.sources == built.sources)
        #expect(again.summary.fit?.wasGiven == true)

        let words = Array((asked + ["new"]).joined(separator: " ").utf8)
        let fromTable = try filtered(EmbeddingTable(built), words)
        #expect(try filtered(saved, words) == fromTable)
        #expect(try filtered(openWordVectorModel(path, pool: pool), words) == fromTable)
        // Words that the vectors have are spelled too by a model alone.
        #expect(try filtered(saved, Array(rule.words[0].utf8)) != filtered(EmbeddingTable(built), Array(rule.words[0].utf8)))

        let wide = try scratch.file("wide", "aa 1 2\n")
        #expect(throws: ToolError.self) { try reusing.build(rule.vocabulary(unknown: asked), openVectors(wide), threads: 1) }
        #expect(dataError { _ = try EmbeddingTable(FileSource(path: path), pool: pool) }.contains("without words"))
    }
}
