import Files
public import Model
public import Parallel
import Shards
import Subwords
public import Tokenization

/// The sentences to encode, from text or from token shards, whichever the inputs are.
///
/// Of text, each line is a sentence, and an empty line an empty one, so that output and input lines correspond.
public final class SentenceSource {
    private let tokenizer: Tokenizer
    private let pool: WorkerPool
    private var paths: ArraySlice<String>
    private var current: (() throws -> [String]?)?
    private let onShard: (_ name: String, _ tokenizer: String) -> Void

    /// - Parameters:
    ///   - tokenizer: how text becomes tokens; token shards are what they are.
    ///   - onShard: told how each token shard was tokenised, as `Tokenizer.description` says it.
    public init(
        paths: [String], tokenizer: Tokenizer, pool: WorkerPool,
        onShard: @escaping (_ name: String, _ tokenizer: String) -> Void = { _, _ in }
    ) {
        self.onShard = onShard
        self.paths = paths[...]
        self.tokenizer = tokenizer
        self.pool = pool
    }

    /// The next sentence's words, `nil` after the last. Throws `ToolError`.
    public func next() throws -> [String]? {
        while true {
            if let sentence = try current?() { return sentence }
            guard let path = paths.popFirst() else { return nil }
            let input = try PeekedShard(FileSource(path: path))
            current = input.kind != nil ? try shardSentences(input.source) : try textSentences(input.source)
        }
    }

    private func textSentences(_ source: any ByteSource) throws -> () throws -> [String]? {
        let lines = LineReader(try decompressed(source))
        return { [tokenizer] in
            var words: [String]?
            _ = try lines.next { line in
                do {
                    words = try tokenizer.words(line)
                } catch let error as TextError {
                    throw ToolError.data(lines.name, "line \(lines.number): byte \(error.byte)", error.cause)
                }
            }
            return words
        }
    }

    private func shardSentences(_ source: any ByteSource) throws -> () throws -> [String]? {
        let reader = try TokenShardReader(source, pool: pool)
        var words: [String] = []
        var waiting: ArraySlice<[String]> = []
        var isFirst = true
        return { [onShard] in
            while waiting.isEmpty {
                guard let block = try reader.next() else { return nil }
                if isFirst, let fields = reader.header?.fields { onShard(source.name, Tokenizer.description(fields)) }
                isFirst = false
                if block.firstNewWord == 0 { words.removeAll() }
                block.forEachNewWord { words.append(String(decoding: $0, as: UTF8.self)) }
                // Units are put together: there is a vector for each word.
                let hasUnits = reader.header?.fields["bpe"] != nil
                waiting = block.withIDs { ids in
                    block.withSentenceLengths { lengths in
                        var start = 0
                        return lengths.map { length in
                            defer { start += Int(length) }
                            let sentence = ids[start..<start + Int(length)].map { words[Int($0)] }
                            return hasUnits ? UnitMark.joined(sentence) : sentence
                        }[...]
                    }
                }
            }
            return waiting.popFirst()
        }
    }
}

extension Tokenizer {
    /// All tokens of one line, without sentence borders.
    func words(_ line: UnsafeRawBufferPointer) throws -> [String] {
        let batch = try tokenize(line).batch
        return batch.ids.map { batch.words.word(Int($0)) }
    }
}

extension Tokenizer {
    /// Tokenises text as the training text of a model was; the model says how. Sentences are not cut.
    /// - Parameter mode: another way of finding tokens.
    public init(for configuration: EncoderConfiguration, mode: Mode? = nil) {
        let options = Self.options(configuration)
        func value(_ name: String) -> String? { options[name] }
        self.init(
            mode: mode ?? value("mode").flatMap(Mode.init(rawValue:)) ?? .penn, lowercase: value("lowercase") == "true",
            normalization: value("normalize").flatMap(Normalization.init(rawValue:)) ?? .none, maximumSentenceLength: .max)
    }

    /// What of a token shard's header says how its words were made: sentences, and units of words, are another matter.
    static func description(_ fields: ShardFields) -> String {
        ["mode", "lowercase", "normalize"].compactMap { name in fields[name].map { "\(name)=\($0)" } }.joined(separator: " ")
    }

    /// The same of a model's training text; empty if that is not known.
    public static func description(_ configuration: EncoderConfiguration) -> String {
        let options = options(configuration)
        return ["mode", "lowercase", "normalize"].compactMap { name in options[name].map { "\(name)=\($0)" } }
            .joined(separator: " ")
    }

    private static func options(_ configuration: EncoderConfiguration) -> [String: String] {
        var result: [String: String] = [:]
        for option in configuration.tokenizer.parts(separatedBy: " ") {
            let parts = option.parts(separatedBy: "=", most: 1)
            if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
        }
        return result
    }
}
