import Model
import Parallel
import Synchronization
import ToolSupport
import Training

/// What `train` says on stderr.
struct TrainingReport {
    private let report: Report
    private let scores: ScoreTable

    /// A run that takes longer than this, in seconds, is worth keeping.
    private static let longRun = 180.0

    init(_ report: Report) {
        self.report = report
        scores = ScoreTable(report)
    }

    func attach(to trainer: Trainer) {
        trainer.onProgress = { [report] progress in
            // The texts are allocated.
            guard report.showsProgress else { return }
            let share = progress.ceilingShare.map { " (\(fixed(100 * $0, 0))% of the ceiling)" } ?? ""
            let state = progress.isEvaluating ? "evaluating"
                : "loss \(fixed(progress.loss, 4)), \(grouped(whole(progress.wordsPerSecond))) words/s\(share)"
            report.progress(
                "step \(grouped(progress.step)) of \(grouped(progress.totalSteps)), \(state), "
                    + "\(spelt(seconds: progress.secondsLeft)) left")
        }
        trainer.onEvaluation = { [scores] in scores.add($0) }
        trainer.onWarning = { [report] in report.print("train: \($0)") }
    }

    /// Says what a run without checkpoints may lose: at the start of a long one, and when a signal ends it.
    func attachWithoutCheckpoints(to trainer: Trainer) {
        let lost = Mutex<TrainingProgress?>(nil), start = Mutex(monotonicSeconds())
        let show = trainer.onProgress
        trainer.onProgress = { progress in
            lost.withLock { $0 = progress }
            show(progress)
        }
        trainer.onStart = { [report] seconds in
            start.withLock { $0 = monotonicSeconds() }
            guard seconds > Self.longRun else { return }
            report.print(
                "train: this run takes about \(spelt(seconds: seconds)) and keeps no checkpoints: if it is interrupted, all of it is "
                    + "lost; with --checkpoints DIRECTORY it can go on from the last checkpoint (--resume)")
        }
        StopRequest.explain { [report] in
            guard let progress = lost.withLock({ $0 }) else { return }
            let seconds = monotonicSeconds() - start.withLock { $0 }
            report.print(
                "train: interrupted after step \(grouped(progress.step)) of \(grouped(progress.totalSteps)): "
                    + "\(spelt(seconds: seconds)) of training are lost; with --checkpoints DIRECTORY a run can go on where it was stopped (--resume)")
        }
    }

    func begin(_ trainer: Trainer, _ input: TrainingInput, _ options: TrainingOptions) {
        for warning in input.warnings { report.print("train: \(warning)") }
        var text = "\(grouped(input.corpus.sentences)) sentences, \(grouped(input.corpus.tokens)) tokens"
        if let vectors = input.words.vectors {
            text += "; \(grouped(vectors.tableCount)) words in the table, \(grouped(vectors.madeCount)) others "
                + "(\(grouped(vectors.unusableCount)) without a vector)"
            if vectors.storedCount > 0 { text += "; \(grouped(vectors.storedCount)) vectors stay in the table's file" }
        }
        if let vocabulary = input.words.vocabulary {
            let unknown = 1 - Double(input.corpus.knownTokens) / Double(max(1, input.corpus.tokens))
            text += "; \(grouped(vocabulary.size)) classes, \(fixed(100 * unknown, 2))% of the tokens are unknown"
        }
        report.print(text)
        if let note = trainer.sparseUpdates { report.print(note) }
        report.print(
            "\(grouped(trainer.encoder.parameterCount)) weights, \(grouped(trainer.totalSteps)) steps of "
                + "\(options.accumulation > 1 ? "\(options.accumulation) x " : "")\(options.batch) x \(options.window) words")
    }

    func resumed(at step: Int?, of trainer: Trainer) {
        if let step, step >= trainer.totalSteps {
            return report.print("all \(grouped(trainer.totalSteps)) steps had been made, \(grouped(step)) in all: nothing to train")
        }
        report.print(
            step.map { "going on after step \(grouped($0)) of \(grouped(trainer.totalSteps))" }
                ?? "no checkpoint yet: beginning at the beginning")
    }

    func end(_ outcome: TrainingOutcome, _ trainer: Trainer, _ checkpoints: CheckpointWriter?) {
        let writing = checkpoints.map { "; \(fixed($0.secondsWriting, 1)) s for checkpoints" } ?? ""
        switch outcome {
        case .finished: report.print("\(grouped(trainer.step)) steps: \(split(trainer))\(writing)")
        case .outOfTime:
            report.print("the time is up after \(grouped(trainer.step)) step\(trainer.step == 1 ? "" : "s"): \(split(trainer))\(writing)")
        case .noProgress:
            report.print("the held-out loss falls no more after \(grouped(trainer.step)) steps: the best model it is\(writing)")
        case .stopped: report.print("stopped after step \(grouped(trainer.step)), checkpoint written; --resume goes on\(writing)")
        }
    }

    /// What the time of a run was spent on.
    private func split(_ trainer: Trainer) -> String {
        "\(spelt(seconds: trainer.seconds.training, tenths: true)) of training, "
            + "\(spelt(seconds: trainer.seconds.evaluation, tenths: true)) of evaluations"
    }
}
