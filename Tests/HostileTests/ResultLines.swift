/// Results of benchmarks and of training, a line of each kind: what `bench report` reads.
enum ResultLines {
    static let lines = [
        """
        {"event":"machine","processor":"A processor","kernels":"avx512","threads":2,"memory":25769803776,"date":"2026-11-25",\
        "version":"0.1.0","command":"bench output-layers","text":"synthetic","textWords":1000000,"distinctWords":5000,\
        "device":{"name":"A GPU","precision":"bfloat16","driver":"13.0","memory":85899345920}}
        """,
        system("ELMo-C", seconds: 1111), system("ELMo", seconds: 4677),
        """
        {"event":"ratio","run":"output-layers","of":"ELMo","to":"ELMo-C","encoder":"reference","vocabulary":10000,\
        "quantity":"time","ratio":{"median":4.21,"lowest":4.02,"highest":4.4},"low":4.15,"high":4.28,"confidence":0.95,"rounds":9}
        """,
        """
        {"event":"left-out","run":"output-layers","name":"ELMo-A","encoder":"reference","vocabulary":800000,"reason":"too large"}
        """,
        """
        {"event":"evaluation","positions":28500,"candidates":10000,"threads":2,"rounds":5,"operations":1e12,\
        "seconds":{"median":0.625,"lowest":0.6,"highest":0.65},"products":{"median":0.5,"lowest":0.5,"highest":0.5},\
        "ceiling":{"median":2000,"lowest":2000,"highest":2000},"ratio":{"median":1.25,"lowest":1.2,"highest":1.3}}
        """,
        quality("ELMo-C", 1, 0.21), quality("ELMo-C", 2, 0.22), quality("ELMo", 1, 0.2), quality("ELMo", 2, 0.21),
        curve(1000, 20, 0.2), curve(2000, 40, 0.4), curve(3000, 60, 0.5),
        probe("word vectors", 1, 0.7), probe("word vectors", 2, 0.6), probe("ELMo-C", 1, 0.81), probe("ELMo-C", 2, 0.73),
        task("word vectors", 1, 3), task("word vectors", 2, 2), task("ELMo-C", 1, 4), task("ELMo-C", 2, 4), pass(1, 0.3), pass(2, 0.5),
    ]

    static let all = lines.map { $0 + "\n" }.joined()

    private static func system(_ name: String, seconds: Int) -> String {
        """
        {"event":"system","run":"output-layers","name":"\(name)","encoder":"reference","cell":4096,"projection":512,\
        "vocabulary":10000,"wordsPerSecond":{"median":900.1,"lowest":880.2,"highest":910.3},"batch":128,"rounds":9,\
        "millionWordsSeconds":{"median":\(seconds),"lowest":\(seconds - 10),"highest":\(seconds + 10)},\
        "parameters":76185176,"optimizerBytes":609481408,"peakMemory":2700000000,"costs":{"recurrence":0.75,"output":0.25},\
        "largestBatch":812,"memoryGiven":25769803776,"joulesPerMillionWords":12345.6}
        """
    }

    private static func quality(_ system: String, _ seed: Int, _ top1: Double) -> String {
        """
        {"event":"quality","system":"\(system)","budget":"words","seed":\(seed),"words":5000000,"positions":28500,\
        "seconds":215.3,"top1":\(top1),"top10":0.46,"perplexity":223.1,"candidatePerplexity":198.4,"candidates":10000,\
        "coverage":0.95,"loss":0.61,"constantLoss":0.72,"unigramTop1":0.15,"unigramTop10":0.39,"unigramPerplexity":500.5}
        """
    }

    private static func curve(_ words: Int, _ seconds: Double, _ top10: Double) -> String {
        """
        {"event":"curve","system":"ELMo-C","seed":1,"words":\(words),"seconds":\(seconds),"top1":0.1,"top10":\(top10),\
        "candidatePerplexity":\(100 / top10),"loss":0.61,"constantLoss":0.72,"unigramTop1":0.15,"unigramTop10":0.39,\
        "unigramPerplexity":500.5,"positions":28500}
        """
    }

    private static func task(_ system: String, _ seed: Int, _ correct: Int) -> String {
        """
        {"event":"task","system":"\(system)","task":"ner","measure":"F1","statistic":"f1","value":\(Double(correct) / 5),"dev":0.8,\
        "text":"test.txt","part":"test",\
        "details":{"precision":0.8,"recall":0.8},"taskSeed":\(seed),"epoch":3,"epochs":5,"secondsOfEpoch":1.5,"wordsPerSecond":1000,\
        "bytes":100000,"units":[[\(correct - 1),3,3],[1,2,2]]}
        """
    }

    private static func pass(_ pass: Int, _ score: Double) -> String {
        """
        {"event":"taskEpoch","system":"ELMo-C","task":"ner","taskSeed":1,"epoch":\(pass),"dev":\(score),"loss":1.5,"secondsOfEpoch":1.5}
        """
    }

    private static func probe(_ system: String, _ probeSeed: Int, _ value: Double) -> String {
        """
        {"event":"probe","system":"\(system)","seed":1,"probeSeed":\(probeSeed),"task":"column 4","measure":"F1","budget":"words",\
        "value":\(value),"precision":0.801,"recall":0.822,"testTokens":46435}
        """
    }
}
