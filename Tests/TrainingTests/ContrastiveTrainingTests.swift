import Files
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Model
import Parallel
import Shards
import TestSupport
import Testing
import Training
import WordVectors

/// Runs with the contrastive loss, whatever the targets and wherever negatives come from.
@Suite struct ContrastiveTrainingTests {
    struct Variant: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout EncoderConfiguration) -> Void

        init(_ name: String, _ change: @escaping @Sendable (inout EncoderConfiguration) -> Void) {
            testDescription = name
            self.change = change
        }

        static let all = [
            Variant("frozen, of the window") { $0.negativeSource = .window },
            Variant("mapped, drawn") { ($0.targets, $0.negatives) = (.mapped, 9) },
            Variant("trained, of earlier windows") { ($0.targets, $0.negativeSource, $0.negatives) = (.trained, .earlier, 12) },
            Variant("whitened, with random vectors") { ($0.whitensTargets, $0.randomShare) = (true, 0.3) },
            Variant("trained and shared") { ($0.targets, $0.sharesLayers) = (.trained, true) },
            Variant("a learned scale") { $0.learnsScale = true },
        ]
    }

    /// A run that stops twice and goes on, with other numbers of threads, gives the bytes of one that never stops.
    @Test(arguments: Variant.all) func stoppedAndResumedIsNeverStopped(variant: Variant) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45), shards: 3)
        var options = TrainingData.options(steps: 24)
        options.accumulation = 2
        func run(_ name: String, stops: [Int]) throws -> [UInt8] {
            for (index, stop) in (stops + [Int.max]).enumerated() {
                let trainer = try data.trainer(
                    options, threads: 1 + index % 2, loss: .contrastive, checkpoints: data.checkpoints(name), change: variant.change)
                if index > 0 { #expect(try trainer.resume() == stops[index - 1]) }
                trainer.shouldStop = { [unowned trainer] in trainer.step == stop }
                #expect(try trainer.run() == (stop == Int.max ? .finished : .stopped))
                if stop == Int.max { return try data.bytes(of: trainer.encoder) }
            }
            return []
        }
        let whole = try run("whole", stops: [])
        #expect(try run("parts", stops: [1, 13]) == whole)
    }

    /// The regular text is learned, by its exact probabilities.
    @Test(arguments: Variant.all) func theTextIsLearned(variant: Variant) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(300))
        var options = TrainingData.options(steps: 150)
        options.evaluations = 1
        let trainer = try data.trainer(options, loss: .contrastive) {
            $0.negatives = 12
            variant.change(&$0)
        }
        var last: Evaluation?
        trainer.onEvaluation = { last = $0 }
        _ = try trainer.run()
        for result in try #require(last).results {
            let exact = try #require(result.exact), perplexity = try #require(exact.perplexity)
            #expect(exact.words == 13 && exact.unknownShare == 0 && exact.open == nil && exact.positions > 100)
            // The twelve vectors of the table lie in a plane, and tell words apart but crudely; trained and random ones leave it.
            let hasMoreDimensions = trainer.encoder.configuration.targets == .trained || trainer.encoder.configuration.randomShare > 0
            #expect(result.scores.top1 > (hasMoreDimensions ? 0.6 : 0.3) && perplexity < (hasMoreDimensions ? 2.5 : 7))
            #expect(abs(try #require(result.scores.candidatePerplexity) / perplexity - 1) < 1e-3)
            #expect(result.cosine == nil && result.scores.scale == nil)
        }
    }

    /// The fields of a model say what its targets are; frozen ones take no tensors, trained ones one for each direction.
    @Test func modelsKeepWhatTheyLearn() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45))
        let options = TrainingData.options(steps: 2)
        func names(_ targets: TargetKind, learnsScale: Bool = false) throws -> Set<String> {
            let trainer = try data.trainer(options, loss: .contrastive) {
                ($0.targets, $0.learnsScale) = (targets, learnsScale)
            }
            return Set(trainer.encoder.stores.flatMap { $0.layout.parameters.map(\.name) })
        }
        let frozen = try names(.frozen)
        #expect(try names(.mapped).subtracting(frozen) == ["forward.output.map.weight", "backward.output.map.weight"])
        #expect(try names(.trained).subtracting(frozen) == ["forward.output.vectors", "backward.output.vectors"])
        #expect(try names(.frozen, learnsScale: true).subtracting(frozen) == ["forward.output.scale", "backward.output.scale"])
    }

    /// Trained targets begin as the frozen ones, with whatever is done to these.
    @Test func trainedTargetsBeginWithTheTablesVectors() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45))
        let trainer = try data.trainer(TrainingData.options(steps: 1), loss: .contrastive) { $0.targets = .trained }
        let words = try data.input().words
        let own = FloatBuffer(count: 14 * TrainingData.dimension)
        let vectors = Matrix(own, rows: 14, columns: TrainingData.dimension)
        for word in 0..<14 { try words.gather([UInt32(word)], into: vectors.rows(word..<word + 1)) }
        for model in trainer.encoder.directions {
            let parameter = try #require(model.parameters.layout.parameters.first { $0.name.hasSuffix(".vectors") })
            let value = model.parameters.value(parameter)
            #expect(value.rows == 14)
            #expect((0..<value.rows * value.columns).allSatisfy { value.start[$0] == vectors.start[$0] })
        }
    }
}

/// The words of a window: distinct ones, negatives with the shares of their draws, and the frequencies of targets.
@Suite struct WindowTargetsTests {
    private struct Setup {
        let data: TrainingData
        let input: TrainingInput
        var configuration: EncoderConfiguration

        init(_ change: (inout EncoderConfiguration) -> Void) throws {
            data = try TrainingData(sentences: TrainingData.sentences(45))
            input = try data.input()
            configuration = EncoderConfiguration(vectorSize: TrainingData.dimension, cell: 4, projection: 4)
            configuration.loss = .contrastive
            change(&configuration)
            input.describe(in: &configuration)
        }

        func targets(positions: Int, counts: [UInt32] = [UInt32](repeating: 1, count: 14)) throws -> WindowTargets {
            WindowTargets(
                configuration, input.words, .forward, sampler: WordSampler(counts: counts, mark: input.words.end, sentences: 2),
                vectors: try TargetVectors(configuration, input.words), positions: positions, backend: ProcessorBackend())
        }
    }

    private func shares(_ words: WordTargets) -> [Double] {
        (0..<words.negatives).map { exp(Double(words.logShares.start[$0])) }
    }

    @Test func wordsAreCountedAsOftenAsTheyStandThere() throws {
        let setup = try Setup { ($0.negatives, $0.negativeSource) = (8, .window) }
        let targets = try setup.targets(positions: 7)
        try targets.fill([3, 5, 3, 3, 0, 5, 7], counted: [1, 1, 1, 0, 1, 1, 0], draw: Draw(seed: 1, step: 0))
        let words = targets.targets(rows: 7)
        #expect(words.negatives == 3 && words.vectors.rows == 3)
        // 3 twice, 5 twice, 0 once; positions that do not count are no draws.
        #expect(shares(words).sorted().map { ($0 * 5).rounded() } == [1, 2, 2])
        #expect(words.places[0] == words.places[2] && words.places[1] == words.places[5] && words.places[0] != words.places[1])
        let share = shares(words)[Int(words.places[4])]
        #expect(abs(share - 0.2) < 1e-6)
        // The words of the table have count 100 each, and the mark that of the sentences.
        let total = 1200 + Double(setup.input.corpus.sentences)
        #expect(abs(exp(Double(words.logFrequencies.start[0])) - 100 / total) < 1e-6)
        let vector = FloatBuffer(count: TrainingData.dimension), row = Matrix(vector, rows: 1, columns: TrainingData.dimension)
        try setup.input.words.gather([3], into: row)
        let own = words.vectors.row(Int(words.places[0]))
        #expect((0..<TrainingData.dimension).allSatisfy { own[$0] == row.start[$0] })
    }

    /// With more distinct words than asked for, some are no negatives, but have their place all the same.
    @Test func theirNumberHasABound() throws {
        let setup = try Setup { $0.negatives = 4 }
        let targets = try setup.targets(positions: 9), all: [UInt32] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
        var seen: Set<UInt32> = []
        for step in 0..<20 {
            try targets.fill(all, counted: all.map { _ in 1 }, draw: Draw(seed: 1, step: step))
            let words = targets.targets(rows: 9)
            #expect(words.negatives == 4 && words.vectors.rows == 9)
            #expect(shares(words).allSatisfy { abs($0 - 0.25) < 1e-6 })
            #expect(Set((0..<9).map { words.places[$0] }).count == 9)
            for position in 0..<9 where words.places[position] < 4 { seen.insert(all[position]) }
        }
        // They are not always the same ones.
        #expect(seen.count == 9)
    }

    @Test func moreAreDrawnFromTheText() throws {
        let setup = try Setup { $0.negatives = 10 }
        var counts = [UInt32](repeating: 0, count: 14)
        for word in [2, 4, 6, 8] { counts[word] = 5 }
        let targets = try setup.targets(positions: 2, counts: counts)
        try targets.fill([3, 3], counted: [1, 1], draw: Draw(seed: 1, step: 0))
        let words = targets.targets(rows: 2)
        // The word of the window, and as many as there are in all, the mark among them.
        #expect(words.negatives == 5 && words.places[0] == 0 && words.places[1] == 0)
        #expect(abs(shares(words).reduce(0, +) - 1) < 1e-5)
        // The same draw gives the same words.
        let first = (0..<5).map { words.logShares.start[$0] }
        try targets.fill([3, 3], counted: [1, 1], draw: Draw(seed: 1, step: 0))
        #expect((0..<5).map { targets.targets(rows: 2).logShares.start[$0] } == first)
    }

    @Test func moreComeFromEarlierWindows() throws {
        let setup = try Setup { ($0.negatives, $0.negativeSource) = (5, .earlier) }
        let targets = try setup.targets(positions: 3)
        func fill(_ words: [UInt32]) throws -> WordTargets {
            try targets.fill(words, counted: [1, 1, 1], draw: Draw(seed: 1, step: 0))
            return targets.targets(rows: 3)
        }
        #expect(try fill([0, 1, 1]).negatives == 2)
        #expect(try fill([2, 2, 3]).negatives == 4)
        #expect(targets.kept == [0, 1, 1, 2, 2, 3])
        #expect(try fill([4, 5, 6]).negatives == 5)
        // Twenty are kept, the latest: four for each negative.
        for window in 0..<6 { _ = try fill([UInt32(window), UInt32(window), 7]) }
        #expect(targets.kept.count == 20 && Array(targets.kept.suffix(3)) == [5, 5, 7] && targets.kept[0] == 5)
        let other = try setup.targets(positions: 3)
        other.kept = targets.kept
        #expect(other.kept == targets.kept)
        func shares(_ targets: WindowTargets) throws -> [Float] {
            try targets.fill([9, 9, 10], counted: [1, 1, 1], draw: Draw(seed: 2, step: 3))
            return (0..<5).map { targets.targets(rows: 3).logShares.start[$0] }
        }
        #expect(try shares(other) == shares(targets))
        #expect(other.kept == targets.kept)
    }

    @Test func aWindowWithoutTargetsHasNone() throws {
        let setup = try Setup { $0.negativeSource = .window }
        let targets = try setup.targets(positions: 2)
        try targets.fill([3, 4], counted: [0, 0], draw: Draw(seed: 1, step: 0))
        #expect(targets.targets(rows: 2).negatives == 0 && targets.targets(rows: 2).vectors.rows == 0)
    }

    @Test func wordsAreDrawnAsOftenAsTheTextHasThem() throws {
        let sampler = WordSampler(counts: [10, 0, 30, 5, 1], mark: 7, sentences: 54)
        #expect(sampler.count == 5)
        var random = Random(seed: 3), drawn: [UInt32: Int] = [:]
        for _ in 0..<100_000 { drawn[sampler.draw(&random), default: 0] += 1 }
        for (word, share) in [(UInt32(0), 0.1), (2, 0.3), (3, 0.05), (4, 0.01), (7, 0.54)] {
            #expect(abs(Double(drawn[word] ?? 0) / 100_000 - share) < 0.006)
        }
        #expect(drawn[1] == nil)
    }

    /// Words of equal counts whose targets are whitened have second moments near those of the identity, which they have not before.
    /// Random vectors move a word, always to the same place.
    @Test func targetsAreWhitenedAndMixed() throws {
        let table = try GeneratedTable(), words = table.input.words, size = 5
        let numbers = (0..<UInt32(300)).filter { words.isKnown($0) }
        func vectors(_ change: (inout EncoderConfiguration) -> Void) throws -> [[Double]] {
            var configuration = table.configuration
            change(&configuration)
            let memory = FloatBuffer(count: 300 * size), scratch = FloatBuffer(count: 300 * size)
            let matrix = Matrix(memory, rows: numbers.count, columns: size)
            try TargetVectors(configuration, words).gather(
                numbers, into: matrix, scratch: Matrix(scratch, rows: numbers.count, columns: size), ProcessorBackend())
            return numbers.indices.map { row in (0..<size).map { Double(matrix.row(row)[$0]) } }
        }
        func dot(_ one: [Double], _ other: [Double]) -> Double { zip(one, other).reduce(0) { $0 + $1.0 * $1.1 } }
        let plain = try vectors { _ in }, white = try vectors { $0.whitensTargets = true }
        let mixed = try vectors { $0.randomShare = 0.3 }, again = try vectors { $0.randomShare = 0.3 }
        let random = try vectors { $0.randomShare = 1 }
        for set in [plain, white, mixed, random] { for vector in set { #expect(abs(dot(vector, vector) - 1) < 1e-5) } }
        /// The largest difference of a second moment from that of vectors that point everywhere.
        func distance(_ set: [[Double]]) -> Double {
            var largest = 0.0
            for row in 0..<size {
                for column in 0..<size {
                    let moment = set.reduce(0.0) { $0 + $1[row] * $1[column] } / Double(set.count)
                    largest = max(largest, abs(moment - (row == column ? 1 / Double(size) : 0)))
                }
            }
            return largest
        }
        #expect(distance(white) < 0.05 && distance(plain) > 0.1)
        #expect(mixed == again && mixed != plain)
        #expect(zip(mixed, plain).allSatisfy { dot($0, $1) > 0.75 })
        let root = 1 / Double(size).squareRoot()
        #expect(random.joined().allSatisfy { abs(abs($0) - root) < 1e-6 })
    }
}

/// Exact probabilities over the table against the same sums written out.
@Suite struct TableProbabilitiesTests {
    @Test(arguments: [false, true]) func theyAreThoseOfTheFormula(hasVocabulary: Bool) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45) + [["w1", "new", "w2", "other"]])
        let input = try data.input(heldOutEvery: 0), size = TrainingData.dimension
        var configuration = EncoderConfiguration(vectorSize: size, cell: 4, projection: 4)
        configuration.loss = .contrastive
        input.describe(in: &configuration)
        #expect(configuration.otherCount == 1)
        let pool = ThreadPool(threads: 1)
        let encoder = ContextualEncoder(configuration, capacity: WindowCapacity(batch: 1, rows: 1), training: nil, pool: pool)
        let vocabulary = hasVocabulary ? try OutputVocabulary(path: data.vocabulary(), pool: WorkerPool(threads: 1)) : nil
        let words = input.words, scale = 1.5
        let probabilities = try TableProbabilities(
            configuration, words, .forward, vectors: TargetVectors(configuration, words), vocabulary: vocabulary)
        // Twelve words and the mark; or eight words, the mark and <unk>.
        #expect(probabilities.count == (hasVocabulary ? 10 : 13))
        let targets: [UInt32] = [0, 5, 11, words.end]
        var random = Random(seed: 5)
        let memory = FloatBuffer(count: 4 * size), predictions = Matrix(memory, rows: 4, columns: size)
        predictions.copy(from: (0..<4 * size).map { _ in Float(random.normal()) })
        let scores = try probabilities.scores(encoder.directions[0], predictions, targets: targets, scale: scale)
        let vector = FloatBuffer(count: size), row = Matrix(vector, rows: 1, columns: size)
        for position in 0..<4 {
            func weight(_ word: UInt32) throws -> Double {
                try words.gather([word], into: row)
                let product = (0..<size).reduce(0.0) { $0 + Double(predictions.row(position)[$1]) * Double(row.start[$1]) }
                return (word == words.end ? Double(input.corpus.sentences) : 100) * exp(scale * product)
            }
            let all = try (Array(0..<UInt32(12)) + [words.end]).map(weight), total = all.reduce(0, +)
            let isKnown = !hasVocabulary || targets[position] < 8 || targets[position] == words.end
            let own = isKnown ? try weight(targets[position]) : all[8..<12].reduce(0, +)
            #expect(scores[position].isKnown == isKnown && scores[position].higherThanOpen == nil)
            #expect(abs(exp(try #require(scores[position].logProbability)) - own / total) < 1e-5)
        }
        // A word without a vector is <unk>, where there is one.
        let without = try probabilities.scores(
            encoder.directions[0], predictions, targets: [TableProbabilities.noWord, 0, 1, 2], scale: scale)[0]
        #expect(!without.isKnown && without.higherThanOpen == nil && (without.logProbability != nil) == hasVocabulary)
        let unknown = try probabilities.scores(encoder.directions[0], predictions, targets: [11, 0, 1, 2], scale: scale)[0]
        if hasVocabulary { #expect(without.logProbability == unknown.logProbability) }
    }

    /// Words that the table lacks are ranked among its words and each other, and have no probability over the table alone.
    @Test func wordsOutsideTheTableAreRanked() throws {
        let made = try GeneratedTable()
        let words = made.input.words, size = words.vectors?.dimension ?? 0
        let targets = made.others.compactMap { word in Array(word.utf8).withUnsafeBytes { words.find($0) } }
        #expect(targets.count == made.others.count && targets.allSatisfy { words.isKnown($0) })
        let pool = ThreadPool(threads: 1)
        let encoder = ContextualEncoder(made.configuration, capacity: WindowCapacity(batch: 1, rows: 1), training: nil, pool: pool)
        let probabilities = try TableProbabilities(
            made.configuration, words, .forward, vectors: TargetVectors(made.configuration, words), vocabulary: nil)
        let memory = FloatBuffer(count: targets.count * size), predictions = Matrix(memory, rows: targets.count, columns: size)
        // Predictions that point to the words themselves, far enough that frequency does not matter, and then away from them.
        try words.gather(targets, into: predictions)
        for index in 0..<targets.count * size { predictions.start[index] *= 500 }
        let found = try probabilities.scores(encoder.directions[0], predictions, targets: targets, scale: 1)
        #expect(found.allSatisfy { $0.higherThanOpen == 0 && $0.logProbability == nil && !$0.isKnown })
        for index in 0..<targets.count * size { predictions.start[index] *= -1 }
        let lost = try probabilities.scores(encoder.directions[0], predictions, targets: targets, scale: 1)
        #expect(lost.allSatisfy { ($0.higherThanOpen ?? 0) >= probabilities.count })
    }
}

/// A table whose generator makes vectors of words that it lacks, and a text that has some of these.
private struct GeneratedTable {
    let input: TrainingInput
    let configuration: EncoderConfiguration
    /// Words of the text that the table lacks.
    let others = ["gggg", "ggfe", "fgfg"]
    private let data: TrainingData

    init() throws {
        let letters = Array("abcdefg")
        let words = (0..<300).map { number in String((0..<4).map { letters[number / [1, 7, 49, 343][$0] % 7] }) }
        let text = words.map { word in
            let vector = (0..<5).map { column in
                word.unicodeScalars.reduce(0.3) { $0 + sin(Double($1.value) * Double(column + 1) * 1.3) }
            }
            return word + vector.map { " \($0)" }.joined()
        }.joined(separator: "\n") + "\n"
        data = try TrainingData(sentences: [Array(words[..<200]), others + Array(words[200...])])
        var builder = TableBuilder()
        builder.unknown = .subwords
        builder.subwords.heldOut = 20
        let table = try builder.build(
            VocabularyWords(words.map { ($0, 3) }), openVectors(data.directory.write("vectors.txt", text)), threads: 1)
        let path = data.directory.file("generated"), output = try OutputFile(path: path, binary: true)
        try table.write(to: output, tool: "test", fields: [:], pool: WorkerPool(threads: 1))
        try output.commit()
        input = try TrainingInput(
            table: path, vocabulary: nil, tokens: data.tokens, heldOut: nil, heldOutEvery: 0, heldOutTokens: 0, centred: true, threads: 1)
        var configuration = EncoderConfiguration(vectorSize: 5, cell: 4, projection: 4)
        configuration.loss = .contrastive
        input.describe(in: &configuration)
        self.configuration = configuration
    }
}
