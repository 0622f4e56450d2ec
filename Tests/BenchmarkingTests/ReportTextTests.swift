import Benchmarking
import Files
import Testing

/// The tables of a report as `bench report --text` prints them, and what they say that pages say, too.
@Suite struct ReportTextTests {
    private func text(_ results: String) throws -> String {
        BenchmarkReport([try ReportFile(MemorySource(Array(results.utf8)))]).text
    }

    private func quality(_ system: String, _ top1: [Double], perplexity: Double = 198.4, _ others: String) -> String {
        top1.enumerated().map { index, top1 in
            ReportSamples.quality(system, seed: index + 1, top1: top1, perplexity: perplexity, others)
        }.joined()
    }

    /// The rows that begin with a name, of all blocks.
    private func rows(_ text: String, _ name: String) -> String {
        text.split(separator: "\n").filter { $0.hasPrefix(name) }.joined(separator: "\n")
    }

    @Test func scoresHaveTheirReferencesBelow() throws {
        let text = try text(ReportSamples.scores)
        #expect(text.contains("held-out text; 28,500 positions, 3 seeds; ranked among 10,000 words"))
        let unigram = rows(text, "unigram model"), constant = rows(text, "constant vector")
        for figure in ["15.0%", "39.0%", "500", "28,500"] { #expect(unigram.contains(figure), "\(unigram)") }
        #expect(constant.contains("0.720") && !constant.contains("%"))
        #expect(rows(text, "ELMo-C, the same words").contains("0.610"))
        #expect(!text.contains("†") && !text.contains("‡"))
        #expect(text.split(separator: "\n").dropFirst().allSatisfy { $0.count <= 118 && $0.last != " " })
    }

    /// A system that ranks as its unigram prior does is marked, and the mark is explained.
    @Test func withinTheNoiseOfTheUnigramModel() throws {
        let results = quality("ELMo-C", [0.211, 0.212, 0.212], perplexity: 495, ReportSamples.unigram(0.21))
            + quality("ELMo", [0.3, 0.3, 0.3], ReportSamples.unigram(0.21))
            + quality("ELMo-Sub", [0.1, 0.1, 0.1], perplexity: 900, ReportSamples.unigram(0.21))
        let text = try text(results)
        #expect(text.contains("ELMo-C†, the same words") && text.contains("ELMo, the same words"))
        #expect(text.contains("ELMo-Sub‡, the same words") && rows(text, "ELMo-C†").contains("21.2%†"))
        #expect(
            text.contains(
                "† within the noise of the unigram model: this system has learned no more than how frequent words are (yet)."))
        #expect(text.contains("‡ worse than the unigram model"))
    }

    /// Units and words may be beside different unigram models.
    @Test func whoseUnigramModelItIs() throws {
        let other = ReportSamples.unigram(0.15)
        let text = try text(
            quality("ELMo", [0.3], ReportSamples.unigram(0.21)) + quality("ELMo-A", [0.3], ReportSamples.unigram(0.21))
                + quality("ELMo-Sub", [0.3], other))
        #expect(rows(text, "unigram model, of ELMo and ELMo-A ").contains("21.0%"), "\(text)")
        #expect(rows(text, "unigram model, of ELMo-Sub ").contains("15.0%"))
        // Sums in another order are the same model's.
        let close = ReportSamples.unigram(0.21, perplexity: 500.5004)
        #expect(
            try self.text(quality("ELMo", [0.3], ReportSamples.unigram(0.21)) + quality("ELMo-Sub", [0.3], close))
                .contains("\nunigram model "))
    }

    @Test func whatWasNotRecordedIsSaid() throws {
        let text = try text(ReportSamples.quality("ELMo", seed: 1, top1: 0.3, positions: nil))
        #expect(text.contains("positions not recorded, one seed (small)") && !text.contains("\nunigram model "))
        #expect(text.contains("The unigram model’s scores were not recorded: whether a system does better than it cannot be said."))
        let uncounted = try self.text(
            ReportSamples.quality("ELMo", seed: 1, top1: 0.21, positions: nil, ReportSamples.unigram(0.21)))
        #expect(uncounted.contains("what is noise is not known: ELMo.") && !uncounted.contains("†"))
    }

    /// Numbers that make no sense are shown, and judge nothing.
    @Test(arguments: ["1e-300", "\"nan\"", "2", "0"]) func sharesThatAreNone(coverage: String) throws {
        let results = ReportSamples.quality("ELMo", seed: 1, top1: 0.3, ReportSamples.unigram(0.21))
            .replacing("\"coverage\":0.95", with: "\"coverage\":\(coverage)")
        #expect(try text(results).contains("28,500 positions"))
        let none = results.replacing("\"top1\":0.3", with: "\"top1\":\"nan\"").replacing("500.5", with: "\"inf\"")
        #expect(try rows(text(none), "ELMo, the same words").contains("nan"))
    }

    @Test func speedsAndCosts() throws {
        let text = try text(ReportSamples.speeds)
        #expect(text.hasPrefix("Output layers and vocabularies: AMD EPYC, avx512 kernels, 2 threads"))
        #expect(text.contains("Encoder reference (4096/512), vocabulary of 10,000") && text.contains("4.21 (95%: 4.15 to 4.28)"))
        #expect(text.contains("rounds 9 (few)") && text.contains("75.0% (833 s)"))
        #expect(text.contains("ELMo, encoder reference, vocabulary of 800,000 left out: takes 6.9 GB"))
    }

    private func system(_ name: String, cell: Int, vocabulary: Int, _ others: String) -> String {
        ReportSamples.system(name, run: "compare", encoder: name, cell: cell, vocabulary: vocabulary, others)
    }

    @Test func whatDiffersIsSaid() throws {
        func line(_ systems: String...) throws -> String? {
            try text(systems.joined()).split(separator: "\n").first { $0.hasPrefix("These systems differ") }.map(String.init)
        }
        let output = #""output":"adaptive-softmax","classes":793471,"#
        #expect(
            try line(
                system("a", cell: 4096, vocabulary: 793_471, output),
                system("b", cell: 512, vocabulary: 20_000, #""output":"continuous","#))
                == "These systems differ in more than the output layer: cell 4096 against 512, vocabulary 793,471 against 20,000.")
        #expect(
            try line(system("a", cell: 8, vocabulary: 9, output), system("b", cell: 8, vocabulary: 793_471, #""output":"softmax","#))
                == "These systems differ in the output layer alone.")
        #expect(
            try line(system("a", cell: 8, vocabulary: 9, ""), system("b", cell: 16, vocabulary: 9, ""))
                == "These systems differ in one thing: cell 8 against 16.")
        #expect(
            try line(
                system("a", cell: 8, vocabulary: 9, #""settings":{"loss":"l2","layers":"2"},"#),
                system("b", cell: 16, vocabulary: 9, #""settings":{"loss":"cosine","layers":"2"},"#))
                == "These systems differ in 2 things at once: cell 8 against 16, loss l2 against cosine.")
        #expect(try line(system("a", cell: 8, vocabulary: 9, ""), system("b", cell: 8, vocabulary: 9, "")) == nil)
        #expect(
            try line(
                system("a", cell: 8, vocabulary: 9, #""classes":9,"input":"subwords","#), system("b", cell: 8, vocabulary: 9, ""))
                == "These systems differ in one thing: vocabulary 9 units against 9.")
    }

    /// A GPU is named before the processor, and its memory is told; a log without a device is one of the processor.
    @Test func devices() throws {
        let device = #""device":{"name":"NVIDIA H100","precision":"bfloat16","driver":"13.0","memory":85000000000},"#
        let machine = ReportSamples.machine.replacing("\"threads\"", with: device + "\"threads\"")
        let onGPU = try text(machine + ReportSamples.system("ELMo-C", run: "compare", device))
        #expect(onGPU.hasPrefix("Systems side by side: NVIDIA H100, bfloat16, CUDA 13.0, AMD EPYC, "), "\(onGPU)")
        #expect(onGPU.contains("GPU memory") && !onGPU.contains("peak memory"))
        let onProcessor = try text(ReportSamples.machine + ReportSamples.system("ELMo-C", run: "compare"))
        #expect(onProcessor.hasPrefix("Systems side by side: AMD EPYC, ") && onProcessor.contains("peak memory"), "\(onProcessor)")
    }

    /// A record that lacks something, or names no machine, is no other machine.
    @Test func machines() throws {
        func remarks(_ machines: String...) throws -> [String] {
            let runs = machines.map { $0 + ReportSamples.quality("a", seed: 1, top1: 0.3) }
            return try text(runs.joined()).split(separator: "\n").filter { $0.contains("The results come") || $0.contains("no machine") }
                .map(String.init)
        }
        let full = ReportSamples.machine
        let bare = #"{"event":"machine","processor":"AMD EPYC","threads":2,"version":"bench (Contour) 0.1.0"}"# + "\n"
        let onGPU = full.replacing("\"threads\"", with: #""device":{"name":"NVIDIA H100","precision":"bfloat16"},"threads""#)
        #expect(try remarks(onGPU, onGPU).isEmpty && remarks(onGPU, full).first?.contains("different settings (GPU") == true)
        let none = #"{"event":"probe","system":"a","task":"t","measure":"F1","value":0.5}"# + "\n"
        #expect(try remarks(full, full).isEmpty && remarks(full, bare).isEmpty)
        #expect(try remarks(full, bare.replacing("AMD EPYC", with: "AMD EPYC, family 26, model 2")).isEmpty)
        #expect(try remarks(none, full) == ["Some records name no machine."])
        #expect(try remarks(full, full.replacing("AMD EPYC", with: "Other")).first?.contains("more than one machine") == true)
        #expect(try remarks(bare, bare.replacing("\"threads\":2", with: "\"threads\":4")).first?.contains("different settings") == true)
    }

    @Test func evaluations() throws {
        let text = try text(ReportSamples.machine + ReportSamples.evaluation)
        #expect(text.hasPrefix("Evaluations: AMD EPYC"), "\(text)")
        let row = rows(text, "28,500 positions, ranked among 10,000 words")
        for figure in ["0.625 (0.600 to 0.650)", "0.500", "1.25 (1.20 to 1.30)", "2,000"] { #expect(row.contains(figure), "\(text)") }
    }

    /// Means and deviations over the seeds, and the difference from the first system, which a test of the caller's computes.
    @Test func tasks() throws {
        var asked: [[Int]] = []
        let files = [try ReportFile(MemorySource(Array(ReportSamples.tasks.utf8)))]
        let text = BenchmarkReport(files) { statistic, first, second in
            asked.append([first.count, first[0].count, second.count, second[0].count])
            return statistic == "accuracy" ? (0.375, 0.04) : nil
        }.text
        #expect(asked == [[2, 40, 2, 40]])
        #expect(text.hasPrefix("Task sst: AMD EPYC") && text.contains("accuracy, scored on the test text test.txt; means over the seeds"))
        let words = rows(text, "word-vectors"), model = rows(text, "ELMo-C")
        for figure in ["37.50 (25.00 to 50.00)", "17.68", "2 (small)", "the reference", "62.50", "5 (best 3)", "1.50", "54.2 MB", "90.00"] {
            #expect(words.contains(figure), "\(figure): \(words)")
        }
        for figure in ["75.00 ", " 0.00 ", "+37.50", "0.0400 *"] { #expect(model.contains(figure), "\(figure): \(model)") }
        let alone = BenchmarkReport(files).text
        #expect(!alone.contains("0.0400") && alone.contains("75.00"))
        // Another reference, and a test that finds no counts to compare.
        let other = BenchmarkReport(files, reference: "ELMo-C") { _, _, _ in nil }.text
        #expect(other.contains("Not compared with ELMo-C: word-vectors;") && other.contains("less ELMo-C") == false, "\(other)")
    }

    /// Of a record only what it is of, by whom and how good must be there; other tasks are sections of their own, other texts tables.
    @Test func tasksWithLittle() throws {
        let bare = #"{"event":"task","system":"a","task":"ner","measure":"F1","value":0.5}"# + "\n"
        let text = try text(bare + bare.replacing("\"value\"", with: "\"text\":\"x\",\"value\"") + bare.replacing("ner", with: "srl"))
        #expect(text.contains("F1; means") && text.contains("F1, scored on x; means") && text.contains("Task srl\n"), "\(text)")
        #expect(try self.text(ReportSamples.pass("a", seed: 1, 1, 0.5)).hasPrefix("Task sst"))
        let strange = bare.replacing("0.5", with: "\"nan\"") + bare.replacing("\"a\"", with: "\"b\"")
        #expect(try rows(self.text(strange), "a").contains("nan"))
    }

    @Test func versionsAreContours() throws {
        let bare = #"{"event":"machine","processor":"AMD EPYC","version":"bench (Contour) 0.1.0"}"# + "\n"
        let text = try text(bare + ReportSamples.quality("a", seed: 1, top1: 0.3))
        #expect(text.contains("Contour 0.1.0\n") && !text.contains("bench (Contour)"))
    }
}
