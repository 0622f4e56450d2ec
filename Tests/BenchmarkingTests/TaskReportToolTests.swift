import TestSupport
import Testing

/// What `bench report` makes of the records of `bench task`.
@Suite(.enabled(if: isInstalled("gnuplot"), "gnuplot is not installed")) struct TaskReportToolTests {
    @Test func tasksStandInThePage() async throws {
        let result = try await runTool("bench", ["report", "-", "--quiet"], input: Array(ReportSamples.tasks.utf8)), page = result.text
        try #require(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        for text in [
            "<h2>Task sst</h2>", "37.50<small>25.00 to 50.00</small>", "+37.50", "2<small>small</small>", "the reference",
            "5<small>best 3</small>", "two of five", "<p class=\"weak\">* a p below 0.05", "how often the difference of two systems",
        ] { #expect(page.contains(text), "\(text)") }
        #expect(page.count(of: "<svg role=\"img\"") == 2)
        let directory = try TemporaryDirectory()
        let results = try directory.write("results", ReportSamples.tasks), pictures = directory.file("pictures")
        #expect(try await runTool("bench", ["report", results, "--pictures", pictures, "-q"]).status == 0)
        func text(_ name: String) throws -> String { String(decoding: try contents(of: "\(pictures)/\(name)"), as: UTF8.self) }
        #expect(
            try text("1-scores.tsv") == """
                task\tsystem\tbudget\tmean\tlowest\thighest
                sst, accuracy, scored on the test text test.txt\tword-vectors\t\t37.5\t25.0\t50.0
                sst, accuracy, scored on the test text test.txt\tELMo-C\t\t75.0\t75.0\t75.0

                """)
        // The mean goes as far as both seeds do.
        #expect(
            try text("1-passes.tsv") == """
                system\tseed\tpass\tvalue
                ELMo-C\t1\t1.0\t25.0
                ELMo-C\t1\t2.0\t50.0
                ELMo-C\t2\t1.0\t75.0
                ELMo-C\tmean\t1.0\t50.0

                """)
        #expect(try await complaintAboutXML(["1-scores", "1-passes"].map { "\(pictures)/\($0).svg" }) == "")
    }

    /// The difference and its p value are those of `bench task-table`, beside the same system.
    @Test(arguments: ["word-vectors", "ELMo-C"]) func tasksAreComparedAsInTheTable(against: String) async throws {
        let directory = try TemporaryDirectory()
        let results = try directory.write("results", ReportSamples.tasks)
        let report = try await runTool("bench", ["report", "--text", results, "--against", against])
        let table = try await runTool("bench", ["task-table", "-q", results, "--against", against])
        #expect(report.status == 0 && table.status == 0, "\(report.errors)\(table.errors)")
        let other = against == "ELMo-C" ? "word-vectors" : "ELMo-C"
        let row = try #require(table.text.split(separator: "\n").first { $0.hasPrefix(other) }).split(separator: " ").map(String.init)
        try #require(row.count >= 6, "\(table.text)")
        for figure in row[1...5] {
            #expect(report.text.split(separator: "\n").contains { $0.hasPrefix(other) && $0.contains(figure) }, "\(figure): \(report.text)")
        }
        let none = try await runTool("bench", ["report", "--text", results, "--against", "four"])
        #expect(none.status == 64 && none.errors == "bench report: --against four: no result of a task is of this system\n", "\(none.errors)")
    }

    /// Counts that do not fit each other are compared by nobody: other sentences, none, too few counts, and numbers that are none.
    @Test(arguments: ["[]", "[[1,1]]", "[[1,1,1],[1,1,1]]", "[[],[]]", "[[\"nan\",1],[1,1]]", "[[-1,1],[1,1]]", "[[1,1],[1]]", "[[1e99,1],[1,1]]"])
    func countsThatDoNotFit(units: String) async throws {
        func record(_ system: String, _ units: String, _ statistic: String = "accuracy") -> String {
            #"{"event":"task","system":"\#(system)","task":"t","measure":"m","value":0.5,"statistic":"\#(statistic)","units":\#(units)}"# + "\n"
        }
        for results in [
            record("a", "[[1,1],[0,1]]") + record("b", units), record("a", units) + record("b", units, "meanF1"),
            record("a", "[[1,1],[0,1]]") + record("b", "[[1,1],[1,1]]") + record("a", units) + record("b", units),
        ] {
            let report = try await runTool("bench", ["report", "--text", "-"], input: Array(results.utf8))
            #expect(report.status == 0 && report.text.contains("Not compared with a: b;"), "\(report.text)\(report.errors)")
            let table = try await runTool("bench", ["task-table", "-q", "-"], input: Array(results.utf8))
            #expect((table.status == 65 || table.status == 78) && isOneLine(table.errors, naming: "bench task-table"), "\(table.errors)")
        }
    }
}
