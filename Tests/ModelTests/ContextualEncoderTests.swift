@_spi(HostMemory) import Kernels
import Layers
import Parallel
import Testing

import Model

@Suite struct ContextualEncoderTests {
    /// Li et al. 2019: 2 x [300 x 512 + 512 + 2 x (4 x 4096 x (512 + 512) + 4 x 4096 + 4096 x 512) + 512 x 300 + 300],
    /// and the gains and biases of three layer norms of 512 in each direction.
    @Test func referenceSizeHas76MillionParameters() throws {
        var configuration = try #require(EncoderConfiguration(preset: "elmo-c", vectorSize: 300))
        func count() -> Int {
            ContextualEncoder(
                configuration, capacity: WindowCapacity(batch: 1, rows: 1), training: nil,
                pool: ThreadPool(threads: 1)
            ).parameterCount
        }
        #expect(count() == 76_179_032 + 2 * 3 * 2 * 512)
        configuration.lstm.layerNorm = false
        #expect(count() == 76_179_032)
    }

    /// Beside the published 499, 196 and 92 million. docs/training.md says where a count differs.
    @Test func baselinesHaveThePublishedParameters() throws {
        func count(_ preset: String, vocabulary: Int) throws -> Int {
            var configuration = try #require(EncoderConfiguration(preset: preset, vectorSize: 300))
            configuration.vocabularySize = vocabulary
            #expect(configuration.complaint == nil)
            return ContextualEncoder(
                configuration, capacity: WindowCapacity(batch: 1, rows: 1), training: nil, pool: ThreadPool(threads: 1)
            ).parameterCount
        }
        let recurrent = 2 * 2 * (4 * 4096 * (512 + 512) + 4 * 4096 + 4096 * 512), norms = 2 * 3 * 2 * 512
        let words = 793_471
        // Characters, filters, highway layers, projection; then the softmax with its biases.
        let characters = 261 * 16 + 197_120 + 2_048 + 2 * 2 * (2048 * 2048 + 2048) + 2048 * 512 + 512
        // Of a smaller vocabulary, for the softmax alone would reserve 1.6 GB.
        #expect(try count("elmo", vocabulary: 10_000) == recurrent + characters + 10_000 * 512 + 10_000)
        #expect(recurrent + characters + words * 512 == 499_858_000)
        let clusters = 40_002 * 512 + 512 * 128 + 160_000 * 128 + 512 * 32 + (words - 200_000) * 32
        #expect(try count("elmo-a", vocabulary: words) == recurrent + 2 * (300 * 512 + 512) + 2 * clusters + norms)
        #expect(try count("elmo-a", vocabulary: words) == 195_945_408)
        #expect(try count("elmo-sub", vocabulary: 32_000) == recurrent + 32_000 * 512 + 32_000 + norms)
        #expect(try count("elmo-sub", vocabulary: 32_000) == 91_985_152)
    }

    @Test func presetsMakeSense() {
        for preset in EncoderConfiguration.presets {
            var configuration = EncoderConfiguration(preset: preset.name, vectorSize: 100)
            configuration?.vocabularySize = 793_471
            #expect(configuration != nil && configuration?.complaint == nil)
        }
        #expect(EncoderConfiguration(preset: "huge", vectorSize: 100) == nil)
        var bad = EncoderConfiguration(vectorSize: 0, cell: 1, projection: 1)
        #expect(bad.complaint?.contains("inputSize") == true)
        bad = EncoderConfiguration(vectorSize: 1, cell: 1, projection: 1)
        bad.lstm.dropout = .nan
        #expect(bad.complaint?.contains("dropout") == true)
        bad.lstm.dropout = 0
        #expect(bad.complaint == nil)
        bad.lstm.cellClip = 0
        #expect(bad.complaint?.contains("cellClip") == true)
    }

    private func makeEncoder(
        capacity: WindowCapacity, training: (any Optimizer)?, threads: Int, cell: Int = 32
    ) -> ContextualEncoder {
        let encoder = ContextualEncoder(
            EncoderConfiguration(vectorSize: 7, cell: cell, projection: 5), capacity: capacity, training: training,
            pool: ThreadPool(threads: threads))
        encoder.initialize(seed: 5)
        return encoder
    }

    @Test func directionsBeginDifferentAndReproducibly() {
        let capacity = WindowCapacity(batch: 1, rows: 1)
        let (one, two) = (
            makeEncoder(capacity: capacity, training: nil, threads: 1),
            makeEncoder(capacity: capacity, training: nil, threads: 2)
        )
        for index in 0..<2 {
            #expect(
                Array(one.directions[index].parameters.values.elements)
                    == Array(two.directions[index].parameters.values.elements))
        }
        #expect(
            Array(one.directions[0].parameters.values.elements) != Array(one.directions[1].parameters.values.elements))
    }

    @Test func trainedBitsDoNotDependOnThreads() {
        let shape = WindowShape(steps: 3, batch: 33)
        let rows = shape.rows
        let weights = [1, 2, 3].map { threads in
            let encoder = makeEncoder(capacity: WindowCapacity(shape), training: Adam(), threads: threads, cell: 400)
            var random = Random(seed: 6)
            let input = FloatBuffer(count: rows * 7)
            for index in 0..<input.count { input.start[index] = Float(random.normal()) }
            let matrix = Matrix(input, rows: rows, columns: 7)
            for step in 1...3 {
                encoder.forEachDirection(sideBySide: step == 2) { index in
                    let model = encoder.directions[index]
                    model.accumulate(.vectors(matrix), targets: .vectors(matrix), shape: shape, carry: true, seed: 1, step: step)
                    _ = model.update(.init(step: step, rate: 0.01, clip: 1))
                }
            }
            return encoder.directions.flatMap { $0.parameters.values.elements.map(\.bitPattern) }
        }
        #expect(weights[0] == weights[1])
        #expect(weights[0] == weights[2])
    }

    /// The vectors of a sentence in a batch are those it has alone; layers stand in the order of the text in both
    /// directions.
    @Test func sentencesInABatchAreEncodedAsAlone() {
        let lengths = [5, 3, 3, 1]
        let shape = WindowShape(lengths: lengths)
        let encoder = makeEncoder(capacity: WindowCapacity(shape), training: nil, threads: 2)
        #expect(encoder.layerCount == 3)
        #expect(encoder.layerWidth == 10)
        var random = Random(seed: 7)
        let sentences = lengths.map { length in (0..<length * 7).map { _ in Float(random.normal()) } }

        func run(_ sentences: [[Float]], _ shape: WindowShape) {
            let inputs = [Direction.forward, .backward].map { direction in
                let input = FloatBuffer(count: shape.rows * 7)
                for (index, sentence) in sentences.enumerated() {
                    let length = sentence.count / 7
                    for token in 0..<length {
                        let step = direction == .forward ? token : length - 1 - token
                        for unit in 0..<7 {
                            input.start[(step * shape.batch + index) * 7 + unit] = sentence[token * 7 + unit]
                        }
                    }
                }
                return input
            }
            // Views do not keep their buffers, and an array dies at its last use.
            withExtendedLifetime(inputs) {
                encoder.encode(inputs.map { .vectors(Matrix($0, rows: shape.rows, columns: 7)) }, shape: shape)
            }
        }

        func layers(_ index: Int, _ length: Int, _ shape: WindowShape) -> [Float] {
            (0..<3).flatMap { layer in
                (0..<length).flatMap { token in
                    encoder.directions.flatMap { model in
                        let step = model.direction == .forward ? token : length - 1 - token, row = step * shape.batch + index
                        return model.backend.read(model.layerOutput(layer, shape: shape).rows(row..<row + 1))
                    }
                }
            }
        }

        run(sentences, shape)
        let together = lengths.indices.map { layers($0, lengths[$0], shape) }
        for (index, length) in lengths.enumerated() {
            let alone = WindowShape(lengths: [length])
            run([sentences[index]], alone)
            for (one, other) in zip(layers(0, length, alone), together[index]) { #expect(abs(one - other) < 1e-5) }
        }
        // Layer 0 sees one word only: the last word of a sentence has the vector there that it has as a sentence.
        run([Array(sentences[0][28...])], WindowShape(lengths: [1]))
        for (one, other) in zip(layers(0, 1, WindowShape(lengths: [1])), together[0][40..<50]) {
            #expect(abs(one - other) < 1e-5)
        }
    }
}
