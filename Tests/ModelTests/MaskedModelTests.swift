import Files
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Parallel
import TestSupport
import Testing

import Model

/// Networks that predict masked words.
@Suite struct MaskedModelTests {
    /// Losses and gradient norms of PyTorch 2.15: `torch.nn.LSTM(bidirectional=True)` over a linear layer, in whose output a trained
    /// vector replaces rows 2 and 9, with `cosine_similarity` at rows 2, 5 and 9, `clip_grad_norm_` and `torch.optim.Adam` with an
    /// epsilon of 1e-6, in double precision. The second LSTM bias is 0 and not trained. Parameters, inputs and targets began as in
    /// `Reference`; targets are numbered over the rows of the output layer.
    struct Example: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let projection: Int?
        let residual: Bool
        let losses, norms: [Double]

        static let all = [
            Example(
                testDescription: "two layers", projection: nil, residual: false,
                losses: [1.009239332, 1.001342986, 1.003564000, 1.004546302, 1.014837388],
                norms: [0.196056343, 0.130760168, 0.151948059, 0.173071853, 0.163885060]),
            Example(
                testDescription: "projected, residual", projection: 5, residual: true,
                losses: [0.984511708, 0.984674656, 1.006159292, 1.023876829, 1.031310101],
                norms: [0.097430376, 0.120727759, 0.106049509, 0.086516688, 0.088913747]),
        ]
    }

    @Test(arguments: Example.all) func trainsAsPyTorchDoes(example: Example) {
        var configuration = EncoderConfiguration(.lstm(shape: LSTMShape(cell: 9, projection: example.projection)), vectorSize: 7)
        (configuration.objective, configuration.maskedShare) = (.masked, 0.3)
        (configuration.lstm.layerNorm, configuration.lstm.residual, configuration.lstm.dropout) = (false, example.residual, 0)
        (configuration.lstm.cellClip, configuration.lstm.projectionClip) = (nil, nil)
        let shape = WindowShape(steps: 4, batch: 3), rows = configuration.predictedRows(of: shape.rows)
        #expect(configuration.complaint == nil && rows == 4 && configuration.width == 2 * (example.projection ?? 9))
        let model = DirectionModel(
            .bidirectional, configuration, capacity: WindowCapacity(shape), training: Adam(), backend: ProcessorBackend())
        for (number, parameter) in model.parameters.layout.parameters.enumerated() {
            let values = model.parameters.value(parameter).start
            for index in 0..<parameter.count { values[index] = Float(0.9 * sin(2.3 * Double(index) + Double(number))) }
        }
        let memory = FloatBuffer(count: 64), numbers = Numbers(memory, count: 20)
        for index in 0..<20 { numbers[index] = -1 }
        for (index, row) in [2, 5, 9].enumerated() { (numbers[index], numbers[8 + row]) = (Int32(row), Int32(index)) }
        (numbers[4], numbers[5]) = (2, 9)
        let masking = Masking(rows: numbers[0..<4], places: numbers[8..<20], masked: numbers[4..<8])
        let weights = Matrix(memory, at: 32, rows: 1, columns: 4)
        weights.copy(from: [1, 1, 1, 0])
        let (inputs, targets) = (FloatBuffer(count: shape.rows * 7), FloatBuffer(count: rows * 7))
        for step in 1...example.losses.count {
            for index in 0..<inputs.count { inputs.start[index] = Float(sin(0.37 * Double(index) + Double(step))) }
            for index in 0..<targets.count { targets.start[index] = Float(cos(0.53 * Double(index) + Double(step))) }
            model.accumulate(
                .vectors(Matrix(inputs, rows: shape.rows, columns: 7)), targets: .vectors(Matrix(targets, rows: rows, columns: 7)),
                weights: weights, masking: masking, shape: shape, carry: true, seed: 1, step: step)
            let loss = model.takeLoss(), norm = model.update(.init(step: step, rate: 0.01, clip: 0.05))
            #expect(abs(loss - example.losses[step - 1]) < (step == 1 ? 2e-6 : 5e-5), "step \(step): \(loss)")
            #expect(abs(norm / example.norms[step - 1] - 1) < (step == 1 ? 2e-4 : 1e-2), "step \(step): \(norm)")
        }
    }

    private func configuration() -> EncoderConfiguration {
        var configuration = EncoderConfiguration(vectorSize: 6, cell: 9, projection: 5)
        configuration.objective = .masked
        return configuration
    }

    @Test func theOutputLayerIsPlannedForPredictedRows() {
        let capacity = WindowCapacity(batch: 10, rows: 200)
        var (all, some) = (configuration(), configuration())
        (all.output, all.vocabularySize, all.maskedShare) = (.softmax, 5000, 1)
        some = all
        some.maskedShare = 0.15
        func bytes(_ configuration: EncoderConfiguration) -> Int {
            configuration.memoryBill(capacity: capacity, training: Adam()).first { $0.name == "bidirectional output activations" }?.bytes ?? 0
        }
        #expect(some.predictedRows(of: 200) == 30 && bytes(some) > 0 && Double(bytes(some)) < 0.2 * Double(bytes(all)))
    }

    @Test func filesKeepTheObjective() throws {
        let directory = try TemporaryDirectory(), path = directory.file("model"), pool = ThreadPool(threads: 1)
        var configuration = configuration()
        (configuration.maskedShare, configuration.maskVectorShare, configuration.randomWordShare) = (0.25, 0.5, 0.25)
        let encoder = ContextualEncoder(configuration, capacity: WindowCapacity(batch: 1, rows: 1), training: nil, pool: pool)
        encoder.initialize(seed: 1)
        let output = try OutputFile(path: path, binary: true)
        try ModelFile.write(encoder, to: output)
        try output.commit()
        let text = try ModelFile.describe(path)
        #expect(text.contains("directions bidirectional, masked words 0.25 of all"), "\(text)")
        #expect(text.contains("bidirectional.mask.vector\t10\t10") && text.contains("bidirectional.layer2.backward.input.weight\t10 x 36"))
        for hasOutput in [true, false] {
            let read = try ModelFile.read(path, capacity: WindowCapacity(batch: 1, rows: 1), hasOutput: hasOutput, pool: pool)
            #expect(read.configuration == configuration && read.directions.map(\.direction) == [.bidirectional])
            #expect(read.layerWidth == 10)
        }
        let error = #expect(throws: ToolError.self) { try ModelFile.merge([path, path], pool: pool) }
        #expect(error?.status == .configuration && error?.description.contains("model of masked words") == true)
    }

    @Test func sharesHaveRanges() {
        for (share, vector, random, name) in [
            (0, 0.8, 0.1, "maskedShare"), (1.5, 0.8, 0.1, "maskedShare"), (.nan, 0.8, 0.1, "maskedShare"), (0.15, -0.1, 0.1, "maskVectorShare"),
            (0.15, 0.8, 1.1, "randomWordShare"), (0.15, 0.8, 0.3, "must not be above 1 together"),
        ] as [(Double, Double, Double, String)] {
            var configuration = configuration()
            (configuration.maskedShare, configuration.maskVectorShare, configuration.randomWordShare) = (share, vector, random)
            #expect(configuration.complaint?.contains(name) == true, "\(configuration.complaint ?? "")")
        }
        var sums = configuration()
        (sums.maskVectorShare, sums.randomWordShare) = (0.7, 0.3)
        #expect(sums.complaint == nil)
        var forward = configuration(), shared = configuration()
        forward.reading = .forward
        shared.sharesLayers = true
        #expect(forward.complaint?.contains("both ways") == true && shared.complaint?.contains("one network") == true)
    }
}
