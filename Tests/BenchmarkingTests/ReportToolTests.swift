import Benchmarking
import TestSupport
import Testing

/// Parses pictures as XML: an empty text if they are well-formed.
func complaintAboutXML(_ files: [String]) async throws -> String {
    try await runProgram(
        "/usr/bin/env", ["python3", "-c", "import sys, xml.dom.minidom as m; [m.parse(f) for f in sys.argv[1:]]"] + files
    ).errors
}

/// `bench report` as a user runs it.
@Suite(.enabled(if: isInstalled("gnuplot"), "gnuplot is not installed")) struct ReportToolTests {
    private func page(_ results: String, _ options: [String] = []) async throws -> String {
        let result = try await runTool("bench", ["report", "-", "--quiet"] + options, input: Array(results.utf8))
        try #require(result.status == 0, "\(result.errors)")
        #expect(result.errors.isEmpty)
        return result.text
    }

    @Test func speedsStandInThePage() async throws {
        let page = try await page(ReportSamples.speeds, ["--title", "Five & <six>"])
        #expect(page.hasPrefix("<!DOCTYPE html>\n") && page.contains("<title>Five &amp; &lt;six&gt;</title>"))
        for text in [
            "AMD EPYC, avx512 kernels, 2 threads, 25.8 GB of memory", "2026-11-25",
            "<code>bench output-layers --vocabularies 10000</code>",
            "900<small>880 to 910</small>", "1,111<small>1,101 to 1,121</small>", "4.21<small>95%: 4.15 to 4.28</small>",
            "1<small>the reference</small>", "76,185,176", "609 MB", "2.70 GB", "812<small>in 25.8 GB</small>", "12,346",
            "not measurable here", "Encoder reference (4096/512), vocabulary of 10,000", "batch 128, rounds 9 (few)",
            "takes 6.9 GB, and there are 4.0 GB to give", "75.0%<small>833 s</small>",
            "bench report --title &#39;Five &amp; &lt;six&gt;&#39; -</pre>",
        ] { #expect(page.contains(text), "\(text)") }
        // Each encoder's time and memory, the speeds of both encoders, the costs.
        #expect(page.count(of: "<svg role=\"img\"") == 6)
        #expect(page.count(of: "<figure>") == 6)
        #expect(!page.contains("interrupted"))
    }

    @Test func thePageNeedsNothingElse() async throws {
        let page = try await page(ReportSamples.speeds + ReportSamples.scores)
        let withoutNamespaces = page.replacing("xmlns=\"http://www.w3.org/2000/svg\"", with: "")
            .replacing("xmlns:xlink=\"http://www.w3.org/1999/xlink\"", with: "")
        for text in ["http", "<script", "<link", "@import", "src="] { #expect(!withoutNamespaces.contains(text), "\(text)") }
        #expect(page.contains("<meta name=\"viewport\""))
        // Names are those of one element each, and what refers to one finds it.
        let names = page.matches(of: /\bid=['"]([^'"]+)['"]/).map { String($0.output.1) }
        #expect(names.count == Set(names).count && names.count > 100)
        let references = Set(page.matches(of: /href=['"]#([^'"]+)['"]/).map { String($0.output.1) })
        #expect(references.subtracting(names).isEmpty && references.contains("section-1"))
        // Two machine records are two runs, with nothing between them.
        #expect(page.count(of: "<section id=\"section-") == 2)
    }

    @Test func scoresStandInThePage() async throws {
        let page = try await page(ReportSamples.scores)
        for text in [
            "21.7%<small>21.3% to 22.5%</small>", "the same words", ">198<", ">3<", "28,500 of 30,000",
            "28,500 positions, 3 seeds; ranked among 10,000 words", "46,435 test tokens, 2 seeds (small)",
            "column 4, F1",
            "0.770<small>0.730 to 0.810</small><small>precision 0.801</small><small>recall 0.822</small>",
            // 0.81 - 0.7 and 0.73 - 0.6: each to the word vectors with the same seed of the probe.
            "+0.120<small>+0.110 to +0.130</small>",
        ] { #expect(page.contains(text), "\(text)") }
        #expect(page.count(of: "<svg role=\"img\"") == 4)
    }

    @Test func picturesAreFilesOfTheirOwn() async throws {
        let directory = try TemporaryDirectory()
        let results = try directory.write("results", ReportSamples.speeds)
        let scores = try directory.write("scores", ReportSamples.scores)
        let pictures = directory.file("pictures")
        let result = try await runTool("bench", ["report", results, scores, "--pictures", pictures])
        #expect(result.status == 0 && result.output.isEmpty, "\(result.errors)")
        let names = try await runShell("cd '\(pictures)' && ls")
        let stems = [
            "1-costs", "1-encoders-10000", "1-memory-0-reference", "1-memory-1-small", "1-time-0-reference", "1-time-1-small",
            "2-curves-loss", "2-curves-perplexity", "2-curves-top10", "2-probes",
        ]
        #expect(names.text.split(separator: "\n").map(String.init) == stems.flatMap { ["\($0).svg", "\($0).tsv"] })
        func text(_ name: String) throws -> String { String(decoding: try contents(of: "\(pictures)/\(name)"), as: UTF8.self) }
        #expect(try await complaintAboutXML(stems.map { "\(pictures)/\($0).svg" }) == "")
        #expect(try text("1-time-0-reference.svg").contains("<text>ELMo-C</text>"))
        #expect(
            try text("1-time-0-reference.tsv") == """
                system\tvocabulary\tmedian\tlowest\thighest
                ELMo-C\t10000\t1111.0\t1101.0\t1121.0
                ELMo\t10000\t4677.0\t4667.0\t4687.0
                ELMo-C\t50000\t1122.0\t1112.0\t1132.0

                """)
        // The mean of two seeds at the same words: 20 and 24 seconds, 0.2 and 0.3.
        #expect(try text("2-curves-top10.tsv").contains("ELMo-C\tmean\t22.0\t25.0\n"))
    }

    /// The same bytes every time, and beside pictures too.
    @Test func thePageIsReproducible() async throws {
        let directory = try TemporaryDirectory()
        let results = try directory.write("results", ReportSamples.speeds), page = directory.file("page")
        let first = try await runTool("bench", ["report", results, "-o", page])
        #expect(first.status == 0, "\(first.errors)")
        let bytes = try contents(of: page)
        #expect(try await runTool("bench", ["report", results, "-o", page, "--pictures", directory.file("p")]).status == 0)
        #expect(try contents(of: page) == bytes)
    }

    @Test func namesMayBeAnything() async throws {
        let directory = try TemporaryDirectory()
        let trap = directory.file("trap")
        let name = #"--x 'a' <b> & `touch \#(trap)` $(touch \#(trap)) @y %s {/Bold z} a_b^c ]]> é"#
        let results = ReportSamples.machine + ReportSamples.system(name, run: "compare")
            + "{\"event\":\"interrupted\",\"run\":\"compare\"}\n"
        let file = try directory.write("results", results), page = directory.file("page")
        let result = try await runTool("bench", ["report", file, "-o", page, "--pictures", directory.path])
        #expect(result.status == 0, "\(result.errors)")
        #expect(!directory.entries().contains("trap"))
        let text = String(decoding: try contents(of: page), as: UTF8.self)
        #expect(text.contains("--x &#39;a&#39; &lt;b&gt; &amp; `touch \(trap)`") && !text.contains("<b>"))
        #expect(text.contains("This run was interrupted"))
        let pictures = directory.entries().filter { $0.hasSuffix(".svg") }
        #expect(pictures == ["1-costs.svg", "1-memory-0-reference.svg", "1-time-0-reference.svg"])
        #expect(try await complaintAboutXML(pictures.map(directory.file)) == "")
    }

    /// Numbers that are none, as logs of failed runs have, are shown, and drawn by no picture.
    @Test func numbersWithoutEnd() async throws {
        let curves = ReportSamples.machine + #"{"event":"curve","system":"a","seconds":1,"candidatePerplexity":"inf"}"# + "\n"
        let scores = #"{"event":"quality","system":"a","perplexity":"inf","top1":"nan"}"# + "\n"
        let page = try await page(curves + scores + #"{"event":"system","name":"b","costs":{"input":"inf","output":0}}"# + "\n")
        #expect(page.contains(">inf</td>") && !page.contains("<svg"))
    }

    @Test func aTornLineIsPassedOver() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("results", ReportSamples.speeds + "{\"event\":\"sys")
        let result = try await runTool("bench", ["report", file])
        #expect(result.status == 0 && result.text.contains("This run was interrupted"))
        #expect(result.errors == "bench report: \(file): line 9: is torn off, and passed over\n")
    }

    /// Only what is torn: a whole record counts, though its line has no end.
    @Test func aLastLineWithoutItsEndCounts() async throws {
        let page = try await page(ReportSamples.machine + String(ReportSamples.ratio.dropLast()))
        #expect(page.contains("4.21") && !page.contains("interrupted"))
    }

    /// Without an interval the range of the rounds stands, and says so; the systems may be missing.
    @Test func ratiosWithFewRoundsShowTheirRange() async throws {
        let few = ReportSamples.ratio.replacing("\"low\":4.15,\"high\":4.28,\"confidence\":0.95,", with: "")
        let page = try await page(ReportSamples.machine + ReportSamples.system("ELMo-C") + few)
        #expect(page.contains("4.21<small>range 4.02 to 4.40</small>") && page.contains("<bdi>ELMo</bdi>"))
    }

    /// Each run with its machine, date and command; nothing of one run beside another's.
    @Test func recordsBelongToTheMachineBeforeThem() async throws {
        let other = ReportSamples.machine.replacing("2026-11-25", with: "2026-11-27").replacing("AMD EPYC", with: "Other")
            .replacing("output-layers", with: "costs")
        let page = try await page(ReportSamples.leftOut + ReportSamples.speeds + other + ReportSamples.system("c", run: "costs"))
        let sections = page.split(separator: "<section id=\"section-").dropFirst().map(String.init)
        try #require(sections.count == 3)
        #expect(sections[0].contains("not recorded") && sections[0].contains("takes 6.9 GB") && sections[0].contains("No system"))
        #expect(sections[1].contains("2026-11-25") && !sections[1].contains("2026-11-27"))
        #expect(sections[2].contains("2026-11-27") && sections[2].contains("Other") && sections[2].contains("<code>bench costs"))
        #expect(page.contains("more than one machine"))
        #expect(page.contains("bench output-layers --vocabularies 10000\nbench costs --vocabularies 10000\nbench report -</pre>"))
    }

    /// Scores of several runs stand side by side only if they were taken under the same conditions.
    @Test func scoresOfOneMachineAreOneSection() async throws {
        let other = ReportSamples.scores.replacing("\"threads\":2", with: "\"threads\":4")
        let page = try await page(ReportSamples.scores + other + ReportSamples.scores)
        #expect(page.count(of: "<section id=\"section-") == 2)
        #expect(page.count(of: "<dt>machine</dt>") == 3)
    }

    @Test func theSameFileIsReadOnce() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("results", ReportSamples.speeds)
        let result = try await runTool("bench", ["report", file, "\(directory.path)/./results"])
        #expect(result.status == 0 && result.text.count(of: "<section id=\"section-") == 1)
        #expect(result.errors == "bench report: \(directory.path)/./results: is read once: it is the same file as \(file)\n")
    }

    @Test(arguments: [
        ("", "is empty"), ("\n", "holds no results"), ("{\"event\":\"train\"}\n", "holds no results"),
        ("{\"ev", "line 1: is torn off"), (ReportSamples.machine, "holds a machine record, but no results"),
        (ReportSamples.machine + "{\"ev", "line 2: is torn off, and there are no results before it"),
        (ReportSamples.machine + "{\"event\":\"interrupted\"}\n", "holds no results: the benchmark was interrupted"),
        (ReportSamples.machine + "{\"event\":\n" + ReportSamples.ratio, "line 2: is not JSON"),
        (ReportSamples.machine + "[]\n", "line 2: is not a JSON object"),
        (ReportSamples.machine + "{\"event\":\"system\"}", "line 2: has no \"name\""),
        (ReportSamples.machine + "{\"event\":\"system\",\"name\":\"a\",\"cell\":\"b\"}\n",
            "line 2: \"cell\" is of the wrong kind"),
    ] as [(String, String)])
    func damagedResults(_ text: String, _ complaint: String) async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("results", text)
        let pictures = directory.file("pictures")
        let result = try await runTool("bench", ["report", file, "-o", directory.file("page"), "--pictures", pictures])
        #expect(result.status == 65 && result.output.isEmpty)
        #expect(result.errors.hasPrefix("bench report: \(file): \(complaint)"), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(directory.entries() == ["results"])
    }

    /// Files without results do not stop those that have some.
    @Test func filesWithoutResultsArePassedOver() async throws {
        let directory = try TemporaryDirectory()
        let empty = try directory.write("empty", ""), other = try directory.write("other", "{\"event\":\"train\"}\n")
        let file = try directory.write("results", ReportSamples.scores)
        let result = try await runTool("bench", ["report", "--text", empty, file, other])
        #expect(result.status == 0 && result.text.contains("ELMo-C, the same words"), "\(result.errors)")
        #expect(
            result.errors == """
                bench report: warning: \(empty): is empty: there are no results in it
                bench report: warning: \(other): holds no results that a report shows

                """)
        let none = try await runTool("bench", ["report", "--text", empty, other])
        #expect(none.status == 65 && none.output.isEmpty)
        #expect(none.errors == "bench report: \(empty): is empty: there are no results in it\n")
    }

    @Test func evaluationsStandInThePage() async throws {
        let page = try await page(ReportSamples.scores + ReportSamples.machine + ReportSamples.evaluation)
        for text in ["<h2>Evaluations</h2>", "ranked among 10,000 words", "1.25<small>1.20 to 1.30</small>", "0.500"] {
            #expect(page.contains(text), "\(text)")
        }
        #expect(page.count(of: "<section id=\"section-") == 2)
    }

    /// Legends of many systems have room in the picture.
    @Test(arguments: [1, 4, 12]) func legendsAreWhole(systems: Int) async throws {
        let results = ReportSamples.machine + (1...systems).map { number in
            ReportSamples.system("system \(number)") + ReportSamples.task("system \(number)", seed: 1, right: [number % 4])
        }.joined()
        let pictures = try await page(results).matches(of: /height="(\d+)"\s+viewBox[\s\S]*?<\/svg>/)
        #expect(pictures.count == 4)
        for picture in pictures {
            let height = try #require(Double(picture.output.1))
            let texts = picture.output.0.matches(of: /translate\([\d.]+,([\d.]+)\)[^>]*>\s*<text>/)
            #expect(texts.count > systems)
            for text in texts {
                let baseline = try #require(Double(text.output.1))
                #expect(baseline + 4 < height, "\(text.output.0)")
            }
        }
    }

    /// Text that HTML, attributes, templates or gnuplot would take for their own, in every place of a page.
    @Test(arguments: [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "\"\u{301} onmouseover=alert(1) x=\"", "'\u{200D} onclick='alert(1)",
        "{{title}}{{{style}}}{{>page}}", "</style><b>", "]]><b>", "\u{600}<b>",
    ])
    func pagesEscapeAll(hostile: String) async throws {
        // By scalars: what joins a quotation mark must not hide it here either.
        let json = "\"" + hostile.unicodeScalars.map { $0 == "\"" ? "\\\"" : String($0) }.joined() + "\""
        var results = ReportSamples.speeds + ReportSamples.scores + ReportSamples.tasks + ReportSamples.machine + ReportSamples.evaluation
        for text in [
            "AMD EPYC", "avx512", "2026-11-25", "0.1.0", "bench output-layers --vocabularies 10000", "synthetic", "ELMo-C", "ELMo",
            "word-vectors", "reference", "column 4", "F1", "accuracy", "two of five", "test.txt", "sst",
            "takes 6.9 GB, and there are 4.0 GB to give",
        ] {
            try #require(results.contains("\"\(text)\""), "\(text)")
            results = results.replacing("\"\(text)\"", with: json)
        }
        let page = try await page(results, ["--title", hostile])
        #expect(page.hasBytes(of: "<h1>\(hostile.escapedForHTML)</h1>") && page.hasBytes(of: "<bdi>\(hostile.escapedForHTML)</bdi>"))
        for trap in ["<script", "<img", "<b>", "</style><"] { #expect(!page.hasBytes(of: trap), "\(trap)") }
        // gnuplot leaves quotation marks as they are between tags, where they end nothing.
        let markup = page.split(separator: "\n").filter { !$0.hasBytes(of: "<text>") }.joined(separator: "\n")
        for trap in ["\"\u{301}", "'\u{200D}"] { #expect(!markup.hasBytes(of: trap), "\(trap)") }
        #expect(page.count(of: "</style>") == 1 && page.count(of: "<h1>") == 1)
    }

    @Test func refuses() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("results", ReportSamples.speeds)
        for (arguments, status, complaint) in [
            ([file, "--pictures", file], 73, "\(file): is not a folder"),
            ([file, "--pictures", "/nowhere/pictures"], 73, "/nowhere/pictures: cannot make the folder"),
            ([file, "-o", "/nowhere/page"], 73, "/nowhere/page: cannot create"),
            // Outputs are opened before inputs are read.
            (["/nowhere/results", "-o", "/nowhere/page"], 73, "/nowhere/page: cannot create"),
            (["/nowhere/results"], 66, "/nowhere/results: cannot open"),
        ] {
            let result = try await runTool("bench", ["report"] + arguments)
            #expect(result.status == status && result.output.isEmpty)
            #expect(result.errors.hasPrefix("bench report: \(complaint)"), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
        }
        for arguments in [[], ["-", "-"], [file, "-o", file]] {
            #expect(try await runTool("bench", ["report"] + arguments).status == 64)
        }
        #expect(try contents(of: file) == Array(ReportSamples.speeds.utf8))
    }

    /// Before anything else is done.
    @Test func gnuplotIsNeeded() async throws {
        let directory = try TemporaryDirectory()
        let result = try await runShell("PATH= $BIN/bench report /nowhere/results -o '\(directory.file("page"))'")
        #expect(result.status == 69)
        #expect(result.errors == "bench report: gnuplot is missing: apt install gnuplot-nox\n")
        #expect(directory.entries().isEmpty)
    }

    /// As text, without gnuplot; the same tables.
    @Test func tablesAsText() async throws {
        let result = try await runTool("bench", ["report", "--text", "-"], input: Array(ReportSamples.scores.utf8))
        #expect(result.status == 0 && result.errors.isEmpty && result.text.contains("\nunigram model "), "\(result.errors)")
        let without = try await runShell("PATH= $BIN/bench report --text -", input: Array(ReportSamples.scores.utf8))
        #expect(without.status == 0 && without.output == result.output)
        #expect(try await runTool("bench", ["report", "--text", "--pictures", "p", "-"]).status == 64)
    }

    /// What systems must be better than is in the pictures: a dashed line with its name, and a row in the table.
    @Test func picturesHaveReferences() async throws {
        let directory = try TemporaryDirectory()
        let scores = try directory.write("scores", ReportSamples.scores), pictures = directory.file("pictures")
        #expect(try await runTool("bench", ["report", scores, "--pictures", pictures, "--quiet"]).status == 0)
        func text(_ name: String) throws -> String { String(decoding: try contents(of: "\(pictures)/\(name)"), as: UTF8.self) }
        #expect(try text("1-curves-top10.svg").contains(">unigram model<"))
        #expect(try text("1-curves-perplexity.svg").contains(">unigram model<"))
        #expect(try text("1-curves-loss.svg").contains(">constant vector<"))
        #expect(try text("1-curves-top10.tsv").contains("unigram model\t\t0.0\t39.0\nunigram model\t\t44.0\t39.0\n"))
        let page = try await page(ReportSamples.scores)
        #expect(page.contains("dashed: the unigram model; held-out text: 28,500 positions, 2 seeds (small)."))
        #expect(page.contains("over the seeds; 46,435 test tokens, 2 seeds (small)."))
    }

    /// Wide tables are turned, or fit: on a screen of 1,200 points nothing is cut off, and on a phone nothing is wider than it.
    @Test(
        .enabled(if: isInstalled("chromium"), "chromium is not installed"),
        .enabled(if: mayReserveAnything, "chromium reserves more than a thousand gibibytes of address space, and there is a limit"))
    func nothingIsCutOff() async throws {
        let names = (0..<4).map { "ELMo-C full size 4096/512 --batch 128 --window 20 number \($0)" }
        let others = "\"largestBatch\":81200,\"memoryGiven\":25769803776,\"joulesPerMillionWords\":12345.6,\"classes\":793471,"
        let compared = names.map { ReportSamples.system($0, run: "compare", encoder: $0, cell: 4096, $0.hasSuffix("0") ? "" : others) }
        let systems = ["ELMo-C", "ELMo-A", "ELMo", "ELMo-Sub"].map { system in
            (1...3).map { seed in
                ReportSamples.quality(
                    system, seed: seed, top1: 0.2 + 0.01 * Double(seed), perplexity: 1000 + 100 * Double(seed),
                    ReportSamples.unigram(0.15) + ReportSamples.constant
                        + #""cosineTop1":0.1,"cosineTop10":0.2,"classes":793471,"unknownShare":0.05,"#)
            }.joined()
        }
        let page = try await page(ReportSamples.speeds + compared.joined() + systems.joined())
        let script = """
            <script>document.title = 'cut off: ' + ([...document.querySelectorAll('.table'), document.documentElement]
              .filter(box => box.scrollWidth > box.clientWidth)
              .map(box => box.ariaLabel + ', ' + (box.scrollWidth - box.clientWidth) + ' points').join('; ') || 'nothing')</script></body>
            """
        let directory = try TemporaryDirectory()
        let scripted = page.replacing("</body>", with: script)
        try directory.write("page.html", scripted)
        // Chromium has no windows as narrow as a phone.
        try directory.write("phone.html", """
            <iframe style="width: 390px; height: 800px; border: 0" onload="document.title = contentDocument.title"
              srcdoc="\(scripted.replacing("&", with: "&amp;").replacing("\"", with: "&quot;"))"></iframe>
            """)
        for name in ["page", "phone"] {
            let result = try await runShell(
                """
                HOME='\(directory.path)' chromium --headless --no-sandbox --disable-gpu \
                    --window-size=1200,1000 --hide-scrollbars --virtual-time-budget=5000 --dump-dom 'file://\(directory.file(name)).html'
                """)
            let title = result.text.firstMatch(of: /<title>(cut off: [^<]*)<\/title>/).map { String($0.output.1) }
            #expect(title == "cut off: nothing", "\(name)")
        }
    }
}
