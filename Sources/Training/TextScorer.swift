import Files
import Glibc
import Kernels
import Layers
public import Model
import Parallel
import Shards
import WordVectors

/// The scores of a text by a finished model, sentence by sentence.
public struct TextScores: Sendable {
    /// One sentence. A position is a token, or the end of the sentence.
    public struct Sentence: Sendable {
        /// Number of positions.
        public var positions = 0
        /// Number of whole words, plus the end: equal to `positions` unless tokens are subword units.
        public var words = 0
        /// Number of positions whose word is not in the vocabulary.
        public var unknown = 0
        /// Number of positions that have a probability, by direction.
        public var scored: [Int]
        /// Sum of log p over these positions, by direction.
        public var logProbability: [Double]
    }

    /// Directions of the model.
    public var directions: [Direction]
    /// Scores of each sentence.
    public var sentences: [Sentence]
    /// Number of words with a probability of their own.
    public var vocabulary: Int
    /// True if unknown words have the probability of `<unk>`, false if they have none.
    public var scoresUnknown: Bool

    /// The sum over all sentences.
    public var total: Sentence {
        var total = Sentence(scored: directions.map { _ in 0 }, logProbability: directions.map { _ in 0 })
        for sentence in sentences {
            total.positions += sentence.positions
            total.words += sentence.words
            total.unknown += sentence.unknown
            for index in directions.indices {
                total.scored[index] += sentence.scored[index]
                total.logProbability[index] += sentence.logProbability[index]
            }
        }
        return total
    }
}

extension TextScores.Sentence {
    /// Returns the perplexity of a word in a direction: e to the mean -log p over the positions that have a probability or, for
    /// subword units, over whole words; `nil` if nothing was scored.
    public func perplexity(_ direction: Int) -> Double? {
        let count = words < positions ? words : scored[direction]
        return count > 0 && scored[direction] > 0 ? exp(-logProbability[direction] / Double(count)) : nil
    }
}

/// A finished model as a language model: probabilities of a text, and most probable words after a beginning.
///
/// A text is divided into streams and windows like held-out text in training, so that its scores are the same.
public final class TextScorer {
    /// Sizes and options of the network.
    public let configuration: EncoderConfiguration
    /// Warnings about mistakes that do not prevent scoring.
    public private(set) var warnings: [String] = []
    private let encoder: ContextualEncoder
    private let words: CorpusWords
    private let scoreVocabulary: OutputVocabulary?
    private let record: TrainingRecord?
    private let batch, window: Int
    private let workers: WorkerPool
    private let name: String

    /// Number of positions scored at once: each such part of a text runs through all words of a table.
    private static let partPositions = 1 << 15

    /// Opens a model. Throws `ToolError`: `usage` if a file is missing or not used; `configuration` for a model that predicts
    /// nothing, and for a table or vocabulary that the model was not trained with; and what reading the files throws.
    /// - `table`: table of a model that reads or predicts vectors.
    /// - `vocabulary`: vocabulary of a softmax; for a continuous output, the words to score over, as a softmax over them would.
    /// - `batch`, `window`: number of streams, and of positions in a window; `nil` means those of training.
    public init(
        model: String, table: String?, vocabulary: String?, batch: Int? = nil, window: Int? = nil, threads: Int
    ) throws {
        name = model
        let reader = try SafetensorsReader(path: model), pool = ThreadPool(threads: threads)
        let configuration = try ModelFile.configuration(of: reader), workers = WorkerPool(threads: threads)
        self.configuration = configuration
        self.workers = workers
        record = ModelFile.records(of: reader).last
        let hasVocabulary = configuration.output.hasVocabulary
        let needsTable = configuration.input == .embeddings || configuration.output == .continuous
        guard configuration.objective == .nextWord else {
            throw ToolError(
                .configuration, "\(model): predicts masked words from both sides, and gives no text a probability")
        }
        guard configuration.output != .none else {
            throw ToolError(.configuration, "\(model): has no output layer, and predicts nothing")
        }
        guard table != nil || !needsTable else { throw ToolError(.usage, "--table is missing: \(model) needs the vectors of words") }
        guard table == nil || needsTable else { throw ToolError(.usage, "--table is not used: \(model) has no use for vectors") }
        guard vocabulary != nil || !hasVocabulary else {
            throw ToolError(.usage, "--vocab is missing: \(model) predicts the words of a vocabulary")
        }
        let rows = try table.map { path in
            let table = try EmbeddingTable(FileSource(path: path), pool: workers)
            try configuration.requireTrainingTable(table.digest, name: path, model: model)
            return try WordRows(table, centred: configuration.centred, memory: WordRows.defaultMemory, file: path)
        }
        let read = try vocabulary.map { try OutputVocabulary(path: $0, pool: workers) }
        if hasVocabulary, let vocabulary, let read {
            try configuration.requireTrainingVocabulary(read.digest, name: vocabulary, model: model)
        }
        words = CorpusWords(vectors: rows, vocabulary: hasVocabulary ? read : nil)
        scoreVocabulary = hasVocabulary ? nil : read
        self.batch = batch ?? record?.batch ?? TrainingOptions().batch
        self.window = window ?? record?.window ?? TrainingOptions().window
        if let longest = configuration.encoder.family.longestSequence, self.window > longest {
            throw ToolError(
                .usage, "--window is \(self.window), and the encoder of \(model) sees at most \(longest) words at once")
        }
        encoder = try ModelFile.read(model, capacity: WindowCapacity(batch: self.batch, rows: self.batch * self.window), pool: pool)
        encoder.packWeights()
    }

    /// The probabilities that a direction gives words, in a form that suits its output layer.
    private enum Probabilities {
        case classes((_ states: Matrix, _ targets: [Int]) -> [CandidateScores])
        case table(TableProbabilities, scale: Double)
    }

    private func probabilities(_ model: DirectionModel) throws -> Probabilities {
        if configuration.output.hasVocabulary {
            return .classes(model.ranking(among: Array(0..<Int32(configuration.vocabularySize))))
        }
        return .table(try table(model), scale: try scale(of: model.direction))
    }

    private func table(_ model: DirectionModel) throws -> TableProbabilities {
        try TableProbabilities(
            configuration, words, model.direction, vectors: TargetVectors(configuration, words), vocabulary: scoreVocabulary)
    }

    /// Returns the scale of predictions that have none of their own.
    private func scale(of direction: Direction) throws -> Double {
        if configuration.isContrastive { return 1 }
        guard let scale = record?.heldOut.first(where: { $0.direction == direction })?.scale else {
            throw ToolError(
                .configuration,
                "\(name): its loss makes vectors, not probabilities; the scale that makes these of them is fitted to held-out text in "
                    + "training, and the model was trained without, or by an earlier version")
        }
        return scale
    }

    /// Reads the sentences of token shards until they have `limit` words. Throws `ToolError` like reading, and `configuration` for
    /// subword units if the model reads whole words, or vice versa.
    private func sentences(_ paths: [String], limit: Int) throws -> Sentences {
        var all = Sentences()
        for path in paths where all.tokenCount < limit {
            var fields = ShardFields()
            let own = try Sentences(path: path, words: words, limit: limit - all.tokenCount, pool: workers, fields: &fields)
            for index in 0..<own.count { all.append(own[index]) }
            let merges = fields["bpe"] ?? "", ownMerges = words.vocabulary?.merges ?? ""
            guard merges == ownMerges else {
                throw ToolError(
                    .configuration,
                    "\(inputName(path)): is of \(TrainingInput.name(merges)), and \(name) reads \(TrainingInput.name(ownMerges))")
            }
            let text = TrainingInput.text(fields)
            if !configuration.tokenizer.isEmpty && text != configuration.tokenizer {
                warnings.append(
                    "\(inputName(path)): was tokenised with \(text), and the training text with \(configuration.tokenizer)")
            }
        }
        return all
    }

    /// Scores the text of token shards in all directions of the model. Throws `ToolError` like reading.
    /// - `limit`: maximum number of words to read, up to the end of a sentence.
    public func score(_ paths: [String], limit: Int = .max) throws -> TextScores {
        let text = try sentences(paths, limit: limit)
        let directions = encoder.directions.map(\.direction)
        var scores = TextScores(directions: directions, sentences: [], vocabulary: 0, scoresUnknown: true)
        scores.sentences = (0..<text.count).map { index in
            TextScores.Sentence(
                positions: text[index].count + 1, words: words.wordCount(text[index]) + 1, scored: directions.map { _ in 0 },
                logProbability: directions.map { _ in 0 })
        }
        for (index, model) in encoder.directions.enumerated() { try score(text, model, index, &scores) }
        return scores
    }

    /// A part of a text whose predictions are waiting to be scored.
    private struct Part {
        let memory: FloatBuffer
        let width: Int
        var targets: [UInt32] = []
        var sentences: [Int] = []

        var rows: Matrix { Matrix(memory, rows: targets.count, columns: width) }
    }

    private func score(_ text: Sentences, _ model: DirectionModel, _ index: Int, _ scores: inout TextScores) throws {
        let batch = min(batch, max(1, text.count)), windows = text.windows(batch: batch, window: window, words)
        let probabilities = try probabilities(model)
        switch probabilities {
        case .classes: scores.vocabulary = configuration.vocabularySize
        case .table(let table, _): (scores.vocabulary, scores.scoresUnknown) = (table.count, table.hasUnknownClass)
        }
        let inputs = InputBatch(configuration, rows: batch * window, words: words.count, backend: model.backend)
        let isContinuous = configuration.output == .continuous
        let width = isContinuous ? configuration.outputSize : configuration.width
        let room = Self.partPositions + batch * window
        var part = Part(memory: FloatBuffer(count: room * width), width: width)
        // The sentence of each stream, and its positions left: streams take sentences in the order of the batcher.
        var current = [Int](repeating: 0, count: batch), left = current, next = 0
        model.resetState()
        for window in windows {
            let shape = WindowShape(steps: window.window, batch: window.batch)
            try inputs.fill(window.inputs(model.direction), of: words)
            model.advance(inputs.words(rows: shape.rows), shape: shape)
            let targets = window.targets(model.direction)
            var places: [Int] = [], kept: [UInt32] = []
            for place in 0..<shape.rows where window.weights[place] == 1 {
                let stream = place % batch
                if left[stream] == 0 {
                    current[stream] = next
                    left[stream] = scores.sentences[next].positions
                    next += 1
                }
                left[stream] -= 1
                let isTarget = words.isTarget(targets[place])
                // A word without a vector has the probability of <unk>, if there is one.
                if isTarget || scoreVocabulary != nil {
                    places.append(place)
                    kept.append(isTarget ? targets[place] : TableProbabilities.noWord)
                    part.sentences.append(current[stream])
                } else if index == 0 {
                    scores.sentences[current[stream]].unknown += 1
                }
            }
            let source = isContinuous ? model.predictVectors(shape) : model.states(shape)
            let rows = Matrix(part.memory, at: part.targets.count * width, rows: places.count, columns: width)
            model.backend.gather(places, of: source, into: rows)
            if isContinuous && !configuration.isContrastive { model.backend.normalize(rows) }
            part.targets += kept
            if part.targets.count >= Self.partPositions { try finish(&part, model, probabilities, index, &scores) }
        }
        try finish(&part, model, probabilities, index, &scores)
    }

    private func finish(
        _ part: inout Part, _ model: DirectionModel, _ probabilities: Probabilities, _ direction: Int, _ scores: inout TextScores
    ) throws {
        func add(_ position: Int, _ logProbability: Double?, isKnown: Bool) {
            let sentence = part.sentences[position]
            if !isKnown && direction == 0 { scores.sentences[sentence].unknown += 1 }
            guard let logProbability else { return }
            scores.sentences[sentence].scored[direction] += 1
            scores.sentences[sentence].logProbability[direction] += logProbability
        }
        guard !part.targets.isEmpty else { return }
        switch probabilities {
        case .classes(let rank):
            // A softmax has a logit for every class and row.
            let block = 4096
            for first in stride(from: 0, to: part.targets.count, by: block) {
                let range = first..<min(part.targets.count, first + block)
                let classes = range.map { Int(words.classNumber(part.targets[$0])) }
                for (place, found) in zip(range, rank(part.rows.rows(range), classes)) {
                    let isUnknown = classes[place - first] == Int(EncoderConfiguration.Mark.unknown)
                    add(place, found.logProbability, isKnown: words.hasClass(part.targets[place]) && !isUnknown)
                }
            }
        case .table(let table, let scale):
            for (place, score) in try table.scores(model, part.rows, targets: part.targets, scale: scale).enumerated() {
                add(place, score.logProbability, isKnown: score.isKnown)
            }
        }
        part.targets.removeAll(keepingCapacity: true)
        part.sentences.removeAll(keepingCapacity: true)
    }
}

extension TextScorer {
    /// A word with its probability.
    public struct Candidate: Sendable {
        /// The word.
        public let word: String
        /// Its probability.
        public let probability: Double
    }

    /// Finds the `count` most probable words after each sentence of token shards, read from the zero state, in descending order.
    /// The end of the sentence is `</s>`, or `<s>` for a backward model. Throws `ToolError` like `score`.
    /// - `others`: words outside the table to include, by vectors that the table's generator makes; for a continuous output only.
    /// - `body`: called with the words of each sentence and the most probable words after it.
    public func next(
        _ count: Int, after paths: [String], others: [String] = [], direction: Direction = .forward,
        _ body: (_ beginning: [String], _ candidates: [Candidate]) throws -> Void
    ) throws {
        guard let model = encoder.directions.first(where: { $0.direction == direction }) else {
            throw ToolError(.configuration, "\(name): has no \(direction.rawValue) direction")
        }
        guard others.isEmpty || configuration.output == .continuous else {
            throw ToolError(.usage, "--word is not used: \(name) predicts the words of its vocabulary and no others")
        }
        guard scoreVocabulary == nil else {
            throw ToolError(.usage, "--vocab is not used: the likeliest words are those of the table")
        }
        let named = try Set(others).sorted().map { word in
            (word: word, number: try Array(word.utf8).withUnsafeBytes { try words.number(of: $0) })
        }
        for (word, number) in named where !words.isKnown(number) {
            warnings.append("--word \(word): the table's generator makes no vector of it")
        }
        let open = named.map(\.number).filter { Int($0) >= words.tableCount && words.isKnown($0) }
        let text = try sentences(paths, limit: .max)
        let likeliest = try likeliest(model, count, open: open)
        let isContinuous = configuration.output == .continuous, begin = direction == .forward ? words.begin : words.end
        // Word by word or, if no state is carried, as many of the last words as the encoder sees at once.
        let most = model.carriesState ? 1 : min(encoder.longestSequence ?? window, model.capacity.rows)
        let inputs = InputBatch(configuration, rows: most, words: words.count, backend: model.backend)
        for index in 0..<text.count {
            let read = [begin] + (direction == .forward ? Array(text[index]) : text[index].reversed())
            var shape = WindowShape(steps: 1, batch: 1)
            model.resetState()
            for first in stride(from: model.carriesState ? 0 : max(0, read.count - most), to: read.count, by: most) {
                let part = Array(read[first..<min(read.count, first + most)])
                shape = WindowShape(steps: part.count, batch: 1)
                try inputs.fill(part, of: words)
                model.advance(inputs.words(rows: part.count), shape: shape)
            }
            let rows = isContinuous ? model.predictVectors(shape) : model.states(shape)
            let row = rows.rows(shape.rows - 1..<shape.rows)
            if isContinuous && !configuration.isContrastive { model.backend.normalize(row) }
            let found = try likeliest(row).map { number, logProbability in
                Candidate(word: name(of: number), probability: exp(logProbability))
            }
            try body(text[index].map { words.withSpelling($0) { String(decoding: $0, as: UTF8.self) } }, found)
        }
    }

    /// Returns the word of a number, or of a class of a softmax.
    private func name(of number: UInt32) -> String {
        if let vocabulary = words.vocabulary { return vocabulary.words.word(Int(number)) }
        return words.withSpelling(number) { String(decoding: $0, as: UTF8.self) }
    }

    /// Prepares the search for the most probable words, as numbers or classes, at one state or predicted vector.
    private func likeliest(
        _ model: DirectionModel, _ count: Int, open: [UInt32]
    ) throws -> (Matrix) throws -> [(number: UInt32, logProbability: Double)] {
        guard configuration.output.hasVocabulary else {
            let table = try table(model), scale = try scale(of: model.direction)
            return { try table.likeliest(model, $0, count: count, open: open, scale: scale) }
        }
        let scores = model.scoringOfClasses()
        return { row in
            let logs = scores(row)
            return logs.indices.sorted { (logs[$0], $1) > (logs[$1], $0) }.prefix(count).map { (UInt32($0), Double(logs[$0])) }
        }
    }
}
