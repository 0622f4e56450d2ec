extension EvaluationRecord {
    /// The result of a benchmark of evaluations.
    public init(_ result: EvaluationBenchmark.Result, threads: Int) {
        self.init(
            positions: result.positions, candidates: result.candidates, threads: threads, rounds: result.runs.count,
            operations: result.operations, seconds: Spread(result.runs.map(\.seconds)),
            products: Spread(result.runs.map { result.operations / $0.ceiling * 1e-9 }),
            ceiling: Spread(result.runs.map(\.ceiling)), ratio: result.ratio)
    }
}
