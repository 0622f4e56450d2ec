import Files
public import Model
public import Parallel
import Shards
import Subwords
public import Tokenization

/// The sentences to encode, read from text or token shards, whichever the inputs are.
///
/// Each line of text is a sentence, possibly empty, so that output and input lines correspond.
public final class SentenceSource {
    private let tokenizer: Tokenizer
    private let pool: WorkerPool
    private var paths: ArraySlice<String>
    private var current: (() throws -> [String]?)?
    private let onShard: (_ name: String, _ tokenizer: String) -> Void

    /// Creates a source.
    /// - `tokenizer`: tokenises text; token shards contain tokens already.
    /// - `onShard`: called with the description of each token shard's tokenizer, as returned by `Tokenizer.description`.
    public init(
        paths: [String], tokenizer: Tokenizer, pool: WorkerPool,
        onShard: @escaping (_ name: String, _ tokenizer: String) -> Void = { _, _ in }
    ) {
        self.onShard = onShard
        self.paths = paths[...]
        self.tokenizer = tokenizer
        self.pool = pool
    }

    /// Returns the words of the next sentence; `nil` after the last. Throws `ToolError`.
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
                // Units are joined to words: vectors belong to words.
                let hasUnits = reader.header?.fields["bpe"] != nil
                block.forEachSentence { ids in
                    let sentence = ids.map { words[Int($0)] }
                    waiting.append(hasUnits ? UnitMark.joined(sentence) : sentence)
                }
            }
            return waiting.popFirst()
        }
    }
}

extension Tokenizer {
    /// Returns all tokens of one line, without sentence boundaries.
    func words(_ line: UnsafeRawBufferPointer) throws -> [String] {
        let batch = try tokenize(line).batch
        return batch.ids.map { batch.words.word(Int($0)) }
    }

    /// Creates the tokenizer of a model's training text, as recorded in the model. Sentences are not split.
    /// - `mode`: replaces the way of finding tokens.
    public init(for configuration: EncoderConfiguration, mode: Mode? = nil) {
        let fields = Self.fields(configuration)
        self.init(
            mode: mode ?? fields["mode"].flatMap(Mode.init(rawValue:)) ?? .penn, lowercase: fields["lowercase"] == "true",
            normalization: fields["normalize"].flatMap(Normalization.init(rawValue:)) ?? .none, maximumSentenceLength: .max)
    }

    /// Describes how the words of a token shard were made, according to its header. Sentences and subword units are not included.
    static func description(_ fields: ShardFields) -> String {
        ["mode", "lowercase", "normalize"].compactMap { name in fields[name].map { "\(name)=\($0)" } }.joined(separator: " ")
    }

    /// Describes a model's training text in the same terms; empty if unknown.
    public static func description(_ configuration: EncoderConfiguration) -> String { description(fields(configuration)) }

    /// Returns the header of a model's training text, which the configuration stores as `name=value` separated by spaces.
    private static func fields(_ configuration: EncoderConfiguration) -> ShardFields {
        var fields = ShardFields()
        for option in configuration.tokenizer.parts(separatedBy: " ") {
            let parts = option.parts(separatedBy: "=", most: 1)
            if parts.count == 2 { fields.append(parts[0], parts[1]) }
        }
        return fields
    }
}
