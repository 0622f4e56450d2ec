import Encoding
import Files
import HDF5
import Parallel
import Shards
import TestSupport
import Testing
import Tokenization

/// How much there is to encode, what that takes on a disk, and whether it is there.
struct DiskPlanTests {
    private let pool = WorkerPool(threads: 2)
    private let plain = Tokenizer(mode: .whitespace)

    private func plan(_ outputs: [(String, OutputSize)], free: Int) -> DiskPlan {
        DiskPlan(outputs.map { (path: $0.0, size: $0.1) }) { path in
            path.hasPrefix("pipe") ? nil : Volume(number: path.hasPrefix("other") ? 2 : 1, free: free)
        }
    }

    @Test func anExactSizeNeedsItsRoom() throws {
        let size = OutputSize(bytes: 1_234_567, .exact)
        try plan([("v", size)], free: 1_234_567).check()
        #expect(plan([("v", size)], free: 9_999_999).summary == "output: 1,234,567 bytes, and 9,999,999 are free")
        let error = #expect(throws: ToolError.self) { try plan([("v", size)], free: 1_234_566).check() }
        #expect(error?.status == .cannotCreate)
        #expect(error?.description.hasPrefix("v: will take 1,234,567 bytes, more than the 1,234,566 that are free there; make room") == true)
    }

    /// An estimate must be clearly over what is free.
    @Test(arguments: [OutputSize.Accuracy.about, .atMost]) func anEstimateIsNotTheLastWord(_ accuracy: OutputSize.Accuracy) throws {
        let size = OutputSize(bytes: 1_249_000, accuracy)
        try plan([("v", size)], free: 1_000_000).check()
        #expect(plan([("v", size)], free: 1_000_000).summary?.hasSuffix(", and 1,000,000 are free, which may not be enough") == true)
        let error = #expect(throws: ToolError.self) { try plan([("v", size)], free: 999_000).check() }
        let spelt = accuracy == .about ? "about 1,250,000" : "at most 1,249,000"
        #expect(
            error?.description.hasPrefix(
                "v: will take \(spelt) bytes, clearly more than the 999,000 that are free there; make room") == true)
    }

    /// What is on one disk counts together, and what is on none does not count.
    @Test func outputsShareADisk() throws {
        let size = OutputSize(bytes: 600, .exact), tokens = OutputSize(bytes: 401, .about)
        #expect(throws: ToolError.self) { try plan([("v", size), ("t", size)], free: 1_000).check() }
        try plan([("v", size), ("other", size)], free: 1_000).check()
        try plan([("pipe", size), ("t", tokens)], free: 500).check()
        #expect(plan([("pipe", size)], free: 0).summary == nil)
        #expect(plan([("v", size), ("t", tokens)], free: 2_000).summary == "output: about 1,000 bytes, and 2,000 are free")
        #expect(plan([("pipe", size), ("t", tokens)], free: 500).summary == "output to t alone: about 401 bytes, and 500 are free")
        #expect(
            plan([("v", size), ("other", size)], free: 700).summary
                == "output: v: 600 bytes, and 700 are free; other: 600 bytes, and 700 are free")
    }

    @Test func volumesOfPaths() throws {
        let directory = try TemporaryDirectory()
        let volume = try #require(Volume(of: directory.file("new")))
        #expect(volume.free > 0)
        #expect(Volume(of: directory.file("folder/"))?.number == volume.number && Volume(of: "new") != nil)
        #expect(Volume(of: "/dev/null") == nil && Volume(of: directory.file("missing/new")) == nil)
    }

    private func size(sentences: Double, empty: Double, tokens: Double, wordBytes: Double, isCounted: Bool = true) -> InputSize {
        var size = InputSize()
        (size.sentences, size.emptySentences, size.tokens, size.wordBytes) = (sentences, empty, tokens, wordBytes)
        (size.isCounted, size.hasExactWords) = (isCounted, isCounted)
        return size
    }

    /// A short text is counted, a long one estimated from its start, and what is not known is not guessed.
    @Test func inputsAreCountedOrEstimated() async throws {
        let directory = try TemporaryDirectory()
        let short = try directory.write("short", "the cat\n\nÄpfel\n")
        let counted = try #require(InputSize(paths: [short, short], tokenizer: plain, pool: pool))
        #expect(counted == size(sentences: 6, empty: 2, tokens: 6, wordBytes: 24))
        let long = try directory.write("long", String(repeating: "ab cde f\n\n", count: 1000))
        let estimated = try #require(InputSize(paths: [long], tokenizer: plain, pool: pool, sample: 105))
        #expect(
            estimated == size(sentences: 2000, empty: 1000, tokens: 3000, wordBytes: 6000, isCounted: false))
        // Nothing but one long line: its first words.
        let line = try directory.write("line", String(repeating: "word ", count: 1000))
        #expect(InputSize(paths: [line], tokenizer: plain, pool: pool, sample: 103)?.tokens == 1000)
        let one = try directory.write("one", String(repeating: "w", count: 1000))
        #expect(InputSize(paths: [one], tokenizer: plain, pool: pool, sample: 100) == nil)
        #expect(InputSize(paths: [directory.file("missing")], tokenizer: plain, pool: pool) == nil)
        #expect(InputSize(paths: [try directory.write("bad", [0x61, 0xFF])], tokenizer: plain, pool: pool) == nil)
        #expect(InputSize(paths: [short, try directory.write("x.gz", [0x1F, 0x8B, 8, 0])], tokenizer: plain, pool: pool) == nil)
        // A pipe whose writer waits is not opened.
        #expect(try await runShell("mkfifo '\(directory.file("pipe"))'").status == 0)
        #expect(InputSize(paths: [directory.file("pipe")], tokenizer: plain, pool: pool) == nil)
    }

    /// Of every part of joined shards, whatever the size of their blocks.
    @Test func tokenShardsSayTheirCounts() throws {
        let directory = try TemporaryDirectory()
        func shard(_ name: String, sentences: Int, options: ShardFields = [:]) throws -> [UInt8] {
            let output = try OutputFile(path: directory.file(name), binary: true)
            let writer = try TokenShardWriter(output, tool: "test", options: options, pool: pool)
            for start in stride(from: 0, to: sentences, by: 20_000) {
                let lines = (start..<min(sentences, start + 20_000)).map { "w\($0) xx\n" }.joined()
                try writer.append(Array(lines.utf8).withUnsafeBytes { try plain.tokenize($0).batch })
            }
            try writer.finish()
            try output.commit()
            return try contents(of: directory.file(name))
        }
        let large = try shard("large", sentences: 90_000), small = try shard("small", sentences: 3)
        let joined = try directory.write("joined", large + small + large)
        let size = try #require(InputSize(paths: [joined, directory.file("small")], tokenizer: plain, pool: pool))
        #expect(size.sentences == 180_006 && size.tokens == 360_012 && size.isCounted && !size.hasExactWords)
        #expect(abs(size.wordBytes / size.tokens - 4) < 1)
        // Units are more than the words that they are put together to.
        _ = try shard("units", sentences: 3, options: ["bpe": "0"])
        #expect(InputSize(paths: [directory.file("units")], tokenizer: plain, pool: pool)?.isCounted == false)
        for damaged in [Array(large.dropLast(3)), Array(large.dropFirst(40))] {
            #expect(InputSize(paths: [try directory.write("damaged", damaged)], tokenizer: plain, pool: pool)?.tokens == nil)
        }
    }

    /// What a form says that it will take, and what it takes.
    @Test(arguments: [RowStorage.float32, .float16], [false, true]) func formsKnowTheirSizes(_ storage: RowStorage, _ isPooled: Bool) throws {
        let directory = try TemporaryDirectory()
        let layout = VectorLayout(layers: 3, width: 64, storage: storage)
        var input = InputSize()
        let sentences = (0..<800).map { index in
            SentenceVectors(
                words: (0..<index % 40).map { "word\($0)" },
                values: (0..<index % 40 * 3 * 64).map { Float(($0 &* 7919 &+ index) % 1999 - 999) / 1733 })
        }
        for sentence in sentences {
            input.sentences += 1
            input.emptySentences += sentence.words.isEmpty ? 1 : 0
            input.tokens += Double(sentence.words.count)
            input.wordBytes += Double(sentence.words.reduce(0) { $0 + $1.utf8.count })
        }
        let extent = OutputExtent(input, layout, isPooled: isPooled)
        func write(to writer: any VectorWriter) throws {
            let pooled: any VectorWriter = isPooled ? PoolingWriter(writer, .max, layout) : writer
            for sentence in sentences { try pooled.append(sentence) }
            try pooled.finish()
        }
        func written(_ make: (OutputFile) throws -> any VectorWriter) throws -> Double {
            let output = try OutputFile(path: directory.file("v"), binary: true)
            try write(to: make(output))
            try output.commit()
            return Double(try contents(of: directory.file("v")).count)
        }
        let shard = try written { try ShardVectorWriter($0, layout, tool: "test", fields: [:], pool: pool) }
        let most = ShardVectorWriter.size(extent)
        #expect(most.accuracy == .atMost && Double(most.bytes) >= shard, "\(shard) of \(most.bytes)")
        let offsets = try OutputFile(path: directory.file("offsets"), binary: true)
        let npy = try written { try NpyVectorWriter($0, offsets: offsets, layout) }
        try offsets.commit()
        #expect(
            NpyVectorWriter.size(extent)
                == OutputSize(bytes: npy + Double(try contents(of: directory.file("offsets")).count), .exact))
        let folder = try OutputFolder(path: directory.file("folder"), suffix: ".npy")
        try write(to: NpyFolderWriter(folder, layout))
        try folder.commit()
        // In blocks of 4 KiB.
        let used = try sentences.indices.reduce(0.0) {
            $0 + Double((try contents(of: directory.file("folder/\($1).npy")).count + 4095) / 4096 * 4096)
        }
        var estimates = [("folder", NpyFolderWriter.size(extent), used)]
        #if HDF5
        let writer = try HDF5Writer(path: directory.file("h"))
        try write(to: HDF5VectorWriter(writer, layout))
        try writer.commit()
        estimates.append(("hdf5", HDF5VectorWriter.size(extent), Double(try contents(of: directory.file("h")).count)))
        #endif
        if storage == .float32 {
            estimates.append(("json", JSONVectorWriter.size(extent), try written { JSONVectorWriter($0, layout) }))
            estimates.append(("text", TextVectorWriter.size(extent), try written { TextVectorWriter($0, layout) }))
        }
        for (form, size, actual) in estimates {
            #expect(size.accuracy == .about && abs(Double(size.bytes) / actual - 1) < 0.15, "\(form): \(size.bytes), and is \(actual)")
        }
        let tokens = try OutputFile(path: directory.file("t"), binary: false)
        let beside = TokenTextWriter(tokens, beside: SentenceCollector { _ in })
        for sentence in sentences { try beside.append(sentence) }
        try tokens.commit()
        #expect(TokenTextWriter.size(input) == OutputSize(bytes: Double(try contents(of: directory.file("t")).count), .exact))
    }

    /// What no program could tell from the separators is refused.
    @Test(arguments: ["", "a b", "a\u{A0}b", "a\nb", "a\u{2028}b"]) func tokensThatCannotBeFoundAgain(_ word: String) throws {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file("t"), binary: false)
        let writer = TokenTextWriter(output, beside: SentenceCollector { _ in })
        try writer.append(SentenceVectors(words: ["fine"], values: [1]))
        let error = #expect(throws: ToolError.self) { try writer.begin(["too", word]) }
        #expect(error?.status == .dataError && error?.description.hasPrefix("\(directory.file("t")): word 3: ") == true)
    }

    /// Of outputs that appear together, one that finds no room keeps the others from appearing.
    @Test func aPreparedOutputNeedsNoMoreRoom() throws {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file("x"), binary: false)
        try output.write("text")
        try output.prepare()
        #expect(!directory.entries().contains("x"))
        try output.prepare()
        try output.commit()
        #expect(try contents(of: directory.file("x")) == Array("text".utf8))
        #expect(directory.entries() == ["x"])
    }
}
