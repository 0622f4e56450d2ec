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

/// Runs that stop and go on.
struct CheckpointTests {
    /// Settings that change what a checkpoint has to hold.
    struct Variant: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let options: TrainingOptions

        init(_ name: String, _ change: (inout TrainingOptions) -> Void) {
            testDescription = name
            var options = TrainingData.options(steps: 24)
            options.evaluations = 4
            change(&options)
            self.options = options
        }

        static let all = [
            Variant("Adam, state carried") { _ in },
            Variant("Adagrad, state reset") { ($0.optimizer, $0.peakRate, $0.carriesState) = (.adagrad, 0.1, false) },
            Variant("accumulation, decay") { ($0.accumulation, $0.weightDecay, $0.schedule) = (2, 0.01, .cosine) },
        ]
    }

    /// What of a log does not depend on the clock.
    private func timeless(_ path: String) throws -> [String] {
        let names = ["seconds", "evaluationSeconds", "wordsPerSecond", "secondsWaited", "memory", "ceilingShare"]
        return String(decoding: try contents(of: path), as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: ",").filter { field in !names.contains { field.contains("\"\($0)\":") } }.joined(separator: ",")
        }
    }

    /// Runs to the end, stopping after each of the steps given and going on with everything made anew.
    private func run(
        _ data: TrainingData, _ options: TrainingOptions, stops: [Int], log: String, name: String
    ) throws -> [UInt8] {
        for (index, stop) in (stops + [Int.max]).enumerated() {
            let trainer = try data.trainer(options, threads: 1 + index % 2, checkpoints: data.checkpoints(name))
            if index > 0 { #expect(try trainer.resume() == stops[index - 1]) }
            trainer.log = try MetricsLog(path: log, resumingAt: trainer.step)
            trainer.shouldStop = { [unowned trainer] in trainer.step == stop }
            #expect(try trainer.run() == (stop == Int.max ? .finished : .stopped))
            if stop == Int.max { return try data.bytes(of: trainer.encoder) }
        }
        return []
    }

    /// 24 steps are four epochs and a half; stops lie at the start, within an epoch, right after an evaluation, and
    /// behind one another.
    @Test(arguments: Variant.all) func stoppedAndResumedIsNeverStopped(variant: Variant) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45), shards: 3)
        let (whole, pieces) = (data.directory.file("whole.log"), data.directory.file("pieces.log"))
        let expected = try run(data, variant.options, stops: [], log: whole, name: "whole")
        #expect(try run(data, variant.options, stops: [1, 7, 12, 13, 23], log: pieces, name: "pieces") == expected)
        #expect(try timeless(pieces) == timeless(whole))
    }

    /// Encoders of every kind go on to the bit.
    @Test(arguments: EncoderShape.kinds.map(\.name)) func everyEncoderGoesOn(name: String) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45)), options = Variant.all[0].options
        var sizes = EncoderOverrides(), encoder = try #require(EncoderShape.kinds.first { $0.name == name }).shape
        sizes.dropout = 0.2
        #expect(encoder.family.apply(sizes) == nil)
        encoder.family.takeSize(cell: 12, width: 12)
        if case .qrnn(var shape) = encoder {
            shape.zoneout = 0.2
            encoder = .qrnn(shape: shape)
        }
        func run(stop: Int?, _ name: String) throws -> [UInt8] {
            for isRest in stop == nil ? [true] : [false, true] {
                let trainer = try data.trainer(options, threads: isRest ? 1 : 2, checkpoints: data.checkpoints(name)) { [encoder] in
                    $0.encoder = encoder
                }
                if isRest && stop != nil { #expect(try trainer.resume() == stop) }
                trainer.shouldStop = { [unowned trainer] in !isRest && trainer.step == stop }
                #expect(try trainer.run() == (isRest ? .finished : .stopped))
                if isRest { return try data.bytes(of: trainer.encoder) }
            }
            return []
        }
        #expect(try run(stop: 11, "pieces") == run(stop: nil, "whole"))
    }

    /// A checkpoint with everything after its writing lost, as after kill -9: the log has lines too many, and half of one.
    @Test func stepsAfterTheCheckpointAreMadeAgain() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45))
        let options = Variant.all[0].options
        let (whole, pieces) = (data.directory.file("whole.log"), data.directory.file("pieces.log"))
        let expected = try run(data, options, stops: [], log: whole, name: "whole")
        do {
            let trainer = try data.trainer(options, checkpoints: data.checkpoints("pieces"))
            trainer.shouldStop = { [unowned trainer] in trainer.step == 9 }
            #expect(try trainer.run() == .stopped)
        }
        try data.directory.write("pieces.log", Array(contents(of: whole).dropLast(30)))
        let trainer = try data.trainer(options, checkpoints: data.checkpoints("pieces"))
        #expect(try trainer.resume() == 9)
        trainer.log = try MetricsLog(path: pieces, resumingAt: 9)
        #expect(try trainer.run() == .finished)
        #expect(try data.bytes(of: trainer.encoder) == expected)
        #expect(try timeless(pieces) == timeless(whole))
    }

    /// A run that has stopped after step 20, with checkpoints of steps 18, 19 and 20 in `checkpoints`.
    private func stoppedRun() throws -> TrainingData {
        let data = try TrainingData(sentences: TrainingData.sentences(45))
        let trainer = try data.trainer(Variant.all[0].options, checkpoints: data.checkpoints(every: 0))
        trainer.shouldStop = { [unowned trainer] in trainer.step == 20 }
        #expect(try trainer.run() == .stopped)
        return data
    }

    private func names(_ data: TrainingData) throws -> [String] {
        try LockedDirectory(path: data.directory.file("checkpoints")).names()
    }

    @Test func theLastOnesAreKeptAndTheBestApart() throws {
        let data = try stoppedRun()
        #expect(
            try names(data) == [
                "best.safetensors", "lock", "step-000000018.safetensors", "step-000000019.safetensors",
                "step-000000020.safetensors",
            ])
        let pool = ThreadPool(threads: 1)
        let capacity = WindowCapacity(batch: 1, rows: 1)
        for name in ["best", "step-000000020"] {
            let path = data.directory.file("checkpoints/\(name).safetensors")
            #expect(try ModelFile.read(path, capacity: capacity, pool: pool).parameterCount > 0)
            #expect(try ModelFile.describe(path).contains("cell 32"))
        }
    }

    @Test(arguments: [0.001, 0.3, 0.7, 0.999]) func aDamagedOneIsPassedOver(place: Double) throws {
        let data = try stoppedRun()
        let newest = data.directory.file("checkpoints/step-000000020.safetensors")
        var bytes = try contents(of: newest)
        bytes[Int(place * Double(bytes.count))] ^= 1
        try data.directory.write("checkpoints/step-000000020.safetensors", bytes)
        try data.directory.write("checkpoints/step-000000019.safetensors", Array(bytes.prefix(bytes.count / 2)))
        let options = Variant.all[0].options
        let trainer = try data.trainer(options, checkpoints: data.checkpoints())
        var warnings: [String] = []
        trainer.onWarning = { warnings.append($0) }
        #expect(try trainer.resume() == 18)
        #expect(warnings.count == 2 && warnings[0].contains(newest) && warnings[1].contains("trying an earlier checkpoint"))
        #expect(try trainer.run() == .finished)
        let whole = try data.trainer(options)
        #expect(try whole.run() == .finished)
        #expect(try data.bytes(of: trainer.encoder) == data.bytes(of: whole.encoder))
    }

    @Test func ifAllAreDamagedNothingIsBegun() throws {
        let data = try stoppedRun()
        for step in 18...20 { try data.directory.write("checkpoints/step-0000000\(step).safetensors", "not a checkpoint") }
        let trainer = try data.trainer(Variant.all[0].options, checkpoints: data.checkpoints())
        let error = #expect(throws: ToolError.self) { try trainer.resume() }
        #expect(error?.status == .dataError && error?.description.contains("step-000000020") == true)
    }

    @Test func anotherRunCannotGoOn() throws {
        let data = try stoppedRun()
        func failure(_ change: (inout TrainingOptions) -> Void, heldOutEvery: Int = 10) throws -> ToolError? {
            var options = Variant.all[0].options
            change(&options)
            let trainer = try data.trainer(options, heldOutEvery: heldOutEvery, checkpoints: data.checkpoints())
            return #expect(throws: ToolError.self) { try trainer.resume() }
        }
        for (error, words) in [
            (try failure { $0.seed = 9 }, "--seed"), (try failure { $0.lossScale = 20 }, "--loss-scale"),
            (try failure { $0.optimizer = .adagrad }, "--optimizer"), (try failure { $0.window = 6 }, "--window"),
            (try failure({ _ in }, heldOutEvery: 5), "--held-out-every"),
        ] {
            #expect(error?.status == .configuration && error?.description.contains(words) == true, "\(words)")
        }
        let trainer = try data.trainer(Variant.all[0].options, directions: [.forward], checkpoints: data.checkpoints())
        let error = #expect(throws: ToolError.self) { try trainer.resume() }
        #expect(error?.status == .configuration && error?.description.contains("directions") == true)
    }

    @Test func anEndedRunCanBeMadeLonger() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45))
        do {
            let first = try data.trainer(TrainingData.options(steps: 10), checkpoints: data.checkpoints())
            #expect(try first.run() == .finished)
        }
        let again = try data.trainer(TrainingData.options(steps: 10), checkpoints: data.checkpoints("other"))
        #expect(try again.resume() == nil)
        let longer = try data.trainer(TrainingData.options(steps: 12), checkpoints: data.checkpoints())
        #expect(try longer.resume() == 10)
        #expect(try longer.run() == .finished && longer.step == 12)
    }

    @Test func oneRunAtATime() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45))
        let path = data.directory.file("checkpoints")
        let first = try CheckpointDirectory(path: path, keep: 1, interval: 1)
        let error = #expect(throws: ToolError.self) { try CheckpointDirectory(path: path, keep: 1, interval: 1) }
        #expect(error?.status == .inUse && error?.description.contains(path) == true)
        withExtendedLifetime(first) {}
    }

    @Test func halfWrittenFilesOfAKilledRunAreCleared() throws {
        let data = try stoppedRun()
        try data.directory.write("checkpoints/.step-000000021.safetensors.77-1.tmp", "half")
        try data.directory.write("checkpoints/.best.safetensors.77-2.tmp", "half")
        try data.directory.write("checkpoints/.another.tmp", "not ours")
        _ = try data.checkpoints()
        #expect(try names(data).filter { $0.hasSuffix(".tmp") } == [".another.tmp"])
    }

    /// Tensors that a checkpoint should not have, or lacks.
    @Test func everyTensorMustBeThere() throws {
        let data = try stoppedRun()
        let path = data.directory.file("checkpoints/step-000000020.safetensors")
        let whole = try contents(of: path)
        for (from, to, words) in [
            ("training.first.forward.input.bias", "training.first.forward.input.bios", "is missing"),
            ("training.streams.words", "training.streams.wards", "is missing"),
        ] {
            try data.directory.write("checkpoints/step-000000020.safetensors", replaced(whole, from, to))
            // The digest notices, whatever has been renamed.
            let trainer = try data.trainer(Variant.all[0].options, checkpoints: data.checkpoints())
            var warnings: [String] = []
            trainer.onWarning = { warnings.append($0) }
            #expect(try trainer.resume() == 19)
            #expect(warnings.count == 1 && warnings[0].contains(words), "\(warnings)")
        }
    }

    private func replaced(_ bytes: [UInt8], _ from: String, _ to: String) -> [UInt8] {
        let pattern = Array("\"\(from)\"".utf8)
        var bytes = bytes
        if let place = bytes.indices.first(where: { bytes[$0...].starts(with: pattern) }) {
            bytes.replaceSubrange(place..<place + pattern.count, with: Array("\"\(to)\"".utf8))
        }
        return bytes
    }

    /// On text without any order the held-out loss soon rises.
    @Test func patienceEndsARunWithItsBestModel() throws {
        var random = Random(seed: 3)
        let sentences = (0..<60).map { _ in (0..<5).map { _ in "w\(random.below(12))" } }
        let data = try TrainingData(sentences: sentences)
        var options = TrainingData.options(steps: 5000)
        options.evaluationInterval = 20
        options.patience = 3
        var losses: [Double] = []
        let trainer = try data.trainer(options, checkpoints: data.checkpoints())
        trainer.onEvaluation = { losses.append($0.results.reduce(0) { $0 + $1.objective } / 2) }
        #expect(try trainer.run() == .noProgress)
        let best = try #require(losses.indices.min { losses[$0] < losses[$1] })
        #expect(best == losses.count - 4)
        #expect(
            try data.bytes(of: trainer.encoder) == contents(of: data.directory.file("checkpoints/best.safetensors")))
    }
}
