@_spi(HostMemory) import Kernels
import Layers
import Parallel
import PlainBackend
import Testing

import Model

/// Every preset, made small, on the processor's backend and on the plain one, whose loops are naive and in double precision.
@Suite struct BackendTests {
    /// The presets, the other encoders by their names, and the contrastive loss by its targets.
    static let presets = EncoderConfiguration.presets.map(\.name) + EncoderShape.kinds.dropFirst().map(\.name)
        + TargetKind.allCases.map(\.rawValue)
        // The same with masked words.
        + ["small", "elmo", "elmo-a", "elmo-sub", "gru", "trained"].map { "masked " + $0 }
    static let shape = WindowShape(steps: 4, batch: 3)

    static func configuration(_ preset: String) throws -> EncoderConfiguration {
        guard !preset.hasPrefix("masked ") else {
            var configuration = try configuration(String(preset.dropFirst(7)))
            (configuration.objective, configuration.sharesLayers, configuration.maskedShare) = (.masked, false, 0.4)
            #expect(configuration.complaint == nil)
            return configuration
        }
        var configuration: EncoderConfiguration, options = EncoderOverrides()
        (options.layers, options.dropout) = (2, 0.2)
        if let targets = TargetKind(rawValue: preset) {
            configuration = EncoderConfiguration(vectorSize: 6, cell: 9, projection: 5)
            (configuration.loss, configuration.targets, configuration.learnsScale) = (.contrastive, targets, targets == .mapped)
        } else if let kind = EncoderShape.kinds.dropFirst().first(where: { $0.name == preset }) {
            configuration = EncoderConfiguration(kind.shape, vectorSize: 6)
        } else {
            configuration = try #require(EncoderConfiguration(preset: preset, vectorSize: 6))
        }
        configuration.encoder.family.takeSize(cell: 9, width: 5)
        configuration.encoder.family.prepare(forWindow: 4)
        #expect(configuration.encoder.family.apply(options) == nil)
        (configuration.vocabularySize, configuration.negatives) = (40, 7)
        if !configuration.cutoffs.isEmpty { configuration.cutoffs = [8, 20] }
        configuration.filters = [[1, 2], [2, 3], [3, 2]]
        (configuration.characterSize, configuration.longestWord) = (4, 12)
        #expect(configuration.complaint == nil)
        return configuration
    }

    /// A direction with what it reads and predicts, whatever its layers ask for.
    final class Direction {
        let model: DirectionModel
        private let buffer: FloatBuffer
        private let spellings: SpellingBatch
        private let input: InputWords
        private let targets: Targets
        private let weights: Matrix
        private let masking: Masking?

        init(_ direction: Model.Direction, _ configuration: EncoderConfiguration, _ backend: any Backend, sharing other: DirectionModel? = nil) {
            model = DirectionModel(
                direction, configuration, capacity: WindowCapacity(BackendTests.shape), training: Adam(), backend: backend,
                sharing: other)
            model.initialize(seed: 5)
            let buffer = FloatBuffer(count: 4096), rows = BackendTests.shape.rows, size = configuration.inputSize
            let vectors = Matrix(buffer, rows: rows, columns: size), own = Matrix(buffer, at: 1024, rows: rows, columns: size)
            let classes = Numbers(buffer, at: 2048, count: rows), numbers = Numbers(buffer, at: 2100, count: rows)
            let predicted = configuration.predictedRows(of: rows)
            let weights = Matrix(buffer, at: 3000, rows: 1, columns: predicted)
            let spellings = SpellingBatch(rows: rows, longest: configuration.longestWord)
            var random = Random(seed: 8)
            for matrix in [vectors, own] {
                var values: [Float] = []
                for _ in 0..<rows * size { values.append(Float(random.normal())) }
                matrix.copy(from: values)
            }
            weights.copy(from: (0..<predicted).map { $0 == 4 ? 0 : 1 })
            for row in 0..<rows {
                (classes[row], numbers[row]) = (Int32(random.below(40)), Int32(random.below(40)))
                let word = (0...random.below(9)).map { UInt8(97 + (row * 7 + $0 * 5) % 26) }
                spellings.places[row] = row % 5 == 4 ? 0 : word.withUnsafeBytes { spellings.append(.spelled($0)) }
            }
            input = switch configuration.input {
            case .embeddings: .vectors(vectors)
            case .subwords: .numbers(numbers)
            case .characters: .spellings(spellings.spellings)
            }
            // Of the contrastive loss every row's target is a word of its own, and the first seven are negatives.
            let (logs, ownNumbers) = (Matrix(buffer, at: 3100, rows: 1, columns: rows), Numbers(buffer, at: 3200, count: rows))
            // Every third word is predicted, of which there are four, and two are masked.
            let places = Numbers(buffer, at: 3300, count: 2 * predicted + rows)
            for index in 0..<places.count { places[index] = -1 }
            for index in 0..<min(4, predicted) { (places[index], places[2 * predicted + 3 * index]) = (Int32(3 * index), Int32(index)) }
            (places[predicted], places[predicted + 1]) = (3, 9)
            masking = configuration.objective == .masked
                ? Masking(
                    rows: places[0..<predicted], places: places[2 * predicted..<places.count], masked: places[predicted..<2 * predicted])
                : nil
            logs.copy(from: (0..<rows).map { -0.5 * Float($0 % 5) - 1 })
            for row in 0..<rows { ownNumbers[row] = Int32(row) }
            let words = WordTargets(
                vectors: own, rows: ownNumbers, negatives: 7, logShares: logs.columns(0..<7), places: ownNumbers[0..<predicted],
                logFrequencies: logs.columns(0..<predicted))
            targets = configuration.isContrastive ? .words(words)
                : configuration.output == .continuous ? .vectors(own.rows(0..<predicted)) : .classes(classes[0..<predicted])
            (self.buffer, self.spellings, self.weights) = (buffer, spellings, weights)
        }

        func accumulate(step: Int, finish: ((ParameterRange) -> Void)? = nil) {
            model.accumulate(
                input, targets: targets, weights: weights, masking: masking, shape: BackendTests.shape, carry: true, seed: 3,
                step: step, finish: finish)
        }

        func evaluate() -> Double {
            model.evaluate(input, targets: targets, weights: weights, masking: masking, shape: BackendTests.shape, carry: false)
        }
    }

    @Test(arguments: presets) func wholeTrainingStepsAgree(preset: String) throws {
        var configuration = try Self.configuration(preset)
        configuration.sharesLayers = false
        for direction in configuration.directions {
            let own = Direction(direction, configuration, ProcessorBackend())
            let plain = Direction(direction, configuration, PlainBackend())
            for step in 0..<3 {
                for one in [own, plain] { one.accumulate(step: step) }
                let losses = [own, plain].map { $0.model.takeLoss() }
                #expect(abs(losses[0] / losses[1] - 1) < 1e-5, "step \(step): losses \(losses)")
                let norms = [own, plain].map { $0.model.update(.init(step: step + 1, rate: 1e-2, clip: 0.5)) }
                #expect(abs(norms[0] / norms[1] - 1) < 1e-4, "step \(step): norms \(norms)")
            }
            #expect(abs(own.evaluate() / plain.evaluate() - 1) < 1e-4)
            for parameter in own.model.parameters.layout.parameters {
                let (one, other) = (own.model.parameters.value(parameter), plain.model.parameters.value(parameter))
                for (one, other) in zip(own.model.backend.read(one), own.model.backend.read(other)) {
                    // Adam divides by roots of squares: what is nearly no gradient may differ.
                    #expect(abs(one - other) < 2e-3, "\(parameter.name)")
                }
            }
        }
    }

    /// The gradients of every parameter are reported as complete once, after which nothing is added to them, layers from the
    /// output down.
    @Test(arguments: presets) func finishedGradientsAreComplete(preset: String) throws {
        let configuration = try Self.configuration(preset)
        let forward = Direction(configuration.directions[0], configuration, ProcessorBackend())
        let all = configuration.sharesLayers
            ? [forward, Direction(.backward, configuration, ProcessorBackend(), sharing: forward.model)]
            : [forward]
        for one in all {
            var finished: [ParameterRange] = [], kept: [(Parameter, [Float])] = []
            func store(_ parameter: Parameter) throws -> ParameterStore {
                parameter.isShared ? try #require(one.model.sharedParameters) : one.model.parameters
            }
            func gradient(_ parameter: Parameter) throws -> [Float] {
                let store = try store(parameter)
                guard parameter.isSparse else { return one.model.backend.read(store.gradient(parameter)) }
                return one.model.backend.read(store.rows(parameter).gradient)
            }
            func parameters(_ range: ParameterRange) throws -> ArraySlice<Parameter> {
                let layout = range.isShared ? try #require(one.model.sharedParameters).layout : one.model.parameters.layout
                return layout.parameters[range.indices]
            }
            var failure: (any Error)?
            one.accumulate(step: 0) { range in
                finished.append(range)
                do { kept += try parameters(range).map { ($0, try gradient($0)) } } catch { failure = error }
            }
            #expect(failure == nil)
            for (parameter, before) in kept { #expect(try gradient(parameter) == before, "\(parameter.name)") }
            let names = try finished.flatMap { try parameters($0).map(\.name) }
            let stores = [one.model.parameters, one.model.sharedParameters].compactMap { $0 }
            #expect(names.sorted() == stores.flatMap { $0.layout.parameters.map(\.name) }.sorted())
            // From the output to the input.
            func first(_ part: String) -> Int? { names.firstIndex { $0.contains(part) } }
            let order = [first("output."), first("layer2."), first("layer1."), first("input.norm."), names.lastIndex { $0.contains("input.") }]
                .compactMap { $0 }
            #expect(order.count >= 4 && order == order.sorted(), "\(names)")
        }
    }

    @Test(arguments: presets, [true, false]) func billIsWhatIsAllocated(preset: String, isTraining: Bool) throws {
        let configuration = try Self.configuration(preset), pool = ThreadPool(threads: 1)
        for optimizer in [Adam(), Adagrad()] as [any Optimizer] {
            let training = isTraining ? optimizer : nil, capacity = WindowCapacity(Self.shape)
            let encoder = ContextualEncoder(configuration, capacity: capacity, training: training, pool: pool)
            let bill = configuration.memoryBill(capacity: capacity, training: training)
            #expect(bill.reduce(0) { $0 + $1.bytes } == encoder.directions.reduce(0) { $0 + $1.bytes })
            #expect(configuration.parameterCount() == encoder.parameterCount)
            #expect(bill.allSatisfy { $0.bytes >= 0 } && Set(bill.map(\.name)).count == bill.count, "\(bill)")
        }
    }
}
