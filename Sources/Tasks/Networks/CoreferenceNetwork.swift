public import Differentiation
@_spi(HostMemory) public import Kernels
public import Layers

/// The end-to-end coreference network of Lee et al. (2017), with the settings of AllenNLP's configuration:
///
///     words        mix of frozen layers, and the word's own vector if there is one; dropout 0.5
///     states       bidirectional LSTM with 200 cells per direction over the document as one sequence
///     spans        up to 10 words of a sentence: states at both ends, embedding of the length, attention-weighted sum of the words
///     mentions     the 0.4 spans per word of the document with the highest score from two layers of 150 units
///     antecedents  the 100 mentions before each mention; the score of a pair is the sum of the two mentions' scores and that of
///                  two layers of 150 units over [g_i; g_j; g_i * g_j; distance]; "no antecedent" has score 0
///
/// Speakers and genres, which Lee et al. use, are not used. A batch is one document, and its loss is the sum over mentions. AllenNLP
/// trains on whole documents. This network does so, too, unless a document is longer than `Widths.wordsInTraining`: then each step
/// takes a random run of its sentences, as Lee et al. do with documents of more than 50 sentences. This bounds the memory.
public struct CoreferenceNetwork: TaskNetwork {
    /// A document, with its clusters of mentions that refer to the same thing.
    public struct Example: Sendable {
        /// The numbers of the document's sentences among the vectors.
        public let sentences: [Int]
        /// The number of words in each sentence.
        public let lengths: [Int]
        /// The clusters of mentions; a mention is a range of the document's words.
        public let clusters: [[Range<Int>]]

        /// Makes an example.
        public init(sentences: [Int], lengths: [Int], clusters: [[Range<Int>]]) {
            precondition(sentences.count == lengths.count)
            (self.sentences, self.lengths, self.clusters) = (sentences, lengths, clusters)
        }
    }

    /// The widths of the layers, and the numbers of spans.
    public struct Widths: Sendable {
        /// The number of cells per direction, of units in a hidden layer, and of values in the embeddings of lengths and distances.
        public var cells, units, features: Int
        /// The largest number of words in a span.
        public var widest = 10
        /// The number of mentions per word of a document.
        public var mentionsPerWord = 0.4
        /// The largest number of antecedents of a mention.
        public var antecedents = 100
        /// The number of words of a document in one training step, but at least one sentence. At the paper's size, 2,000 words with
        /// layers of 512 values take about 360 MB.
        public var wordsInTraining: Int
        /// True if training uses dropout. Comparisons with other implementations turn it off.
        public var drops = true

        /// Makes the sizes of a network, with the defaults for the numbers of spans.
        public init(cells: Int, units: Int, features: Int, wordsInTraining: Int) {
            (self.cells, self.units, self.features, self.wordsInTraining) = (cells, units, features, wordsInTraining)
        }

        /// Makes the sizes for a task size.
        public init(_ size: TaskSize) {
            switch size {
            case .paper: self.init(cells: 200, units: 150, features: 20, wordsInTraining: 4000)
            case .small:
                self.init(cells: 64, units: 64, features: 20, wordsInTraining: 2000)
                antecedents = 50
            }
        }
    }

    /// The layer that reads the vectors.
    public let input: VectorInput
    private let widths: Widths
    private let encoder: BidirectionalLSTM
    private let representation: SpanRepresentation
    private let mentions: SpanMap
    private let mentionScores: FeedForward
    private let pairs: PairMap
    private let pairScores: FeedForward

    private var dropout: Float { widths.drops ? 0.2 : 0 }

    /// Declares a network of a task size.
    public init(_ form: VectorForm, size: TaskSize, in plan: inout Plan) { self.init(form, Widths(size), in: &plan) }

    /// Declares a network.
    public init(_ form: VectorForm, _ widths: Widths, in plan: inout Plan) {
        self.widths = widths
        let dropout: Float = widths.drops ? 0.2 : 0, units = widths.units
        input = VectorInput(form, in: &plan)
        encoder = BidirectionalLSTM("encoder", inputs: input.size, size: widths.cells, in: &plan)
        representation = SpanRepresentation(
            "spans", states: encoder.width, words: input.size, features: widths.features, widest: widths.widest, in: &plan)
        mentions = SpanMap("mentions.layer1", representation, outputs: units, in: &plan)
        mentionScores = FeedForward("mentions", inputs: units, sizes: [units], outputs: 1, dropout: dropout, first: 2, in: &plan)
        pairs = PairMap("antecedents.layer1", inputs: representation.size, features: widths.features, outputs: units, in: &plan)
        pairScores = FeedForward("antecedents", inputs: units, sizes: [units], outputs: 1, dropout: dropout, first: 2, in: &plan)
    }

    /// Returns the schedule for a task size.
    public static func schedule(_ size: TaskSize) -> TaskSchedule {
        var schedule = TaskSchedule(rate: 0.001, batch: 1, epochs: 150, patience: 10)
        if size == .small { (schedule.epochs, schedule.patience) = (30, 5) }
        schedule.greatestNorm = 5
        schedule.halvingPatience = 2
        schedule.mixPenalty = 0.001
        return schedule
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        input.initialize(parameters)
        encoder.initializeUniformly(parameters, random: &random)
        for layer in [encoder.fromBeginning, encoder.fromEnd] {
            parameters.fillGlorotNormal(layer.inputWeight, inputs: layer.inputs, outputs: 4 * layer.size, random: &random)
            parameters.fillOrthogonal(layer.recurrentWeight, random: &random)
        }
        representation.initialize(parameters, random: &random)
        mentions.initialize(parameters, random: &random)
        mentionScores.initialize(parameters, random: &random)
        pairs.initialize(parameters, random: &random)
        pairScores.initialize(parameters, random: &random)
        // AllenNLP's configuration names this layer, and does not name the last layer of the mention scores.
        let last = pairScores.layers[pairScores.layers.count - 1]
        parameters.fillGlorotNormal(last.weight, inputs: last.inputs, outputs: 1, random: &random)
    }

    public func length(of example: Example) -> Int { example.lengths.reduce(0, +) }
    public func sentences(of example: Example) -> [Int] { example.sentences }

    // MARK: Passes

    public func addLoss(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) {
        for example in batch {
            let part = part(of: example, on: tape)
            guard let document = read(part, vectors, on: tape) else { continue }
            var numbers: [Range<Int>: Int32] = [:]
            for (number, cluster) in part.clusters.enumerated() { for mention in cluster { numbers[mention] = Int32(number) } }
            tape.addAntecedentLoss(document.scores, document.pairs, clusters: document.mentions.map { numbers[$0] ?? -1 })
        }
    }

    /// Returns the clusters of each document in the order of their first mentions. Each cluster has at least two mentions.
    public func predict(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) -> [[[Range<Int>]]] {
        batch.map { example in
            guard let document = read(example, vectors, on: tape) else { return [] }
            return Self.clusters(document.mentions, document.pairs.best(document.scores.value))
        }
    }

    /// The mentions of a document in order, and the scores of the antecedents of each mention, [pairs, 1].
    private struct Document {
        let mentions: [Range<Int>]
        let pairs: AntecedentPairs
        let scores: Node
    }

    /// Computes the mentions and scores of a document. Returns `nil` for a document without words.
    private func read(_ example: Example, _ vectors: some FrozenVectors, on tape: Tape) -> Document? {
        let length = length(of: example)
        guard length > 0 else { return nil }
        let lexical: Float = widths.drops ? 0.5 : 0
        let words = tape.drop(input.forward(example.sentences.map { vectors.rows(of: $0) }, on: tape), rate: lexical)
        precondition(words.rows == length, "a sentence has as many vectors as words")
        let states = encoder.forward(words, Sequences([length], on: tape), on: tape)
        let headScores = representation.headScores(words, on: tape)

        let candidates = Spans(
            Spans.ranges(inSentencesOf: example.lengths, widest: widths.widest), widest: widths.widest, on: tape)
        let hidden = mentions.forward(representation, states: states, words: words, headScores: headScores, candidates, on: tape)
        let scores = mentionScores.forward(tape.rectify(hidden, dropout: dropout), on: tape)
        let kept = best(scores.value, count: max(1, Int(widths.mentionsPerWord * Double(length))))

        let spans = Spans(kept.map { candidates.ranges[$0] }, widest: widths.widest, on: tape)
        let vectors = representation.forward(states: states, words: words, headScores: headScores, spans, on: tape)
        let pairs = AntecedentPairs(mentions: spans.count, limit: widths.antecedents, on: tape)
        let hiddenPairs = tape.rectify(self.pairs.forward(vectors, pairs, on: tape), dropout: dropout)
        let own = tape.gather(tape.numbers(kept), of: scores)
        let pairScores = tape.add(mentions: own, to: self.pairScores.forward(hiddenPairs, on: tape), pairs)
        return Document(mentions: spans.ranges, pairs: pairs, scores: pairScores)
    }

    /// Returns the positions of the highest scores in ascending order. Among equal scores, the first ones win.
    private func best(_ scores: Matrix, count: Int) -> [Int] {
        let order = (0..<scores.rows).sorted { (scores.row($1)[0], $0) < (scores.row($0)[0], $1) }
        return order.prefix(count).sorted()
    }

    /// Returns a random run of sentences if the document is too long for training; in inference, returns the whole document.
    private func part(of example: Example, on tape: Tape) -> Example {
        let draw = tape.draw(rate: 0.5), limit = widths.wordsInTraining
        guard let draw, length(of: example) > limit else { return example }
        var random = Random(seed: draw.site ^ SplitMix64.mix(draw.step), stream: "sentences of a document")
        // The last sentence at which a run of full length may begin.
        var last = example.lengths.count, words = 0
        while last > 0 && words < limit {
            last -= 1
            words += example.lengths[last]
        }
        let first = Int.random(in: 0...last, using: &random)
        var end = first + 1
        words = example.lengths[first]
        while end < example.lengths.count && words + example.lengths[end] <= limit {
            words += example.lengths[end]
            end += 1
        }
        let start = example.lengths[..<first].reduce(0, +), range = start..<start + words
        return Example(
            sentences: Array(example.sentences[first..<end]), lengths: Array(example.lengths[first..<end]),
            clusters: example.clusters.map { cluster in
                cluster.filter { range.lowerBound <= $0.lowerBound && $0.upperBound <= range.upperBound }
                    .map { $0.lowerBound - start..<$0.upperBound - start }
            })
    }

    /// Returns the clusters of mentions that are connected by antecedents.
    static func clusters(_ mentions: [Range<Int>], _ antecedents: [Int?]) -> [[Range<Int>]] {
        var clusters: [[Range<Int>]] = [], numbers = [Int?](repeating: nil, count: mentions.count)
        for (mention, antecedent) in antecedents.enumerated() {
            guard let antecedent else { continue }
            let number = numbers[antecedent] ?? clusters.count
            if number == clusters.count {
                clusters.append([mentions[antecedent]])
                numbers[antecedent] = number
            }
            clusters[number].append(mentions[mention])
            numbers[mention] = number
        }
        return clusters
    }
}
