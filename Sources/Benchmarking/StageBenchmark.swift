internal import Files
internal import Parallel

/// A benchmark of the speed and memory of every stage but training, each a process that reads a file or a pipe, as a user runs it.
/// Every round runs all of them once, so that a change of the machine affects all; a first round does not count.
public struct StageBenchmark: Sendable {
    /// The path of a text file; `nil` means synthetic text.
    public var text: String?
    /// The size of the synthetic text in bytes.
    public var textBytes = 64_000_000
    /// The number of rounds.
    public var rounds = 3
    let threads: Int
    /// The number of the text's most frequent words with a synthetic vector.
    public var vectorWords = 50_000

    /// Makes a benchmark.
    public init(threads: Int) { self.threads = threads }

    /// The measurements of one stage.
    public struct Stage: Sendable {
        /// The name of the stage.
        public let name: String
        /// The number of processors of the stage.
        public let processors: Int
        /// The unit of its work: MB of text, tokens, vectors or words.
        public let unit: String
        /// The amount of work in this unit.
        public let amount: Double
        /// The seconds of each round.
        public internal(set) var seconds: [Double] = []
        /// The largest peak memory of one of its processes, in bytes.
        public internal(set) var peakMemory = 0

        /// The speed in units per second.
        public var rate: Spread { Spread(seconds.map { amount / $0 }) }
    }

    /// Prepares the inputs and measures. Throws `ToolError`.
    /// - `onProgress`: called with the name of each step.
    public func run(onProgress: (String) -> Void = { _ in }) throws -> [Stage] {
        let runner = try PipelineRunner()
        onProgress("preparing")
        let inputs = try StageInputs(self, runner)
        var plans = self.plans(inputs)
        for round in 0...rounds {
            for index in plans.indices {
                let plan = plans[index]
                onProgress(
                    "\(round == 0 ? "warm-up" : "round \(round) of \(rounds)"): \(plan.stage.name), "
                        + "\(plan.stage.processors) threads")
                let use = try runner.run(plan.commands, processors: plan.stage.processors)
                plans[index].stage.peakMemory = max(plan.stage.peakMemory, use.peakMemory)
                if round > 0 { plans[index].stage.seconds.append(use.seconds) }
            }
        }
        return plans.map(\.stage)
    }

    private func plans(_ inputs: StageInputs) -> [(stage: Stage, commands: [ToolCommand])] {
        let megabytes = Double(inputs.textBytes) / 1e6
        let usable = min(threads, availableProcessors())
        let plans = (usable > 1 ? [1, usable] : [1]).map { processors in
            func plan(_ name: String, _ unit: String, _ amount: Double, _ commands: ToolCommand...)
                -> (stage: Stage, commands: [ToolCommand])
            {
                (Stage(name: name, processors: processors, unit: unit, amount: amount), commands)
            }
            func tool(_ name: String, _ arguments: String...) -> ToolCommand {
                ToolCommand(name, ["--quiet", "--threads", "\(processors)"] + arguments)
            }
            let tokenize = tool("tokenize", inputs.textPath)
            return [
                plan("tokenize", "MB", megabytes, tokenize),
                plan("build-vocab", "tokens", Double(inputs.tokens), tool("build-vocab", inputs.tokenShard.path)),
                plan("tokenize | build-vocab", "MB", megabytes, tokenize, tool("build-vocab")),
                plan(
                    "embed-oov", "vectors", Double(inputs.vectors),
                    tool("embed-oov", "--unknown", "none", "--vectors", inputs.vectorFile.path, inputs.vocabulary.path)),
                plan(
                    "encode", "tokens", Double(inputs.encodedTokens),
                    tool(
                        "encode", "--layers", "top", "--model", inputs.model.path, "--table", inputs.table.path,
                        inputs.encodedText.path)),
            ]
        }
        // The order is by stage, with one processor beside several.
        return plans[0].indices.flatMap { index in plans.map { $0[index] } }
    }
}
