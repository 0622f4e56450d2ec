import Benchmarking
import Files
import Testing

/// What pages and pictures are made of.
@Suite struct ReportTests {
    @Test(arguments: [
        ([100.0, 16000], [100.0, 200, 500, 1000, 2000, 5000, 10000, 20000], 100.0, 20000.0),
        ([300, 3100], [200, 500, 1000, 2000, 5000], 200, 5000),
        ([1000, 1000], [500, 1000, 2000], 500, 2000), ([1, 1e6], [1, 10, 100, 1000, 10000, 100000, 1e6], 1, 1e6),
    ])
    func logarithmicAxesHaveRoundTics(_ values: [Double], _ tics: [Double], _ low: Double, _ high: Double) {
        let axis = Axis("x", values, logarithmic: true)
        #expect(axis.tics.count == tics.count)
        for (tic, place) in zip(axis.tics, tics) { #expect(abs(tic.value / place - 1) < 1e-9) }
        #expect(abs(axis.low / low - 1) < 1e-9 && abs(axis.high / high - 1) < 1e-9)
    }

    @Test func linearAxesHaveRoundTics() {
        #expect(Axis("x", [3, 8.1]).tics.map(\.text) == ["0", "2", "4", "6", "8", "10"])
        #expect(Axis("x", [0.72, 0.83], logarithmic: false, fromZero: false).tics.map(\.text) == ["0.7", "0.75", "0.8", "0.85"])
        #expect(Axis("x", [0, 0]).tics.map(\.text) == ["0", "0.2", "0.4", "0.6", "0.8", "1"])
        let single = Axis("x", [0.8], fromZero: false)
        #expect(single.low <= 0.8 && single.high >= 0.8 && single.low < single.high)
        // A decade is still linear.
        #expect(!Axis("x", [1, 10]).isLogarithmic && Axis("x", [1, 10.1]).isLogarithmic && !Axis("x", [0, 1000]).isLogarithmic)
    }

    @Test func placesAreTicsAsFarAsThereIsRoom() {
        let places: [Double] = [10000, 50000, 200000, 793471, 800000]
        #expect(Axis("x", places: places).tics.map(\.text) == ["800,000", "200,000", "50,000", "10,000"])
        let single = Axis("x", places: [793_471])
        #expect(single.tics.map(\.text) == ["793,471"] && single.low < 793_471 && single.high > 793_471)
    }

    @Test func numbers() {
        #expect(NumberText.rounded(900.1) == "900" && NumberText.rounded(12345.6) == "12,346")
        #expect(NumberText.rounded(4.214) == "4.21" && NumberText.rounded(0.01234) == "0.012" && NumberText.rounded(0) == "0.00")
        #expect(NumberText.short(0.15000000000000002) == "0.15" && NumberText.short(50000) == "50,000")
        #expect(NumberText.bytes(999) == "999 B" && NumberText.bytes(2_700_000_000) == "2.70 GB")
        #expect(NumberText.bytes(304_740_704) == "305 MB" && NumberText.percent(0.0456) == "4.6%")
        #expect(NumberText.signed(0.0123, 3) == "+0.012" && NumberText.signed(-0.5, 1) == "-0.5")
        #expect(NumberText.fixed(.infinity, 2) == "inf" && NumberText.fixed(1.05, 1) == "1.1")
        #expect(NumberText.fixed(-0.01, 1) == "0.0")
    }

    @Test func text() {
        #expect("a\u{0}b\n\tc\u{FFFE}".printable == "a b  c\u{FFFD}")
        #expect("<a href=\"x\">'&'</a>".escapedForHTML == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;")
        #expect("abcdefghij".shortened(to: 7) == "abcd…ij" && "abc".shortened(to: 3) == "abc")
        #expect("4096/512, 1 direction".slug == "4096-512-1-direction" && "../é".slug == "")
        // A combining mark hides no quotation mark, whatever Swift's Characters say.
        #expect("\"\u{301} onclick=\u{600}'".escapedForHTML == "&quot;\u{301} onclick=\u{600}&#39;")
        #expect("it's ]]> \n".escapedForGnuplot == "it\u{2019}s ]] >  ")
        // No text ends its quotes, whatever joins an apostrophe to itself.
        for text in ["'", "x\u{D4E}' . system(\"id\") #", "'\u{301}'", "a'\u{200D}`id`", "\u{600}'", "@'x"] {
            #expect(!text.escapedForGnuplot.utf8.contains(UInt8(ascii: "'")), "\(text)")
        }
    }

    @Test func systemsKeepTheirColours() {
        let names = (0..<9).map { "system \($0)" }
        let styles = SystemStyles(["word vectors"] + names + names)
        #expect(Set(names.prefix(7).map { styles[$0].colour }).count == 7)
        #expect(styles["system 7"].colour == styles["system 0"].colour && styles["system 7"].dash != styles["system 0"].dash)
        #expect(!names.contains { styles[$0].colour == styles["word vectors"].colour })
    }

    @Test func pictures() throws {
        let report = BenchmarkReport([try ReportFile(MemorySource(Array(ReportSamples.speeds.utf8)))])
        let plots = report.plots
        #expect(
            plots.map(\.name) == [
                "1-time-0-reference", "1-memory-0-reference", "1-time-1-small", "1-memory-1-small", "1-encoders-10000", "1-costs",
            ])
        // 222 to 4687 seconds span more than a decade in no picture of one encoder; of both, speeds do not either.
        #expect(plots.allSatisfy { $0.script.contains("unset logscale y") != ($0.name == "1-costs") })
        #expect(plots[0].script.contains("set logscale x") && plots[0].script.contains("'50,000' 50000.0"))
        let costs = try #require(plots.last)
        #expect(costs.columns == ["group", "system", "recurrence", "output"])
        #expect(costs.rows.count == 4 && costs.rows[0].suffix(2) == ["0.75", "0.25"])
        let memory = ReportSamples.machine + "{\"event\":\"system\",\"name\":\"a\",\"vocabulary\":5,\"peakMemory\":1000000}\n"
        let few = BenchmarkReport([try ReportFile(MemorySource(Array(memory.utf8)))])
        #expect(few.plots.map(\.name) == ["1-memory-0"])
    }
}
