@_spi(HostMemory) import Kernels
import Layers
import Model
import Synchronization
import Testing
import Training

/// Steps by themselves are the trainer's, and their time is accounted for.
@Suite struct StepRunnerTests {
    private func runner(
        _ data: TrainingData, _ change: (inout EncoderConfiguration) -> Void = { _ in }, vocabulary: String? = nil,
        accumulation: Int = 1
    ) throws -> StepRunner {
        let input = try TrainingInput(
            table: vocabulary == nil ? data.table : nil, vocabulary: vocabulary, tokens: data.tokens, heldOut: nil, heldOutEvery: 0,
            heldOutTokens: 0, centred: true, threads: 2)
        var configuration = EncoderConfiguration(vectorSize: TrainingData.dimension, cell: 24, projection: 16)
        change(&configuration)
        var options = TrainingData.options(steps: 1)
        options.accumulation = accumulation
        return try StepRunner(configuration, options, input)
    }

    @Test func timeIsAccountedForByPart() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(60))
        let runner = try runner(data)
        var total = 0.0, costs = [Double](repeating: 0, count: Part.allCases.count)
        for _ in 0..<12 {
            let step = try runner.run()
            let options = TrainingData.options(steps: 1)
            #expect(step.words == options.batch * options.window)
            total += step.seconds
            for part in Part.allCases {
                #expect(step.costs[part.rawValue] >= 0)
                costs[part.rawValue] += step.costs[part.rawValue]
            }
        }
        #expect(runner.isSettled)
        // Directions side by side are two halves of one time; what they take together cannot be much more than there was.
        #expect(costs.reduce(0, +) < 1.5 * total && costs.reduce(0, +) > 0.9 * total)
        for part in Part.allCases where part != .other { #expect(costs[part.rawValue] > 0, "\(part)") }
    }

    /// With windows whose gradients are added up, gradients are complete in the last window of a step alone; those of layers that
    /// the directions have in common, when both have added to them.
    @Test(arguments: [false, true]) func gradientsAreFinishedOnceAStep(isShared: Bool) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(60))
        let runner = try runner(data, { $0.sharesLayers = isShared }, accumulation: 3)
        let log = Mutex<[(direction: Int, range: ParameterRange)]>([])
        runner.finish = { direction, range in log.withLock { $0.append((direction, range)) } }
        for _ in 0..<2 {
            _ = try runner.run()
            let calls = log.withLock { calls in
                defer { calls = [] }
                return calls
            }
            for (direction, model) in runner.encoder.directions.enumerated() {
                let own = calls.filter { $0.direction == direction && !$0.range.isShared }
                #expect(own.flatMap { Array($0.range.indices) }.sorted() == Array(model.parameters.layout.parameters.indices))
                let names = own.flatMap { call in model.parameters.layout.parameters[call.range.indices].map(\.name) }
                func place(_ part: String) -> Int? { names.firstIndex { $0.contains(part) } }
                let order = [place(".output"), place("layer2."), place("layer1."), place("input.norm")].compactMap { $0 }
                #expect(order == order.sorted() && order.count == (isShared ? 3 : 4), "\(names)")
            }
            let shared = calls.filter(\.range.isShared)
            #expect(shared.allSatisfy { $0.direction == 1 } && shared.count == (isShared ? 2 : 0))
        }
    }

    /// Dense gradients are sent whole, with Adam's moments beside every weight.
    @Test func bytes() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(60))
        let runner = try runner(data)
        let step = try runner.run()
        #expect(step.gradientBytes == 4 * runner.encoder.parameterCount)
        #expect(runner.encoder.momentBytes >= 8 * runner.encoder.parameterCount)
        #expect(runner.encoder.momentBytes < 8 * runner.encoder.parameterCount + 64 * 1024)
    }

    /// A word of two units counts once.
    @Test func unitsAreCountedAsWords() throws {
        let data = try TrainingData(sentences: Array(repeating: ["a@@", "b", "c"], count: 40), merges: "digest")
        let vocabulary = try data.vocabulary(["c", "b", "a@@"], merges: "digest")
        let runner = try runner(data, {
            $0.input = .subwords
            $0.output = .subwordSoftmax
            ($0.inputSize, $0.outputSize, $0.vocabularySize) = (0, 0, 6)
            $0.sharesLayers = true
            $0.isTied = true
        }, vocabulary: vocabulary)
        let options = TrainingData.options(steps: 1)
        var words = 0
        for _ in 0..<20 { words += try runner.run().words }
        // Of four positions, the sentence's end among them, three end a word; streams begin at the beginning.
        let positions = 20 * options.batch * options.window
        #expect(abs(Double(words) - 0.75 * Double(positions)) <= Double(options.batch), "\(words) of \(positions)")
    }
}
