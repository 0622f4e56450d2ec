internal import Files
internal import Kernels
internal import Shards

/// The inputs of the stages, each made by the stages before it.
struct StageInputs {
    let textPath: String
    private(set) var textBytes = 0
    let tokenShard, vocabulary, vectorFile, table, model, encodedText: ScratchFile
    private(set) var tokens = 0
    private(set) var vectors = 0
    private(set) var encodedTokens = 0
    /// The text, if it is synthetic.
    private let textFile: ScratchFile?

    init(_ benchmark: StageBenchmark, _ runner: PipelineRunner) throws {
        (tokenShard, vocabulary, vectorFile) = (try ScratchFile(), try ScratchFile(), try ScratchFile())
        (table, model, encodedText) = (try ScratchFile(), try ScratchFile(), try ScratchFile())
        textFile = benchmark.text == nil ? try ScratchFile(syntheticText: benchmark.textBytes) : nil
        textPath = benchmark.text ?? textFile?.path ?? ""
        try copyStart(of: Self.encodedBytes)

        func run(_ tool: String, _ arguments: String..., to file: ScratchFile) throws {
            try runner.run([ToolCommand(tool, ["--quiet"] + arguments)], to: file, processors: benchmark.threads)
        }
        try run("tokenize", textPath, to: tokenShard)
        try run("build-vocab", tokenShard.path, to: vocabulary)
        tokens = try vocabulary.counted().tokens
        try writeVectors(most: benchmark.vectorWords)
        try run("embed-oov", "--unknown", "none", "--vectors", vectorFile.path, vocabulary.path, to: table)
        let encodedVocabulary = try ScratchFile(), encodedShard = try ScratchFile()
        try run("tokenize", encodedText.path, to: encodedShard)
        try run("build-vocab", encodedShard.path, to: encodedVocabulary)
        encodedTokens = try encodedVocabulary.counted().tokens
        try run(
            "train", "--preset", "small", "--steps", "1", "--batch", "1", "--held-out-every", "0", "--table", table.path,
            encodedShard.path, to: model)
    }

    /// The approximate size of the encoded text in bytes.
    private static let encodedBytes = 1_000_000
    /// The width of the synthetic vectors.
    private static let dimension = 300

    /// Counts the text's bytes after decompression, and copies its first lines, of about `limit` bytes, for `encode`.
    private mutating func copyStart(of limit: Int) throws {
        let source = try openInput(textPath)
        let output = encodedText.output()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var copying = true
        while case let count = try source.read(into: buffer), count > 0 {
            if copying {
                var piece = buffer[..<count]
                // The first line that ends beyond the limit is the last one.
                if textBytes + count > limit,
                    let end = piece[max(0, limit - textBytes)...].firstIndex(of: UInt8(ascii: "\n")) {
                    piece = piece[...end]
                    copying = false
                }
                try output.write(UnsafeRawBufferPointer(rebasing: piece))
            }
            textBytes += count
        }
        try output.commit()
    }

    /// Writes random vectors for the most frequent words in the text form of word2vec and fastText.
    private mutating func writeVectors(most limit: Int) throws {
        var words = WordList()
        let reader = try vocabulary.vocabulary()
        while try words.count < limit && reader.nextBlock({ word, _ in if words.count < limit { words.append(word) } }) {}
        vectors = words.count
        var random = Random(seed: 1, stream: "synthetic vectors")
        var line: [UInt8] = []
        try vectorFile.write { output in
            try output.write("\(words.count) \(Self.dimension)\n")
            for index in 0..<words.count {
                line.removeAll(keepingCapacity: true)
                words.withWord(index) { line.append(contentsOf: $0) }
                for _ in 0..<Self.dimension { appendNumber(random.below(20_000) - 10_000, to: &line) }
                line.append(UInt8(ascii: "\n"))
                try output.write(line)
            }
        }
    }

    /// Appends a space and `value` / 10000, from -1 to 1, with four decimals as fastText writes.
    private func appendNumber(_ value: Int, to line: inout [UInt8]) {
        line.append(UInt8(ascii: " "))
        if value < 0 { line.append(UInt8(ascii: "-")) }
        line.append(UInt8(ascii: value.magnitude < 10_000 ? "0" : "1"))
        line.append(UInt8(ascii: "."))
        line += String(10_000 + value.magnitude).utf8.dropFirst()
    }
}
