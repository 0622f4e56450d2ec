import TestSupport
import Testing

/// Pictures of training runs: the columns of metrics.awk, and what training.sh makes of them.
struct PlotTests {
    private static func train(_ words: Int, loss: Double) -> String {
        #"{"event":"train","loss":\#(loss),"words":\#(words),"wordsPerSecond":100}"# + "\n"
    }

    private static func heldOut(_ direction: String, loss: Double, _ others: String) -> String {
        #"{\#(others)"direction":"\#(direction)","event":"held-out","loss":\#(loss),"words":200}"# + "\n"
    }

    private static let continuous =
        train(100, loss: 0.9) + heldOut("forward", loss: 0.5, #""constantLoss":0.6,"positions":10,"top10":0.25,"unigramTop10":0.2,"#)
        + heldOut("backward", loss: 0.7, #""constantLoss":0.8,"positions":12,"top10":0.75,"unigramTop10":0.4,"#) + train(200, loss: 0.6)
    /// The backward direction of a model of units ranks no words; older logs said 0 of 0 positions.
    private static let units =
        train(100, loss: 6) + heldOut("forward", loss: 4, #""positions":10,"top10":0.25,"unigramTop10":0.2,"#)
        + heldOut("backward", loss: 5, "") + train(200, loss: 5)
    private static let olderUnits =
        train(100, loss: 6) + heldOut("forward", loss: 4, #""positions":10,"top10":0.25,"#)
        + heldOut("backward", loss: 5, #""positions":0,"top10":0,"#) + train(200, loss: 5)

    @Test(arguments: [
        (continuous, "0.6\t0.5\tboth\tcontinuous\t0.7\t0.3\t12"), (units, "4.5\t0.25\tboth\tsoftmax\t-\t0.2\t10"),
        (olderUnits, "4.5\t0.25\tboth\tsoftmax\t-\t-\t10"),
    ])
    func aFigureIsTheMeanOfTheDirectionsThatHaveIt(log: String, columns: String) async throws {
        let result = try await runShell("awk -f pipelines/plots/metrics.awk", input: Array(log.utf8))
        #expect(result.status == 0 && result.text.contains("held-out\t200\t2\t\(columns)\n"), "\(result.text)")
    }

    @Test(.enabled(if: isInstalled("gnuplot"), "gnuplot is not installed"), arguments: [
        (["continuous"], ["cosine loss", "held-out top-10 with prior, %", "words/s"]),
        (["units"], ["-log p of a token", "held-out top-10, %", "words/s"]),
        (["continuous", "units"], ["cosine loss", "-log p of a token", "held-out top-10, %", "words/s"]),
        (["short"], ["loss", "words/s"]),
    ])
    func everyKindOfLossHasItsPanel(runs: [String], panels: [String]) async throws {
        let directory = try TemporaryDirectory()
        for (name, log) in [("continuous", Self.continuous), ("units", Self.units), ("short", Self.train(100, loss: 3))] {
            try directory.write(name, log)
        }
        let picture = directory.file("picture.svg")
        let result = try await runShell(
            "pipelines/plots/training.sh \(runs.map(directory.file).joined(separator: " ")) -o \(picture)")
        try #require(result.status == 0, "\(result.errors)")
        let text = String(decoding: try contents(of: picture), as: UTF8.self)
        for label in [
            "cosine loss", "-log p of a token", "held-out top-10 with prior, %", "held-out top-10, %", "words/s", "loss",
        ] {
            #expect(text.contains(">\(label)<") == panels.contains(label), "\(label)")
        }
        #expect(text.contains("ranked with prior") == (runs.count == 2))
        // What training must be better than: of the loss of the continuous output, and of all ranks.
        #expect(text.contains(">constant vector<") == runs.contains("continuous"))
        #expect(text.contains(">unigram model<") == (runs == ["continuous"] || runs == ["units"]))
        // Whose it is, where runs have different ones.
        #expect(text.contains(">unigram model of units<") == (runs.count == 2))
        #expect(text.contains("held-out positions (small)") == !runs.contains("short"))
    }

    /// The bound of what is called small is that of the reports (`SampleSize.fewPositions`).
    @Test(.enabled(if: isInstalled("gnuplot"), "gnuplot is not installed"), arguments: [(9_999, true), (10_000, false)])
    func fewPositionsAreSmall(positions: Int, isSmall: Bool) async throws {
        let directory = try TemporaryDirectory()
        try directory.write("log", Self.continuous.replacing("\"positions\":12", with: "\"positions\":\(positions)"))
        let result = try await runShell("cd '\(directory.path)' && $OLDPWD/pipelines/plots/training.sh log -o picture.svg")
        try #require(result.status == 0, "\(result.errors)")
        let text = String(decoding: try contents(of: directory.file("picture.svg")), as: UTF8.self)
        #expect(text.contains("\(positions) held-out positions") && text.contains("(small)") == isSmall)
    }
}
