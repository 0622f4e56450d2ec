import Files
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Parallel
import Shards
import TestSupport
import Testing

import Model

@Suite struct LossKindTests {
    /// A direction learns a window by heart, with every loss: the loss falls, and predictions point to their targets.
    @Test(arguments: LossKind.allCases) func everyLossTrains(kind: LossKind) {
        var configuration = EncoderConfiguration(vectorSize: 20, cell: 32, projection: 16)
        configuration.lstm.dropout = 0
        (configuration.loss, configuration.negatives) = (kind, 40)
        let shape = WindowShape(steps: 5, batch: 8)
        let model = DirectionModel(
            .forward, configuration, capacity: WindowCapacity(shape), training: Adam(), backend: ProcessorBackend())
        model.initialize(seed: 3)
        var random = Random(seed: 4)
        let (inputBuffer, targetBuffer) = (FloatBuffer(count: 800), FloatBuffer(count: 800))
        let (logs, numbers) = (FloatBuffer(count: 40), FloatBuffer(count: 80))
        let (input, target) = (
            Matrix(inputBuffer, rows: 40, columns: 20), Matrix(targetBuffer, rows: 40, columns: 20)
        )
        let (rows, places) = (Numbers(numbers, count: 40), Numbers(numbers, at: 40, count: 40))
        for row in 0..<40 { (rows[row], places[row]) = (-1, Int32(row)) }
        Matrix(logs, rows: 1, columns: 40).copy(from: (0..<40).map { _ in Float(log(1.0 / 40)) })
        // Each target is another word, and all are negatives.
        let words = WordTargets(
            vectors: target, rows: rows, negatives: 40, logShares: Matrix(logs, rows: 1, columns: 40), places: places,
            logFrequencies: Matrix(logs, rows: 1, columns: 40))
        let targets = kind == .contrastive ? Targets.words(words) : .vectors(target)
        withExtendedLifetime((inputBuffer, targetBuffer, logs, numbers)) {
            for index in 0..<800 {
                input.start[index] = Float(random.normal())
                target.start[index] = Float(random.normal())
            }
            for row in 0..<40 { Vector.normalize(target.row(row), count: 20) }
            func cosine() -> Double {
                let predictions = model.predictions(shape)
                return (0..<40).reduce(0) {
                    $0 + Vector.cosine(predictions.row($1), target.row($1), count: 20) / 40
                }
            }
            let before = model.evaluate(.vectors(input), targets: targets, shape: shape, carry: false)
            #expect(cosine() < 0.3)
            for step in 1...150 {
                model.accumulate(.vectors(input), targets: targets, shape: shape, carry: false, seed: 1, step: step)
                _ = model.update(.init(step: step, rate: 0.005, clip: 1))
            }
            let after = model.evaluate(.vectors(input), targets: targets, shape: shape, carry: false)
            #expect(after < before - 0.9)
            // The max-margin and the contrastive loss are content when no other word is nearly as near.
            #expect(cosine() > 0.65)
        }
    }

    /// What a model file says of its configuration.
    private func configuration(_ text: String) throws -> EncoderConfiguration {
        let directory = try TemporaryDirectory()
        let path = directory.file("model")
        let output = try OutputFile(path: path, binary: true)
        try Safetensors.write([], metadata: ["contour": text], to: output)
        try output.commit()
        return try ModelFile.configuration(of: SafetensorsReader(path: path))
    }

    /// The metadata of a model that was written when there was no other loss than the cosine.
    @Test func olderModelsAreOfTheCosineLoss() throws {
        let older = try configuration(
            """
            {"cell":9,"cellClip":3,"centred":false,"directions":["backward"],"dropout":0.2,"encoder":"lstm",\
            "inputSize":7,"layerNorm":false,"layers":3,"outputSize":6,"projection":5,"residual":false,\
            "tableDigest":"00","tokenizer":"x"}
            """)
        var expected = EncoderConfiguration(vectorSize: 7, cell: 9, projection: 5)
        expected.outputSize = 6
        expected.reading = .backward
        expected.lstm.layers = 3
        (expected.lstm.residual, expected.lstm.layerNorm, expected.centred) = (false, false, false)
        // A clip that is not there is none.
        (expected.lstm.cellClip, expected.lstm.projectionClip) = (3, nil)
        expected.lstm.dropout = 0.2
        (expected.tokenizer, expected.tableDigest) = ("x", "00")
        #expect(older == expected)
        #expect(older.loss == .cosine)
    }

    @Test func sizesAreNeededAndLossesKnown() throws {
        #expect(try configuration(#"{"cell":9,"inputSize":7,"outputSize":7,"projection":5}"#).lstm.layers == 2)
        for text in [
            #"{"inputSize":7,"outputSize":7,"projection":5}"#,
            #"{"inputSize":7,"outputSize":7,"encoder":{"lstm":{"shape":{"projection":5}}}}"#,
            #"{"cell":9,"inputSize":7,"outputSize":7,"projection":5,"directions":[]}"#,
            #"{"cell":9,"inputSize":7,"outputSize":7,"projection":5,"directions":["sideways"]}"#,
            #"{"cell":9,"inputSize":7,"loss":"softmax","outputSize":7,"projection":5}"#,
            #"{"cell":9,"inputSize":7,"loss":"vmf","outputSize":7,"projection":5,"dotScale":0}"#,
        ] {
            #expect(try #require(throws: ToolError.self) { try configuration(text) }.status == .dataError)
        }
    }

    /// A configuration in which every field differs from what it begins with is read as it was written, and so is one from which
    /// everything was left out that has a value to begin with.
    @Test func everyFieldIsKept() throws {
        var shape = LSTMShape(cell: 11, projection: 7)
        (shape.layers, shape.residual, shape.layerNorm) = (5, false, false)
        (shape.cellClip, shape.projectionClip) = (nil, 1.5)
        (shape.dropout, shape.dropoutKind) = (0.3, .nonRecurrent)
        var changed = EncoderConfiguration(.lstm(shape: shape), vectorSize: 3)
        (changed.reading, changed.input, changed.output, changed.outputSize) = (.backward, .subwords, .subwordSoftmax, 4)
        (changed.loss, changed.margin, changed.normPenalty, changed.dotScale) = (.maxMargin, 0.25, 0.01, 0.5)
        (changed.targets, changed.whitensTargets, changed.randomShare, changed.negativeSource) = (.mapped, true, 0.25, .earlier)
        (changed.learnsScale, changed.sentenceCount, changed.otherCount) = (true, 12, 1.5)
        (changed.vocabularySize, changed.negatives, changed.cutoffs) = (99, 12, [3, 40])
        (changed.characterSize, changed.filters, changed.activation) = (4, [[2, 9]], .tanh)
        (changed.highways, changed.longestWord, changed.markNames) = (1, 20, ["<S>", "</S>"])
        (changed.sharesLayers, changed.isTied, changed.vocabularyDigest) = (true, true, "a\"b")
        (changed.centred, changed.tokenizer, changed.tableDigest) = (false, "x", "y")
        (changed.maskedShare, changed.maskVectorShare, changed.randomWordShare) = (0.5, 0.25, 0.75)
        func fields(_ value: Any) -> [(String, String)] {
            Mirror(reflecting: value).children.map { ($0.label ?? "", "\($0.value)") }
        }
        let original = EncoderConfiguration(.lstm(shape: LSTMShape(cell: 0, projection: nil)), vectorSize: 0)
        for (own, other) in zip(
            fields(changed) + fields(changed.lstm), fields(original) + fields(original.lstm)) where own.0 != "objective" {
            #expect(own.1 != other.1, "\(own.0) is as it begins")
        }
        let directory = try TemporaryDirectory()
        let path = directory.file("model"), output = try OutputFile(path: path, binary: true)
        let encoder = ContextualEncoder(
            changed, capacity: WindowCapacity(batch: 1, rows: 1), training: nil, pool: ThreadPool(threads: 1))
        encoder.units = (0..<99).map(String.init)
        try ModelFile.write(encoder, to: output)
        try output.commit()
        let reader = try SafetensorsReader(path: path)
        #expect(reader.metadata["contour"]?.contains(#""encoder":{"lstm":{"shape":{"cell":11,"#) == true)
        #expect(try ModelFile.configuration(of: reader) == changed)
        let least = try configuration(#"{"inputSize":3,"outputSize":3,"encoder":{"lstm":{"shape":{"cell":9,"projection":5}}}}"#)
        var expected = EncoderConfiguration(vectorSize: 3, cell: 9, projection: 5)
        (expected.lstm.cellClip, expected.lstm.projectionClip) = (nil, nil)
        #expect(least == expected)
    }

    /// Encoders of every kind are read from a file as they were written.
    @Test(arguments: EncoderShape.kinds.map(\.name)) func encodersAreKept(name: String) throws {
        let kind = try #require(EncoderShape.kinds.first { $0.name == name })
        var configured = EncoderConfiguration(kind.shape, vectorSize: 7), options = EncoderOverrides()
        (options.layers, options.dropout, options.layerNorm) = (3, 0.25, false)
        configured.encoder.family.takeSize(cell: 6, width: 6)
        #expect(configured.encoder.family.apply(options) == nil && configured.complaint == nil)
        #expect(configured.encoder.name == name && configured.encoder.family.layers == 3)
        let (capacity, pool) = (WindowCapacity(batch: 1, rows: 1), ThreadPool(threads: 1))
        let encoder = ContextualEncoder(configured, capacity: capacity, training: nil, pool: pool)
        encoder.initialize(seed: 2)
        let directory = try TemporaryDirectory(), path = directory.file("model")
        let output = try OutputFile(path: path, binary: true)
        try ModelFile.write(encoder, to: output)
        try output.commit()
        #expect(try ModelFile.read(path, capacity: capacity, pool: pool).configuration == configured)
        #expect(try ModelFile.describe(path).hasPrefix("\(path)\nencoder \(name), "))
        #expect(EncoderConfiguration(vectorSize: 7, cell: 9, projection: 5).difference(from: configured).contains("encoder lstm, not \(name)") == (name != "lstm"))
        configured.encoder.family.takeSize(cell: 0, width: 0)
        #expect(configured.complaint?.contains("is 0, and must be from 1 to") == true)
    }

    @Test(arguments: [
        (LossKind.cosine, "loss cosine\n"), (.squaredDistance, "loss l2\n"),
        (.maxMargin, "loss max-margin, margin 0.75\n"),
        (.vonMisesFisher, "loss vmf, norm penalty 0.0, dot scale 1.0\n"),
        (.contrastive, "loss contrastive, 8192 negatives (unigram), targets frozen\n"),
    ])
    func aModelKnowsItsLoss(kind: LossKind, description: String) throws {
        var configuration = EncoderConfiguration(vectorSize: 7, cell: 9, projection: 5)
        configuration.loss = kind
        (configuration.margin, configuration.normPenalty, configuration.dotScale) = (0.75, 0, 1)
        let (capacity, pool) = (WindowCapacity(batch: 1, rows: 1), ThreadPool(threads: 1))
        let encoder = ContextualEncoder(configuration, capacity: capacity, training: nil, pool: pool)
        encoder.initialize(seed: 8)
        let directory = try TemporaryDirectory()
        let path = directory.file("model")
        let output = try OutputFile(path: path, binary: true)
        try ModelFile.write(encoder, to: output)
        try output.commit()
        #expect(try ModelFile.read(path, capacity: capacity, pool: pool).configuration == configuration)
        #expect(try ModelFile.describe(path).contains(description))
    }

    @Test func parametersAreChecked() {
        func complaint(_ change: (inout EncoderConfiguration) -> Void) -> String? {
            var configuration = EncoderConfiguration(vectorSize: 7, cell: 9, projection: 5)
            change(&configuration)
            return configuration.complaint
        }
        for margin in [0, -1, 2.1, .nan] { #expect(complaint { $0.margin = margin }?.contains("margin") == true) }
        for scale in [0, -1, 1.1, .nan] { #expect(complaint { $0.dotScale = scale }?.contains("dotScale") == true) }
        for penalty in [-0.1, 0.1, .infinity, .nan] {
            #expect(complaint { $0.normPenalty = penalty }?.contains("normPenalty") == true)
        }
        // Each regularisation, both and none.
        for (penalty, scale) in [(0.02, 1.0), (0, 0.1), (0.02, 0.1), (0, 1)] {
            #expect(complaint { ($0.normPenalty, $0.dotScale) = (penalty, scale) } == nil)
        }
    }
}
