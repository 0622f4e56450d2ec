// Trains a small language model on a token shard: a table of vectors, two layers of gated recurrent units, and a softmax.
//
//     tokenize --lowercase text.txt -o text.tok
//     swift run train-language-model text.tok

import Files
import Kernels
import Layers
import Parallel
import Shards

/// Reads a token shard as one stream of word numbers, and returns it with the number of distinct words. Word 0 ends a sentence.
func readWords(_ path: String) throws -> (stream: [Int32], count: Int) {
    var words = WordTable()
    _ = words.insert("</s>")
    var stream: [Int32] = [], numbers: [Int32] = []
    let reader = TokenShardReader(paths: [path], pool: WorkerPool(threads: 1))
    while let block = try reader.next() {
        // Each part of a shard numbers its words from 0 again.
        if block.firstNewWord == 0 { numbers.removeAll() }
        block.forEachNewWord { numbers.append(Int32(words.insert($0))) }
        block.forEachSentence { sentence in
            stream += sentence.map { numbers[Int($0)] }
            stream.append(0)
        }
    }
    return (stream, words.count)
}

/// A language model and everything that training it takes.
struct LanguageModel {
    static let width = 32
    let input: TableInput
    let encoder: RecurrentStack<GRU>
    let output: SoftmaxOutput
    let parameters: ParameterStore
    let memory: PassMemory
    let backend: any Backend
    let shape: WindowShape
    // What the host fills for each window, and what it reads afterwards.
    let words, targets: Numbers
    let loss: Scalars
    let gradient, lowerGradient: MatrixSlot
    private let buffers: [FloatBuffer]

    /// Declares the layers in a plan, then allocates what they have declared.
    init(words count: Int, shape: WindowShape, backend: any Backend) {
        let width = Self.width
        var plan = Plan(backend, capacity: WindowCapacity(shape), isTraining: true)
        input = TableInput("input", units: count, outputs: width, isDense: true, in: &plan)
        encoder = RecurrentStack("encoder", inputs: width, width: width, layers: 2, residual: true, dropout: 0, in: &plan) {
            name, inputs, first, plan in GRU(name, inputs: inputs, cell: width, sharing: first, in: &plan)
        }
        output = SoftmaxOutput("output", inputs: width, classes: count, rows: shape.rows, in: &plan)
        gradient = plan.gradient(rows: shape.rows, columns: width)
        lowerGradient = plan.gradient(rows: shape.rows, columns: width)
        memory = PassMemory(plan)
        parameters = ParameterStore(plan.own, training: Adam(), backend: backend)
        var random = Random(seed: 1, stream: "weights")
        input.initialize(parameters, random: &random)
        encoder.initialize(parameters, random: &random)
        output.initialize(parameters, random: &random)
        buffers = [backend.allocateShared(shape.rows), backend.allocateShared(shape.rows), backend.allocateShared(2)]
        words = Numbers(buffers[0], count: shape.rows)
        targets = Numbers(buffers[1], count: shape.rows)
        loss = Scalars(buffers[2], count: 1)
        self.shape = shape
        self.backend = backend
    }

    /// Makes one training step on the window that `words` and `targets` hold, and returns its mean loss.
    func train(step: Int) -> Double {
        let run = Run(parameters, memory: memory, backend: backend, mode: .training(seed: 1, step: step))
        loss[0] = 0
        let words = InputWords.numbers(words)
        let vectors = input.forward(words, shape, run)
        let states = encoder.forward(vectors, shape, run)
        let gradient = run.matrix(gradient, rows: shape.rows), below = run.matrix(lowerGradient, rows: shape.rows)
        output.accumulate(
            states, .classes(targets), weights: nil, draw: Draw(seed: 1, step: step), statesGradient: gradient, loss: loss, run)
        encoder.backward(vectors, outputGradient: gradient, inputGradient: below, adding: false, shape, run)
        input.backward(words, outputGradient: below, inputGradient: nil, adding: false, shape, run)
        // The next window continues from the state at the end of this one (truncated back-propagation through time).
        encoder.carryState(from: shape, run)
        memory.startsAtZero = false
        _ = parameters.update(.init(step: step, rate: 1e-2, clip: 1))
        backend.wait()
        return loss[0]
    }
}

func run() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 2 else { throw ToolError(.usage, "usage: train-language-model TOKEN-SHARD") }
    let (stream, count) = try readWords(arguments[1])
    let shape = WindowShape(steps: 10, batch: 8)
    // Each of the parallel sequences reads a part of the text of its own.
    let part = stream.count / shape.batch
    guard part > shape.steps else { throw ToolError.data(arguments[1], "", "has fewer than \(shape.batch * (shape.steps + 1)) tokens") }
    let model = LanguageModel(words: count, shape: shape, backend: ProcessorBackend(pool: ThreadPool(threads: 2)))
    print("\(count) words, \(model.parameters.layout.count) weights")
    for step in 1...50 {
        let start = (step - 1) * shape.steps % (part - shape.steps)
        for time in 0..<shape.steps {
            for sequence in 0..<shape.batch {
                let place = sequence * part + start + time
                model.words[time * shape.batch + sequence] = stream[place]
                model.targets[time * shape.batch + sequence] = stream[place + 1]
            }
        }
        let loss = model.train(step: step)
        if step == 1 || step % 10 == 0 { print("step \(step): loss \(loss)") }
    }
}

do {
    try run()
} catch {
    let error = error as? ToolError
    endProcess(saying: error?.description ?? "failed", status: error?.status.rawValue ?? 70)
}
