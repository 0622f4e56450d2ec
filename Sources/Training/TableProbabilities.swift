import Files
import Glibc
package import Kernels
package import Model

/// The exact probabilities of words under a network that predicts vectors,
///
///     p(w | o) = u(w) e^(scale o·w) / Z,  Z = sum over all words of the table,
///
/// with u of `UnigramDistribution`. Predictions of the contrastive output bring their scale with them (1); those of a distance are
/// unit vectors, whose scale was fitted.
///
/// Beside a softmax over a vocabulary, words of the table outside that vocabulary are one class, `<unk>`, as they are there: its
/// probability is the sum of theirs, and words that the table lacks are of it, too. Without a vocabulary these have none.
package final class TableProbabilities {
    /// The exact scores of one position.
    package struct Score {
        /// log p of the target, or of `<unk>`; `nil` if it has none.
        package var logProbability: Double?
        /// True if the target is a word of its own, not `<unk>`.
        package var isKnown = false
        /// Of a target outside the table that has a vector: the number of words that are more probable, among those of the table
        /// and all such targets.
        package var higherThanOpen: Int?
    }

    private let words: CorpusWords
    private let table: WordRows
    private let vectors: TargetVectors
    private let unigram: UnigramDistribution
    /// The rows of the table that are words of their own, and those that are `<unk>`.
    private let known, others: [UInt32]
    /// True if there is a vocabulary beside the table.
    private let hasUnknownClass: Bool

    /// Rows of the table that are multiplied at once.
    private static let blockRows = 4096

    /// - Parameter vocabulary: of a softmax to be compared with; `nil` makes every word of the table one of its own.
    /// Throws `ToolError` if the table's file cannot be read.
    package init(
        _ configuration: EncoderConfiguration, _ words: CorpusWords, _ direction: Direction, vectors: TargetVectors,
        vocabulary: OutputVocabulary?
    ) throws {
        guard let table = words.vectors else { preconditionFailure("the words have vectors") }
        self.words = words
        self.table = table
        self.vectors = vectors
        unigram = UnigramDistribution(configuration, words)
        hasUnknownClass = vocabulary != nil
        let mark = direction.mark(closing: true) == EncoderConfiguration.Mark.end ? words.end : words.begin
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

    /// Words with a probability of their own, `<unk>` among them if there is a vocabulary.
    package var count: Int { known.count + (hasUnknownClass ? 1 : 0) }

    /// Scores positions. Throws `ToolError` if the table's file cannot be read.
    /// - Parameters:
    ///   - predictions: [positions, size].
    ///   - targets: their words, which have a vector.
    package func scores(_ model: DirectionModel, _ predictions: Matrix, targets: [UInt32], scale: Double) throws -> [Score] {
        let backend = model.backend, size = table.dimension, scale = Float(scale), block = Self.blockRows
        let open = Set(targets.filter { Int($0) >= table.tableCount }).sorted()
        let memory = FloatBuffer(count: max(block, open.count) * size), scratch = FloatBuffer(count: max(block, open.count) * size)
        let priors = FloatBuffer(count: max(block, open.count))
        var openTargets = [ScoreTarget](repeating: .none, count: targets.count)
        var own = [Double](repeating: .nan, count: targets.count)

        /// Adds the scores of some words to `sums`.
        func add(_ rows: ArraySlice<UInt32>, to sums: inout [ScoreSums]) throws {
            guard !rows.isEmpty else { return }
            let numbers = Array(rows), isOpen = Int(numbers[0]) >= table.tableCount
            let matrix = Matrix(memory, rows: numbers.count, columns: size)
            if isOpen { try table.gather(numbers, into: matrix) } else { try table.read(numbers, into: matrix) }
            vectors.change(matrix, scratch: Matrix(scratch, rows: numbers.count, columns: size), backend) {
                words.withSpelling(numbers[$0], $1)
            }
            if !isOpen { model.replaceTargets(matrix, of: numbers.map(Int32.init)) }
            let logs = numbers.map { Float(unigram.log($0)) }, prior = Matrix(priors, rows: 1, columns: numbers.count)
            backend.write(logs, to: prior)
            let packed = backend.packed(matrix.transposed)
            let places = Dictionary(uniqueKeysWithValues: zip(numbers, numbers.indices))
            let columns = targets.map { places[$0] ?? -1 }
            if columns.contains(where: { $0 >= 0 }) {
                for (position, value) in backend.values(predictions, packed, at: columns).enumerated() where columns[position] >= 0 {
                    let logFrequency = logs[columns[position]]
                    own[position] = Double(logFrequency.addingProduct(scale, value))
                    if isOpen { openTargets[position] = ScoreTarget(value: value, prior: logFrequency) }
                }
            }
            let found = backend.scoreSums(predictions, packed, prior: prior, scale: scale, targets: openTargets, moments: false)
            for (position, sum) in found.enumerated() { sums[position].add(sum) }
        }

        var openSums = [ScoreSums](repeating: ScoreSums(), count: targets.count), sums = openSums, otherSums = openSums
        // First, because the others are compared with what it finds.
        try add(open[...], to: &openSums)
        for first in stride(from: 0, to: known.count, by: block) {
            try add(known[first..<min(known.count, first + block)], to: &sums)
        }
        for first in stride(from: 0, to: others.count, by: block) {
            try add(others[first..<min(others.count, first + block)], to: &otherSums)
        }
        let knownRows = Set(known)
        return targets.indices.map { position in
            let target = targets[position]
            var all = sums[position], score = Score(isKnown: knownRows.contains(target))
            all.add(otherSums[position])
            if score.isKnown {
                score.logProbability = own[position] - all.logTotal
            } else if hasUnknownClass && !others.isEmpty {
                score.logProbability = otherSums[position].logTotal - all.logTotal
            }
            if Int(target) >= table.tableCount { score.higherThanOpen = all.higherScores + openSums[position].higherScores }
            return score
        }
    }
}
