import Kernels
import Layers
import Model
import Shards
import Subwords

/// Ranks whole words by a model that predicts subword units, so that it has the same figures as models of words: p(word) is the
/// product of the probabilities of its units, each given the previous ones.
///
/// The ranking is exact. A word is at most as probable as its first units, so candidates are followed only where their units so far
/// are more probable than the correct word, the most probable first, until ten more probable words are found or no candidate is
/// left. That is cheap for a model that has learned something; otherwise, ranking ends with the step at which `workPerWord` has
/// been spent. For the forward direction only: read backward, a word's units do not show where it ends.
struct UnitRanking {
    /// Steps of the model for a word of the text, on average, at most.
    static let workPerWord = 32
    /// Maximum number of prefixes of one word's search that are read at once.
    private static let mostAtOnce = 16

    /// A node in the tree of candidates, reached by the units that they share.
    private struct Node {
        /// Units that end a candidate, with the candidate, and units that continue, with the node that they lead to.
        var ends: [(unit: Int32, candidate: Int)] = []
        var inner: [(unit: Int32, node: Int)] = []
    }

    /// The tree, starting with its root.
    private let nodes: [Node]
    private let known: [[Int32]: Int]
    /// log p of each candidate in the unigram model.
    private let logUnigram: [Double]
    private let classes: Int
    /// Number of steps left.
    private var work: Int

    /// - Parameters:
    ///   - count: maximum number of candidates, among `words` and ends of sentences in the training text.
    ///   - sentences: count of these ends.
    ///   - positions: number of words and ends of sentences that will be ranked.
    init(_ words: WordUnits, count: Int, sentences: Int, classes: Int, positions: Int) {
        let mark = (units: [EncoderConfiguration.Mark.end], count: UInt64(sentences), spelling: [UInt8]())
        // Words with an unknown unit cannot be distinguished from others.
        let usable = words.counts.indices.filter { !words.units[$0].contains(EncoderConfiguration.Mark.unknown) }
        // In the order of a vocabulary, by bytes for equal counts, so that models of words have the same candidates.
        let ordered = ([mark] + usable.map { (words.units[$0], words.counts[$0], words.spelling($0)) })
            .sorted {
                $0.count != $1.count ? $0.count > $1.count : $0.spelling.lexicographicallyPrecedes($1.spelling)
            }.prefix(count)
        logUnigram = RankTally.logUnigram(ordered.map(\.count))
        self.classes = classes
        known = Dictionary(ordered.enumerated().map { ($1.units, $0) }, uniquingKeysWith: { first, _ in first })
        nodes = Self.tree(ordered.map(\.units))
        work = Self.workPerWord * positions
    }

    private static func tree(_ candidates: [[Int32]]) -> [Node] {
        var nodes = [Node()], nodeOfPrefix: [ArraySlice<Int32>: Int] = [:]
        for (candidate, units) in candidates.enumerated() {
            var node = 0
            for (index, unit) in units.dropLast().enumerated() {
                let next = nodeOfPrefix[units[...index], default: nodes.count]
                if next == nodes.count {
                    nodeOfPrefix[units[...index]] = next
                    nodes[node].inner.append((unit, next))
                    nodes.append(Node())
                }
                node = next
            }
            if let last = units.last { nodes[node].ends.append((last, candidate)) }
        }
        return nodes
    }

    var count: Int { logUnigram.count }

    /// Units of a candidate that are more probable than the word that it is compared with.
    private struct Prefix {
        let node: Int
        /// The last unit, and the place of the state before it.
        let unit: Int32
        let state: DirectionModel.SavedState
        let row: Int
        let logProbability: Double
    }

    /// A word to be ranked.
    private struct Query {
        let target: Int
        let logProbability: Double
        /// Number of candidates known to be more probable.
        var better = 0
        /// The prefixes still to be read.
        var prefixes: [Prefix] = []

        var isOpen: Bool { better < RankTally.most && !prefixes.isEmpty }

        /// Considers the units that may follow at a node, reached by units of total log p `before`. `logs` is log p of all units
        /// there, [classes], and the state there is a row of `state`.
        mutating func extend(
            _ node: Node, before: Double, _ logs: ArraySlice<Float>, _ state: DirectionModel.SavedState, row: Int
        ) {
            for (unit, candidate) in node.ends
            where candidate != target && before + Double(logs[logs.startIndex + Int(unit)]) > logProbability { better += 1 }
            guard better < RankTally.most else { return prefixes.removeAll() }
            for (unit, next) in node.inner {
                let log = before + Double(logs[logs.startIndex + Int(unit)])
                guard log > logProbability else { continue }
                prefixes.append(Prefix(node: next, unit: unit, state: state, row: row, logProbability: log))
            }
        }

        /// Removes the most probable prefixes.
        mutating func take(_ count: Int) -> ArraySlice<Prefix> {
            prefixes.sort { ($0.logProbability, $1.node) < ($1.logProbability, $0.node) }
            let taken = prefixes.suffix(count)
            prefixes.removeLast(taken.count)
            return taken
        }
    }

    /// The ranks at all positions.
    private var tally = RankTally()

    /// Ranks the words that start at one step of all streams.
    ///
    /// - Parameters:
    ///   - model: the model, in the state after the step, which may be changed.
    ///   - logProbabilities: log p of all units after the step, [batch, classes].
    ///   - targets: for each stream the units of the word that starts, and the logarithm of its probability; `nil` for streams
    ///     within a word, or at their end.
    /// - Returns: true if the work was within its limit. If not, nothing of the step counts, because easy words must not count more
    ///   than difficult ones.
    mutating func rank(
        _ model: DirectionModel, _ logProbabilities: Matrix, of all: ClassSubset, targets: [(units: [Int32], logProbability: Double)?]
    ) -> Bool {
        let state = DirectionModel.SavedState(model, batch: targets.count)
        let logs = model.backend.read(logProbabilities)
        var queries: [Query] = []
        for (stream, target) in targets.enumerated() {
            guard let target, let candidate = known[target.units] else { continue }
            var query = Query(target: candidate, logProbability: target.logProbability)
            query.extend(nodes[0], before: 0, logs[stream * classes..<(stream + 1) * classes], state, row: stream)
            queries.append(query)
        }
        guard search(model, all, &queries) else { return false }
        for query in queries {
            tally.add(target: query.target, better: query.better, logUnigram: logUnigram[query.target])
        }
        return true
    }

    /// Reads prefixes until all queries are answered.
    private mutating func search(_ model: DirectionModel, _ all: ClassSubset, _ queries: inout [Query]) -> Bool {
        var open = queries.indices.filter { queries[$0].isOpen }
        guard !open.isEmpty else { return true }
        let most = min(model.capacity.batch, model.capacity.rows)
        let buffer = model.backend.allocate(most * classes), numbers = model.backend.allocateShared(most)
        let units = Numbers(numbers, count: most)
        while !open.isEmpty {
            let share = max(1, min(Self.mostAtOnce, most / open.count))
            var batch: [(query: Int, prefix: Prefix)] = []
            for number in open where batch.count + share <= most {
                for prefix in queries[number].take(share) { batch.append((number, prefix)) }
            }
            work -= batch.count
            guard work >= 0 else { return false }
            let shape = WindowShape(steps: 1, batch: batch.count)
            model.restoreState(batch.map { (saved: $0.prefix.state, row: $0.prefix.row) })
            for (row, (_, prefix)) in batch.enumerated() { units[row] = prefix.unit }
            model.advance(.numbers(units), shape: shape)
            let state = DirectionModel.SavedState(model, batch: batch.count)
            let logs = Matrix(buffer, rows: batch.count, columns: classes)
            model.logProbabilities(model.states(shape), of: all, into: logs)
            let values = model.backend.read(logs)
            for (row, (number, prefix)) in batch.enumerated() {
                queries[number].extend(
                    nodes[prefix.node], before: prefix.logProbability, values[row * classes..<(row + 1) * classes], state,
                    row: row)
            }
            open = open.filter { queries[$0].isOpen }
        }
        withExtendedLifetime((buffer, numbers)) {}
        return true
    }

    /// Returns the scores of everything ranked.
    /// - Parameter positions: number of words of the text.
    func finish(positions: Int) -> RankingScores { tally.scores(of: positions) }
}

/// The whole words of a text that was split into units, with their counts.
struct WordUnits: Sendable {
    private(set) var words = WordTable()
    private(set) var counts: [UInt64] = []
    /// Classes of each word's units.
    private(set) var units: [[Int32]] = []

    /// Counts the words of a sentence of units.
    mutating func add(_ sentence: ArraySlice<UInt32>, _ corpus: CorpusWords) {
        var spelling: [UInt8] = [], classes: [Int32] = []
        for unit in sentence {
            let isLast = corpus.endsWord(unit)
            corpus.withSpelling(unit) { spelling.append(contentsOf: $0.dropLast(isLast ? 0 : UnitMark.bytes.count)) }
            classes.append(corpus.classNumber(unit))
            guard isLast else { continue }
            add(spelling, classes)
            spelling.removeAll(keepingCapacity: true)
            classes.removeAll(keepingCapacity: true)
        }
    }

    /// Returns the bytes of a word.
    func spelling(_ word: Int) -> [UInt8] { words.withWord(word) { Array($0) } }

    private mutating func add(_ spelling: [UInt8], _ classes: [Int32]) {
        let id = spelling.withUnsafeBytes { words.insert($0) }
        if id == counts.count {
            counts.append(0)
            units.append(classes)
        }
        counts[id] += 1
    }
}
