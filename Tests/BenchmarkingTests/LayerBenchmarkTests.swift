import Benchmarking
import Testing

/// That every layer is measured, not how fast.
struct LayerBenchmarkTests {
    @Test(arguments: LayerBenchmark.Layer.allCases) func everyLayerRuns(layer: LayerBenchmark.Layer) {
        var benchmark = LayerBenchmark(layer, classes: 50, threads: 2)
        benchmark.rows = 40
        benchmark.width = 16
        benchmark.batch = 8
        benchmark.negatives = 10
        benchmark.words = (0..<60).map { "word\($0)" }
        benchmark.runs = 2
        #expect(benchmark.complaint == nil)
        let result = benchmark.run()
        #expect(result.seconds.count == 2 && result.seconds.allSatisfy { $0 > 0 })
        #expect(!layer.isRecurrent || result.productShare > 0 && result.productShare < 1)
    }

    @Test func complaints() {
        var benchmark = LayerBenchmark(.sampledSoftmax, classes: 50, threads: 1)
        #expect(benchmark.complaint == "8192 negatives of 50 classes")
        benchmark.layer = .characters
        #expect(benchmark.complaint == "50 distinct words of 0 in the file")
        benchmark.layer = .qrnn
        benchmark.rows = 130
        #expect(benchmark.complaint == "130 positions are not so many steps of 128 sequences")
        benchmark.layer = .softmax
        #expect(benchmark.complaint == nil)
        benchmark.classes = 1 << 40
        #expect(benchmark.complaint?.contains("more memory than there is") == true)
        benchmark.classes = 1000
        benchmark.rows = 1 << 20
        benchmark.width = 1 << 16
        for layer in LayerBenchmark.Layer.allCases {
            benchmark.layer = layer
            benchmark.negatives = 10
            benchmark.words = Array(repeating: "", count: 1000)
            #expect(benchmark.complaint?.contains("more memory than there is") == true)
        }
        benchmark.layer = .adaptiveSoftmax
        benchmark.classes = 2
        #expect(benchmark.complaint?.contains("the last of --cutoffs must be below") == true)
        benchmark.classes = 800_000
        #expect(benchmark.cutoffs == [40_000, 200_000])
    }
}
