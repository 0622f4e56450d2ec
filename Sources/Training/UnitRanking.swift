import Glibc
import Kernels
import Layers
import Model

/// Ranks whole words by a model that predicts units of words, so that it has the same figure as models of words: p(word) is
/// the product of its units' probabilities, each after those before it.
///
/// Exact, and cheap because nearly all candidates need no more than their first unit: a word cannot be more probable than
/// that, and only ranks up to ten are asked for. Forward direction only: read backward, a word's units do not say where it
/// ends.
struct UnitRanking {
    /// A candidate: its units, and the logarithm of its unigram probability.
    private struct Candidate {
        let units: [Int32]
        let logUnigram: Double
    }

    private let candidates: [Candidate]
    /// Candidates of one unit, and the numbers of those of more by their first.
    private let short: [Int32]
    private let long: [Int32: [Int]]
    private let known: [[Int32]: Int]
    private let classes: Int

    /// - Parameters:
    ///   - words: of the training text.
    ///   - sentences: of the training text: the count of the mark that ends them.
    init(_ words: WordUnits, count: Int, sentences: Int, classes: Int) {
        let mark = (units: [EncoderConfiguration.Mark.end], count: UInt64(sentences), spelling: [UInt8]())
        // Words with an unknown unit cannot be told from others.
        let usable = words.counts.indices.filter { !words.units[$0].contains(EncoderConfiguration.Mark.unknown) }
        // In the order of a vocabulary, so that models of words have the same candidates: equal counts by bytes.
        let ordered = ([mark] + usable.map { (words.units[$0], words.counts[$0], words.spelling($0)) })
            .sorted {
                $0.count != $1.count ? $0.count > $1.count : $0.spelling.lexicographicallyPrecedes($1.spelling)
            }.prefix(count)
        let total = ordered.reduce(0.0) { $0 + Double($1.count) }
        let candidates = ordered.map { Candidate(units: $0.units, logUnigram: log(Double($0.count) / total)) }
        self.candidates = candidates
        self.classes = classes
        known = Dictionary(candidates.enumerated().map { ($1.units, $0) }, uniquingKeysWith: { first, _ in first })
        short = candidates.filter { $0.units.count == 1 }.map { $0.units[0] }
        long = Dictionary(grouping: candidates.indices.filter { candidates[$0].units.count > 1 }) {
            candidates[$0].units[0]
        }
    }

    var count: Int { candidates.count }

    /// A word to be found: the stream it stands in, its units, and how probable they are.
    private struct Query {
        let stream: Int
        let target: Int
        let logProbability: Double
        /// Candidates known to be more probable.
        var better: Int
    }

    /// A place in a candidate: which of `queries` asks, where the state before its next unit is, and what its units so far
    /// have.
    private struct Prefix {
        let query: Int
        let candidate: Int
        let depth: Int
        let logProbability: Double
    }

    /// What is added up over all positions.
    private var scores = RankingScores()
    private var top1 = 0, top10 = 0, unigramTop1 = 0, unigramTop10 = 0
    private var logUnigram = 0.0
    private var words = 0

    /// Ranks the words that begin at one step of all streams.
    ///
    /// - Parameters:
    ///   - model: its state is that after the step, and may be changed.
    ///   - logProbabilities: of all units after the step, [batch, classes].
    ///   - targets: for each stream the units of the word that begins, and the logarithm of its probability; `nil` for streams
    ///     within a word, or at their end.
    mutating func rank(
        _ model: DirectionModel, _ logProbabilities: Matrix, targets: [(units: [Int32], logProbability: Double)?]
    ) {
        let batch = targets.count
        var queries: [Query] = []
        for (stream, target) in targets.enumerated() {
            guard let target else { continue }
            words += 1
            guard let candidate = known[target.units] else { continue }
            let row = logProbabilities.row(stream)
            let own = Float(target.logProbability)
            var better = 0
            for unit in short where row[Int(unit)] > own { better += 1 }
            queries.append(
                Query(stream: stream, target: candidate, logProbability: target.logProbability, better: better))
        }
        // Longer words, for the positions that may still be among the first ten.
        var prefixes: [Prefix] = []
        for (number, query) in queries.enumerated() where query.better < 10 {
            let row = logProbabilities.row(query.stream)
            for (unit, list) in long where Double(row[Int(unit)]) > query.logProbability {
                for candidate in list where candidate != query.target {
                    prefixes.append(
                        Prefix(query: number, candidate: candidate, depth: 1, logProbability: Double(row[Int(unit)])))
                }
            }
        }
        if !prefixes.isEmpty {
            let state = model.savedState(batch: batch)
            follow(sorted(prefixes), from: state, batch: batch, stateRows: queries.map(\.stream), model, &queries)
        }
        for query in queries { count(query) }
    }

    /// Reads the units of prefixes and goes on with those that are still more probable than what they are compared with.
    private func follow(
        _ prefixes: [Prefix], from state: FloatBuffer, batch: Int, stateRows: [Int], _ model: DirectionModel,
        _ queries: inout [Query]
    ) {
        let most = min(model.capacity.batch, model.capacity.rows)
        var start = 0
        while start < prefixes.count {
            // Candidates of a query that have all units so far in common share a state.
            var groups: [(query: Int, units: ArraySlice<Int32>)] = []
            var members: [Range<Int>] = []
            var end = start
            while end < prefixes.count {
                let prefix = prefixes[end]
                let units = candidates[prefix.candidate].units[..<prefix.depth]
                if let last = groups.last, last.query == prefix.query, last.units.elementsEqual(units) {
                    members[members.count - 1] = members[members.count - 1].lowerBound..<end + 1
                } else {
                    guard groups.count < most else { break }
                    groups.append((prefix.query, units))
                    members.append(end..<end + 1)
                }
                end += 1
            }
            let rows = groups.map { stateRows[$0.query] }
            let inputs = groups.map { $0.units.last ?? EncoderConfiguration.Mark.unknown }
            let shape = WindowShape(steps: 1, batch: groups.count)
            model.restoreState(model.select(rows, of: state, batch: batch), batch: groups.count)
            inputs.withUnsafeBufferPointer { model.advance(.numbers($0.baseAddress!), shape: shape) }
            let next = model.savedState(batch: groups.count)
            let buffer = FloatBuffer(count: groups.count * classes)
            let logs = Matrix(buffer, rows: groups.count, columns: classes)
            model.logProbabilities(model.states(shape), into: logs)
            for (row, range) in members.enumerated() {
                var deeper: [Prefix] = []
                for prefix in prefixes[range] {
                    let units = candidates[prefix.candidate].units
                    let log = prefix.logProbability + Double(logs.row(row)[Int(units[prefix.depth])])
                    guard log > queries[prefix.query].logProbability else { continue }
                    if prefix.depth + 1 == units.count {
                        queries[prefix.query].better += 1
                    } else {
                        deeper.append(
                            Prefix(
                                query: prefix.query, candidate: prefix.candidate, depth: prefix.depth + 1, logProbability: log))
                    }
                }
                guard let first = deeper.first else { continue }
                var rowsOfQuery = [Int](repeating: 0, count: queries.count)
                rowsOfQuery[first.query] = row
                follow(sorted(deeper), from: next, batch: groups.count, stateRows: rowsOfQuery, model, &queries)
            }
            withExtendedLifetime(buffer) {}
            start = end
        }
    }

    /// Prefixes with those of one query and the same units side by side.
    private func sorted(_ prefixes: [Prefix]) -> [Prefix] {
        prefixes.sorted { first, second in
            guard first.query == second.query else { return first.query < second.query }
            return candidates[first.candidate].units.lexicographicallyPrecedes(candidates[second.candidate].units)
        }
    }

    private mutating func count(_ query: Query) {
        top1 += query.better < 1 ? 1 : 0
        top10 += query.better < 10 ? 1 : 0
        unigramTop1 += query.target < 1 ? 1 : 0
        unigramTop10 += query.target < 10 ? 1 : 0
        logUnigram += candidates[query.target].logUnigram
        scores.positions += 1
    }

    /// The scores of all that was ranked.
    func finish() -> RankingScores {
        var result = scores
        let count = Double(max(1, scores.positions))
        result.coverage = Double(scores.positions) / Double(max(1, words))
        result.top1 = Double(top1) / count
        result.top10 = Double(top10) / count
        result.unigramTop1 = Double(unigramTop1) / count
        result.unigramTop10 = Double(unigramTop10) / count
        result.unigramPerplexity = exp(-logUnigram / count)
        return result
    }
}
