internal import Files
internal import Model
internal import Parallel
internal import Shards

/// The inputs of systems that are trained in a benchmark: a text as token shards of words and units, vocabularies of any size, and
/// tables of random vectors, which cost as much time as others. The tools in the folder of this program make them.
final class SystemFiles {
    /// The path of the shard with the text's tokens.
    let tokens: String
    /// The numbers of tokens and of distinct words in the text.
    private(set) var tokenCount = 0, distinctWords = 0
    /// The file of the tokens, unless the text is already a shard.
    private let tokenShard: ScratchFile?
    private let vocabulary: ScratchFile
    private let runner: PipelineRunner
    private let threads: Int
    private var vocabularies: [Int: ScratchFile] = [:]
    private var tables: [String: ScratchFile] = [:]
    private var units: [Int: (tokens: ScratchFile, vocabulary: ScratchFile)] = [:]

    /// Prepares the text. Throws `ToolError`: `noInput` if the text is not a file, and what reading it throws.
    /// - `text`: a file, plain or compressed, or a token shard; `nil` makes a synthetic text.
    /// - `megabytes`: the size of a synthetic text.
    init(text: String?, megabytes: Int, threads: Int) throws {
        runner = try PipelineRunner()
        self.threads = threads
        vocabulary = try ScratchFile()
        let source = try text.map { try FileSource(path: $0) }
        if let text, !isRegularFile(text) { throw ToolError(.noInput, "\(text): is no file, and a text is read more than once") }
        if let text, let source, try PeekedShard(source).kind == .tokens {
            (tokens, tokenShard) = (text, nil)
        } else {
            let shard = try ScratchFile()
            let synthetic = text == nil ? try ScratchFile(syntheticText: megabytes * 1_000_000) : nil
            (tokens, tokenShard) = (shard.path, shard)
            try withExtendedLifetime(synthetic) {
                try run([ToolCommand("tokenize", "--quiet", text ?? synthetic?.path ?? "")], to: shard)
            }
        }
        try run([ToolCommand("build-vocab", "--quiet", tokens)], to: vocabulary)
        (tokenCount, distinctWords) = try vocabulary.counted()
    }

    /// Returns a vocabulary of `size` classes, including marks: the text's most frequent words, and artificial ones if it has fewer.
    func vocabulary(size: Int) throws -> ScratchFile {
        if let made = vocabularies[size] { return made }
        let file = try Self.resized(vocabulary, to: size)
        vocabularies[size] = file
        return file
    }

    /// Returns an embedding table for the vocabulary of `size` classes.
    func table(size: Int, dimension: Int) throws -> ScratchFile {
        let key = "\(size) \(dimension)"
        if let made = tables[key] { return made }
        let file = try ScratchFile(), words = try vocabulary(size: size)
        try run([ToolCommand("embed-oov", "--quiet", "--random", "--dimension", "\(dimension)", words.path)], to: file)
        tables[key] = file
        return file
    }

    /// Returns the text split into units, and a vocabulary of them with `size` classes. There are slightly fewer merges, because
    /// characters are units, too; artificial units fill the rest.
    func units(size: Int) throws -> (tokens: ScratchFile, vocabulary: ScratchFile) {
        if let made = units[size] { return made }
        let codes = try ScratchFile(), all = try ScratchFile(), cut = try ScratchFile()
        let merges = max(1, size - max(size / 50, 200))
        try run([ToolCommand("build-vocab", "--quiet", "--bpe", "\(merges)", vocabulary.path)], to: codes)
        try run(
            [ToolCommand("tokenize", "--print", tokens),
             ToolCommand("tokenize", "--quiet", "--whitespace", "--bpe", codes.path)],
            to: cut)
        try run([ToolCommand("build-vocab", "--quiet", cut.path)], to: all)
        let result = (tokens: cut, vocabulary: try Self.resized(all, to: size))
        units[size] = result
        return result
    }

    /// Runs tools. Throws `ToolError` with the status and the last message of a tool that fails.
    private func run(_ commands: [ToolCommand], to file: ScratchFile) throws {
        let errors = try ScratchFile()
        do {
            try runner.run(commands, to: file, errors: errors, processors: threads)
        } catch let error as ToolError {
            guard let last = try errors.lastLine() else { throw error }
            throw ToolError(error.status, last)
        }
    }

    /// Returns the first words of a vocabulary, or all of them and artificial ones that occur once, so that there are `size` classes
    /// including marks.
    private static func resized(_ vocabulary: ScratchFile, to size: Int) throws -> ScratchFile {
        let reader = try vocabulary.vocabulary()
        let file = try ScratchFile(), output = file.output()
        let fields: ShardFields = reader.header.fields["bpe"].map { ["bpe": $0] } ?? [:]
        let writer = try VocabularyShardWriter(output, tool: "bench", options: fields, pool: WorkerPool(threads: 1))
        var words = WordTable()
        for mark in EncoderConfiguration.Mark.names { _ = words.insert(mark) }
        while try reader.nextBlock({ word, count in
            let before = words.count
            guard before < size, words.insert(word) == before else { return }
            try writer.append(word, count: count)
        }) {}
        var number = 0
        while words.count < size {
            let before = words.count
            number += 1
            try Array("word\(number)".utf8).withUnsafeBytes { word in
                if words.insert(word) == before { try writer.append(word, count: 1) }
            }
        }
        try writer.finish()
        try output.commit()
        return file
    }
}
