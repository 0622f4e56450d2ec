import TestSupport

/// Small results of every kind, made by hand.
enum ReportSamples {
    static let machine = """
        {"event":"machine","processor":"AMD EPYC","kernels":"avx512","threads":2,"memory":25769803776,"date":"2026-11-25",\
        "version":"0.1.0","command":"bench output-layers --vocabularies 10000","text":"synthetic","textWords":1000000}

        """

    /// A system at one encoder and vocabulary. `others` are further keys, each with a comma after it.
    static func system(
        _ name: String, run: String = "output-layers", encoder: String = "reference", cell: Int = 4096, vocabulary: Int = 10000,
        seconds: Double = 1111, _ others: String = ""
    ) -> String {
        """
        {\(others)"event":"system","run":"\(run)","name":"\(name)","encoder":"\(encoder)","cell":\(cell),"projection":512,\
        "vocabulary":\(vocabulary),"wordsPerSecond":{"median":900.1,"lowest":880.2,"highest":910.3},"batch":128,"rounds":9,\
        "millionWordsSeconds":{"median":\(seconds),"lowest":\(seconds - 10),"highest":\(seconds + 10)},"futureKey":[1,{"a":2}],\
        "parameters":76185176,"optimizerBytes":609481408,"peakMemory":2700000000,"costs":{"recurrence":0.75,"output":0.25}}

        """
    }

    static let ratio = """
        {"event":"ratio","run":"output-layers","of":"ELMo","to":"ELMo-C","encoder":"reference","vocabulary":10000,\
        "quantity":"time","ratio":{"median":4.21,"lowest":4.02,"highest":4.4},"low":4.15,"high":4.28,"confidence":0.95,"rounds":9}

        """
    static let evaluation = """
        {"event":"evaluation","positions":28500,"candidates":10000,"threads":2,"rounds":5,"operations":1e12,\
        "seconds":{"median":0.625,"lowest":0.6,"highest":0.65},"products":{"median":0.5,"lowest":0.5,"highest":0.5},\
        "ceiling":{"median":2000,"lowest":2000,"highest":2000},"ratio":{"median":1.25,"lowest":1.2,"highest":1.3}}

        """
    static let leftOut = """
        {"event":"left-out","run":"output-layers","name":"ELMo","encoder":"reference","vocabulary":800000,\
        "reason":"takes 6.9 GB, and there are 4.0 GB to give"}

        """

    /// Two systems at two vocabularies and two encoders, and what is not measured.
    static let speeds =
        machine + system("ELMo-C", "\"largestBatch\":812,\"memoryGiven\":25769803776,\"joulesPerMillionWords\":12345.6,")
        + system("ELMo", seconds: 4677) + system("ELMo-C", vocabulary: 50000, seconds: 1122)
        + system("ELMo-C", encoder: "small", cell: 512, seconds: 222) + ratio + leftOut
        + #"{"event":"of another program","x":1}"# + "\n"

    /// `others` are further keys, each with a comma after it.
    static func quality(
        _ system: String, seed: Int, top1: Double, perplexity: Double = 198.4, positions: Int? = 28500, _ others: String = ""
    ) -> String {
        let counted = positions.map { "\"positions\":\($0)," } ?? ""
        return """
            {\(others)\(counted)"event":"quality","system":"\(system)","budget":"words","seed":\(seed),"words":5000000,\
            "seconds":215.3,"top1":\(top1),"top10":0.46,"perplexity":223.1,"candidatePerplexity":\(perplexity),\
            "candidates":10000,"coverage":0.95}

            """
    }

    static func unigram(_ top1: Double, perplexity: Double = 500.5) -> String {
        "\"unigramTop1\":\(top1),\"unigramTop10\":0.39,\"unigramPerplexity\":\(perplexity),"
    }

    static let constant = #""loss":0.61,"constantLoss":0.72,"#

    private static func curve(_ seed: Int, _ words: Int, _ seconds: Double, _ top10: Double) -> String {
        """
        {"event":"curve","system":"ELMo-C","seed":\(seed),"words":\(words),"seconds":\(seconds),"top1":0.1,"top10":\(top10),\
        "candidatePerplexity":\(100 / top10),\(constant)\(unigram(0.15))"positions":28500}

        """
    }

    private static func probe(_ system: String, _ probeSeed: Int, _ value: Double) -> String {
        let budget = system == "word vectors" ? "" : "\"budget\":\"words\","
        return """
            {\(budget)"event":"probe","system":"\(system)","seed":1,"probeSeed":\(probeSeed),"task":"column 4","measure":"F1",\
            "value":\(value),"precision":0.801,"recall":0.822,"testTokens":46435}

            """
    }

    /// A network that learned a task; `right` are the sentences of which it was right, of four.
    static func task(
        _ system: String, seed: Int, right: [Int], task: String = "sst", details: String = "\"two of five\":0.9", _ others: String = ""
    ) -> String {
        let units = (0..<40).map { "[\(right.contains($0 % 4) ? 1 : 0),1]" }.joined(separator: ",")
        return """
            {\(others)"event":"task","system":"\(system)","task":"\(task)","measure":"accuracy","statistic":"accuracy","text":"test.txt",\
            "part":"test","value":\(Double(right.count) / 4),"dev":0.625,"details":{\(details)},"taskSeed":\(seed),"epoch":3,"epochs":5,\
            "secondsOfEpoch":1.5,"wordsPerSecond":1000,"bytes":54191808,"units":[\(units)]}

            """
    }

    static func pass(_ system: String, seed: Int, _ pass: Int, _ score: Double, task: String = "sst") -> String {
        """
        {"event":"taskEpoch","system":"\(system)","task":"\(task)","taskSeed":\(seed),"epoch":\(pass),"dev":\(score),"loss":1.5,\
        "secondsOfEpoch":1.5}

        """
    }

    /// Two systems with two seeds, and their passes.
    static let tasks = machine + task("word-vectors", seed: 1, right: [0]) + task("word-vectors", seed: 2, right: [0, 1])
        + task("ELMo-C", seed: 1, right: [0, 1, 2]) + task("ELMo-C", seed: 2, right: [0, 1, 2])
        + pass("ELMo-C", seed: 1, 1, 0.25) + pass("ELMo-C", seed: 1, 2, 0.5) + pass("ELMo-C", seed: 2, 1, 0.75)

    static let scores =
        machine + (1...3).map { quality("ELMo-C", seed: $0, top1: [0.213, 0.217, 0.225][$0 - 1], constant + unigram(0.15)) }.joined()
        + curve(1, 1000, 20, 0.2) + curve(1, 2000, 40, 0.4) + curve(2, 1000, 24, 0.3) + curve(2, 2000, 44, 0.5)
        + probe("word vectors", 1, 0.7) + probe("word vectors", 2, 0.6) + probe("ELMo-C", 1, 0.81) + probe("ELMo-C", 2, 0.73)
}

extension String {
    /// How often `text` is in it.
    func count(of text: String) -> Int { ranges(of: text).count }
}

extension StringProtocol {
    /// True if the bytes of `text` are in it, whatever Characters they are part of.
    func hasBytes(of text: String) -> Bool { !utf8.ranges(of: text.utf8).isEmpty }
}
