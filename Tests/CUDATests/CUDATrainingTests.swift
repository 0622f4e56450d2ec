import Benchmarking
import CUDA
import Kernels
import Layers
import Model
import Parallel
import Testing

/// Training steps of whole networks on a GPU, or what stands in for one, beside the processor's.
@Suite(.serialized) struct CUDATrainingTests {
    struct Network: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// The bound of norms in those of losses.
        var normBound = 5.0
        let change: @Sendable (inout EncoderConfiguration) -> Void
    }

    static let networks = [
        Network(testDescription: "layer norm, clips, dropout, residual") { _ in },
        Network(testDescription: "a plain LSTM") {
            ($0.lstm.layerNorm, $0.lstm.residual, $0.lstm.dropout, $0.lstm.cellClip, $0.lstm.projectionClip) = (false, false, 0, nil, nil)
        },
        Network(testDescription: "no projection") { $0.lstm.projection = nil },
        Network(testDescription: "dropout between layers") { $0.lstm.dropoutKind = .nonRecurrent },
        Network(testDescription: "forward alone") { $0.reading = .forward },
        Network(testDescription: "quasi-recurrent layers") {
            var shape = QRNNShape(cell: 12)
            shape.zoneout = 0.2
            $0.encoder = .qrnn(shape: shape)
        },
        Network(testDescription: "quasi-recurrent layers without output gates") {
            var shape = QRNNShape(cell: 12)
            (shape.window, shape.outputGate) = (1, false)
            $0.encoder = .qrnn(shape: shape)
        },
        Network(testDescription: "simple recurrent units") { $0.encoder = .sru(shape: SRUShape(cell: 12)) },
        Network(testDescription: "simple recurrent units, projected, no highway") {
            var shape = SRUShape(cell: 12)
            (shape.projection, shape.residual) = (6, false)
            $0.encoder = .sru(shape: shape)
        },
        Network(testDescription: "Transformer") {
            $0.encoder = .transformer(shape: TransformerShape(width: 12, heads: 2, feedForward: 20, layers: 2))
        },
        Network(testDescription: "GPT's layers") {
            var shape = TransformerShape(width: 12, heads: 3, feedForward: 20, layers: 2)
            (shape.activation, shape.positions, shape.longest, shape.attentionDropout) = (.gelu, .learned, 9, 0.1)
            $0.encoder = .transformer(shape: shape)
        },
        Network(testDescription: "masked words, Transformer") {
            $0.objective = .masked
            $0.encoder = .transformer(shape: TransformerShape(width: 12, heads: 2, feedForward: 20, layers: 2))
        },
        Network(testDescription: "masked words") { $0.objective = .masked },
        Network(testDescription: "masked words, gated recurrent units") {
            ($0.objective, $0.encoder) = (.masked, .gru(shape: GRUShape(cell: 8)))
        },
        // Large enough for products in parts.
        Network(testDescription: "large cells", normBound: 10) { $0.lstm.cell = 512 },
    ]

    private func losses(
        _ configuration: EncoderConfiguration, _ backends: [any Backend], steps: Int
    ) throws -> (losses: [Double], norms: [Double]) {
        let shape = WindowShape(steps: 5, batch: 6)
        let encoder = ContextualEncoder(
            configuration, capacity: WindowCapacity(shape), training: Adam(), pool: ThreadPool(threads: 1), backends: backends)
        encoder.initialize(seed: 3)
        var random = Random(seed: 4), losses: [Double] = [], norms: [Double] = []
        let rows = configuration.predictedRows(of: shape.rows), places = 2 * rows + shape.rows
        let memory = encoder.directions[0].backend.allocateShared(places), numbers = Numbers(memory, count: places)
        for step in 0..<steps {
            let vectors = (0..<2).map { _ in (0..<shape.rows * 9).map { _ in Float(random.uniform(in: -1..<1)) } }
            // Replayed passes see other words masked.
            let masking = configuration.isCausal ? nil : mask(step, rows, numbers)
            for model in encoder.directions {
                let memory = vectors.map { _ in model.backend.allocate(shape.rows * 9) }
                let matrices = memory.map { Matrix($0, rows: shape.rows, columns: 9) }
                for (values, matrix) in zip(vectors, matrices) { model.backend.write(values, to: matrix) }
                model.accumulate(
                    .vectors(matrices[0]), targets: .vectors(matrices[1].rows(0..<rows)), masking: masking, shape: shape, carry: true,
                    seed: 5, step: step)
                losses.append(model.takeLoss())
                norms.append(model.update(.init(step: step + 1, rate: 0.01, clip: 1)))
                withExtendedLifetime(memory) {}
            }
        }
        withExtendedLifetime(memory) {}
        return (losses, norms)
    }

    /// Masks some words, in other places at each step.
    private func mask(_ step: Int, _ rows: Int, _ numbers: Numbers) -> Masking {
        for index in 0..<numbers.count { numbers[index] = -1 }
        for index in 0..<rows {
            let place = index * 5 + step % 5
            (numbers[index], numbers[2 * rows + place]) = (Int32(place), Int32(index))
            if (index + step) % 3 > 0 { numbers[rows + index] = Int32(place) }
        }
        return Masking(rows: numbers[0..<rows], places: numbers[2 * rows..<numbers.count], masked: numbers[rows..<2 * rows])
    }

    /// Steps beyond the first two are replayed from records: what a record has frozen that should change would show.
    @Test(arguments: networks) func stepsAreTheProcessors(network: Network) throws {
        var configuration = try #require(EncoderConfiguration(preset: "tiny", vectorSize: 9))
        (configuration.lstm.cell, configuration.lstm.projection) = (12, 8)
        network.change(&configuration)
        let expected = try losses(configuration, [], steps: 6)
        for (precision, bound) in [(CUDABackend.Precision.float32, 2e-5), (.bfloat16, 3e-2)] {
            let backends = try configuration.directions.map { _ in try FakeGPU.backend(precision) }
            let own = try losses(configuration, backends, steps: 6)
            #expect(own.losses.count == expected.losses.count)
            for (loss, plain) in zip(own.losses, expected.losses) { #expect(abs(loss - plain) <= bound, "\(precision)") }
            // Rounding grows from step to step, in gradients first.
            let count = precision == .float32 ? own.norms.count : configuration.directions.count
            for (norm, plain) in zip(own.norms, expected.norms).prefix(count) {
                #expect(abs(norm - plain) <= network.normBound * bound * max(1, plain), "\(precision)")
            }
        }
    }

    @Test func theSameBitsEachTime() throws {
        let configuration = try #require(EncoderConfiguration(preset: "tiny", vectorSize: 9))
        let runs = try (0..<2).map { _ in
            try losses(configuration, configuration.directions.map { _ in try FakeGPU.backend(.bfloat16) }, steps: 4).losses
        }
        #expect(runs[0].map(\.bitPattern) == runs[1].map(\.bitPattern))
    }
}
