import Kernels
import Shards
public import WordVectors

/// A benchmark of vectors from spelling: generators are fitted to some of the known words, and make vectors for the others.
public struct SpellingBenchmark {
    /// The largest number of known words to use, the most frequent first.
    public var words = 100_000
    /// The fraction of the known words that no generator sees.
    public var heldOut = 0.05
    /// The number of held-out words for which vectors are made.
    public var asked = 2000
    /// The settings of the character model.
    public var mimick = MimickConfiguration()
    /// The settings of the n-grams.
    public var subwords = SubwordConfiguration()
    /// True if the character model is fitted, and not only the n-grams.
    public var fitsMimick = true
    /// The number of threads.
    public var threads = 1

    /// Makes a benchmark with the default settings.
    public init() {}

    /// A fitted generator.
    public struct Generator {
        /// The name in results.
        public let name: String
        /// The generator.
        public let generator: any OutOfVocabularyGenerator
        /// The time of the fit in seconds; 0 for a generator that came with the vectors.
        public let seconds: Double
    }

    /// The measurements of all generators.
    public struct Result {
        /// The generators that were compared.
        public let generators: [Generator]
        /// The evaluation on the held-out words.
        public let evaluation: SpellingEvaluation
        /// The number of words to which the generators were fitted.
        public let fitted: Int
        /// The scores by groups of words.
        public let groups: [Group]
        /// The correlations with sets of word pairs.
        public let similarities: [SimilarityResult]
    }

    /// The scores of some of the held-out words.
    public struct Group {
        /// The description of the words.
        public let name: String
        /// The number of words.
        public let words: Int
        /// The score of each method.
        public let scores: [SpellingEvaluation.Score]
    }

    /// Fits the generators and evaluates them. `sets` are looked up with all words of the vocabulary and their own. Throws
    /// `ToolError`: what reading the vectors throws; `dataError` if too few words have a vector.
    public func run(
        _ vocabulary: VocabularyWords, _ vectors: any VectorFile, sets: [WordSimilarity],
        progress: @escaping (String) -> Void
    ) throws -> Result {
        var table = vocabulary.words
        for set in sets {
            for pair in set.pairs {
                for word in [pair.first, pair.second] { _ = Array(word.utf8).withUnsafeBytes { table.insert($0) } }
            }
        }
        progress("reading \(vectors.name)")
        let own = vectors.ownGenerator()
        let everything = try vectors.lookUp(table, threads: threads)
        let found = everything.found
        // Words further down in the vocabulary, or only in the sets, are unknown to the generators.
        let known = Array((0..<vocabulary.words.count).filter { found[$0] }.prefix(words))
        let lookup = everything.limited(to: known)
        let counts = vocabulary.counts + Array(repeating: 0, count: table.count - vocabulary.counts.count)
        var generators: [Generator] = []
        func fit(_ name: String, _ make: () throws -> any OutOfVocabularyGenerator) rethrows {
            progress("fitting \(name)")
            let start = now()
            let generator = try make()
            generators.append(Generator(name: name, generator: generator, seconds: now() - start))
        }
        let split = HeldOutWords(of: known, share: heldOut, seed: mimick.seed)
        let fittedTo = split.fitted, heldOutIds = split.heldOut
        let readers = fitsMimick ? [("MIMICK", mimick.reader), ("character CNN", .defaultConvolution)] : []
        for (name, reader) in readers {
            var configuration = mimick
            configuration.reader = reader
            configuration.words = known.count
            configuration.heldOut = heldOut
            try fit(name) {
                try MimickTrainer(configuration, threads: threads).fit(table, counts: counts, lookup) {
                    progress("fitting \(name), epoch \($0.epoch): held-out loss \($0.heldOutLoss)")
                }.generator
            }
        }
        fit("fitted n-grams") { SubwordFit(subwords, threads: threads).fit(table, ids: fittedTo, lookup.rows) }
        if let own { generators.append(Generator(name: "the model's n-grams", generator: own, seconds: 0)) }
        progress("asking for \(min(asked, heldOutIds.count)) words")
        let methods = generators.map { SpellingEvaluation.Method($0.name, $0.generator, table) }
        let nearest = SpellingEvaluation.Method.nearestSpelling(table, lookup.rows, fitted: fittedTo)
        let evaluation = SpellingEvaluation(
            methods + [nearest, .meanVector(lookup.rows, fitted: fittedTo)], table, lookup.rows, fitted: fittedTo,
            heldOut: heldOutIds, mostWords: asked, threads: threads)
        let similarity = SimilarityBenchmark(
            table: table, rows: lookup.rows, hasVector: found, known: known, methods: [nearest] + methods)
        return Result(
            generators: generators, evaluation: evaluation, fitted: fittedTo.count,
            groups: groups(evaluation, table, counts), similarities: sets.map(similarity.run))
    }

    /// Groups the words by frequency and by length.
    private func groups(_ evaluation: SpellingEvaluation, _ words: WordTable, _ counts: [UInt64]) -> [Group] {
        func group(_ name: String, _ isIncluded: (Int) -> Bool) -> Group {
            Group(
                name: name, words: evaluation.asked.count(where: isIncluded), scores: evaluation.scores(where: isIncluded))
        }
        func length(_ id: Int) -> Int { words.word(id).unicodeScalars.count }
        return [
            group("all") { _ in true },
            group("count from 1,000") { counts[$0] >= 1000 },
            group("count 100 to 999") { 100..<1000 ~= counts[$0] },
            group("count 10 to 99") { 10..<100 ~= counts[$0] },
            group("count below 10") { counts[$0] < 10 },
            group("up to 4 characters") { length($0) <= 4 },
            group("5 to 7 characters") { 5...7 ~= length($0) },
            group("8 to 10 characters") { 8...10 ~= length($0) },
            group("from 11 characters") { length($0) >= 11 },
        ].filter { $0.words > 0 }
    }
}
