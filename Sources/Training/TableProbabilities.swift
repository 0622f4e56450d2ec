import Files
import Glibc
package import Kernels
package import Model

/// The exact probabilities of words under a network that predicts vectors,
///
///     p(w | o) = u(w) e^(scale o·w) / Z,  Z = sum over all words of the table,
///
/// with u from `UnigramDistribution`. Predictions of the contrastive output contain their scale (1 here); those of a distance are
/// unit vectors, whose scale was fitted.
///
/// When compared with a softmax over a vocabulary, the table's words outside that vocabulary form one class, `<unk>`, as they do
/// there: its probability is the sum of theirs, and words that the table lacks belong to it, too. Without a vocabulary, these have
/// no probability.
package final class TableProbabilities {
    /// The exact scores of one position.
    package struct Score {
        /// log p of the target, or of `<unk>`; `nil` if it has none.
        package var logProbability: Double?
        /// True if the target is a word of its own rather than `<unk>`.
        package var isKnown = false
        /// Number of words more probable than a target that the table lacks, among the table's words and all such targets; `nil`
        /// for other targets, and for one without a vector.
        package var higherThanOpen: Int?
    }

    private let words: CorpusWords
    private let table: WordRows
    private let vectors: TargetVectors
    private let unigram: UnigramDistribution
    /// Rows of the table that are words of their own, and rows that are `<unk>`.
    private let known, others: [UInt32]
    /// True if there is a vocabulary, and the table has words outside it, which are `<unk>`.
    var hasUnknownClass: Bool { hasVocabulary && !others.isEmpty }
    private let hasVocabulary: Bool

    /// The target of a position whose word has no vector.
    package static let noWord = UInt32.max

    /// Number of rows of the table multiplied at once.
    private static let blockRows = 4096

    /// Returns the bytes that scoring takes: predictions, some vectors with their packed form, and the sums of each position.
    static func bytes(positions: Int, size: Int) -> Int {
        4 * size * (positions + 3 * blockRows) + positions * 4 * MemoryLayout<ScoreSums>.stride
    }

    /// Prepares scoring. Throws `ToolError` if the table's file cannot be read.
    /// - Parameter vocabulary: vocabulary of a softmax to compare with; `nil` makes every word of the table one of its own.
    package init(
        _ configuration: EncoderConfiguration, _ words: CorpusWords, _ direction: Direction, vectors: TargetVectors,
        vocabulary: OutputVocabulary?
    ) throws {
        guard let table = words.vectors else { preconditionFailure("the words have vectors") }
        self.words = words
        self.table = table
        self.vectors = vectors
        unigram = UnigramDistribution(configuration, words)
        hasVocabulary = vocabulary != nil
        let mark: UInt32? = switch direction {
        case .forward: words.end
        case .backward: words.begin
        // Marks are not predicted.
        case .bidirectional: nil
        }
        var known: [UInt32] = [], others: [UInt32] = []
        for row in 0..<UInt32(table.tableCount) where row == mark || table.isWord(row) {
            guard try table.hasVector(row) else { continue }
            let isKnown = row == mark || vocabulary.map { vocabulary in
                words.withSpelling(row) { vocabulary.number(of: $0) } != EncoderConfiguration.Mark.unknown
            } ?? true
            if isKnown { known.append(row) } else { others.append(row) }
        }
        (self.known, self.others) = (known, others)
    }

    /// Number of words with a probability of their own, including `<unk>` if there is a vocabulary.
    package var count: Int { known.count + (hasUnknownClass ? 1 : 0) }

    /// Scores positions. Throws `ToolError` if the table's file cannot be read.
    /// - Parameters:
    ///   - predictions: [positions, size].
    ///   - targets: the words of the positions, which have a vector, or `noWord`.
    package func scores(_ model: DirectionModel, _ predictions: Matrix, targets: [UInt32], scale: Double) throws -> [Score] {
        let backend = model.backend, scale = Float(scale)
        let open = Set(targets.filter { Int($0) >= table.tableCount && $0 != Self.noWord }).sorted()
        var openTargets = [ScoreTarget](repeating: .none, count: targets.count)
        var own = [Double](repeating: .nan, count: targets.count)

        /// Adds the scores of some words to `sums`.
        func add(_ words: Words, to sums: inout [ScoreSums], areOpen: Bool = false) {
            let packed = backend.packed(words.vectors.transposed)
            let places = Dictionary(uniqueKeysWithValues: zip(words.numbers, words.numbers.indices))
            let columns = targets.map { places[$0] ?? -1 }
            if columns.contains(where: { $0 >= 0 }) {
                for (position, value) in backend.values(predictions, packed, at: columns).enumerated() where columns[position] >= 0 {
                    let logFrequency = words.logFrequencies[columns[position]]
                    own[position] = Double(logFrequency.addingProduct(scale, value))
                    if areOpen { openTargets[position] = ScoreTarget(value: value, prior: logFrequency) }
                }
            }
            let memory = backend.allocate(words.numbers.count), prior = Matrix(memory, rows: 1, columns: words.numbers.count)
            backend.write(words.logFrequencies, to: prior)
            let found = backend.scoreSums(predictions, packed, prior: prior, scale: scale, targets: openTargets, moments: false)
            for (position, sum) in found.enumerated() { sums[position].add(sum) }
        }

        var openSums = [ScoreSums](repeating: ScoreSums(), count: targets.count), sums = openSums, otherSums = openSums
        // These come first, because the others are compared with the result.
        try forEachBlock(open, model) { add($0, to: &openSums, areOpen: true) }
        try forEachBlock(known, model) { add($0, to: &sums) }
        try forEachBlock(others, model) { add($0, to: &otherSums) }
        let knownRows = Set(known)
        return targets.indices.map { position in
            let target = targets[position]
            var all = sums[position], score = Score(isKnown: knownRows.contains(target))
            all.add(otherSums[position])
            if score.isKnown {
                score.logProbability = own[position] - all.logTotal
            } else if hasUnknownClass {
                score.logProbability = otherSums[position].logTotal - all.logTotal
            }
            if Int(target) >= table.tableCount && target != Self.noWord {
                score.higherThanOpen = all.higherScores + openSums[position].higherScores
            }
            return score
        }
    }

    /// Returns the most probable words at one predicted vector, [1, size], in descending order: words of the table, and of `open`,
    /// words outside it that have a vector. Throws `ToolError` if the table's file cannot be read.
    func likeliest(
        _ model: DirectionModel, _ prediction: Matrix, count: Int, open: [UInt32], scale: Double
    ) throws -> [(number: UInt32, logProbability: Double)] {
        var best: [(number: UInt32, score: Double)] = [], total = ScoreSums()
        let memory = model.backend.allocate(Self.blockRows)
        for numbers in [open, known, others] {
            try forEachBlock(numbers, model) { words in
                let products = Matrix(memory, rows: 1, columns: words.numbers.count)
                model.backend.multiply(prediction, words.vectors.transposed, into: products)
                let scores = zip(model.backend.read(products), words.logFrequencies).map { Double($1) + scale * Double($0) }
                let highest = scores.max() ?? 0
                let sum = scores.reduce(0.0) { $0 + exp($1 - highest) }
                total.add(ScoreSums(highest: highest, sums: (sum, 0, 0), higherValues: 0, higherScores: 0))
                best += zip(words.numbers, scores).map { ($0, $1) }
                best = Array(best.sorted { ($0.score, $1.number) > ($1.score, $0.number) }.prefix(count))
            }
        }
        return best.map { ($0.number, $0.score - total.logTotal) }
    }

    /// Words with their target vectors, [words, size], and the logarithms of their unigram frequencies.
    private struct Words {
        let numbers: [UInt32]
        let vectors: Matrix
        let logFrequencies: [Float]
    }

    /// Calls `body` with some of the words after another, all of which are in the table or all outside it.
    private func forEachBlock(_ numbers: [UInt32], _ model: DirectionModel, _ body: (Words) -> Void) throws {
        let size = table.dimension, most = min(Self.blockRows, numbers.count)
        let memory = model.backend.allocateShared(most * size), scratch = FloatBuffer(count: most * size)
        let host = model.backend.computesInHostMemory ? model.backend : ProcessorBackend()
        for first in stride(from: 0, to: numbers.count, by: Self.blockRows) {
            let block = Array(numbers[first..<min(numbers.count, first + Self.blockRows)])
            model.backend.wait()
            let matrix = Matrix(memory, rows: block.count, columns: size), isOfTable = Int(block[0]) < table.tableCount
            if isOfTable { try table.read(block, into: matrix) } else { try table.gather(block, into: matrix) }
            vectors.change(matrix, scratch: Matrix(scratch, rows: block.count, columns: size), host) {
                words.withSpelling(block[$0], $1)
            }
            if isOfTable { model.replaceTargets(matrix, of: block) }
            body(Words(numbers: block, vectors: matrix, logFrequencies: block.map { Float(unigram.log($0)) }))
        }
    }
}
