import Training
import Testing

struct WindowBatcherTests {
    static let begin: UInt32 = 100, end: UInt32 = 101

    /// All windows made of the sentences.
    func windows(_ sentences: [[UInt32]], batch: Int, window: Int) -> [TrainingWindow] {
        var batcher = WindowBatcher(batch: batch, begin: Self.begin, end: Self.end)
        var rest = sentences[...]
        var windows: [TrainingWindow] = []
        var next = TrainingWindow(batch: batch, window: window)
        while batcher.fill(&next, next: { take in
            guard let sentence = rest.popFirst() else { return false }
            take(sentence[...])
            return true
        }) { windows.append(next) }
        return windows
    }

    /// The inputs and targets of one stream over all windows, without padding.
    func stream(
        _ windows: [TrainingWindow], _ index: Int, _ inputs: (TrainingWindow) -> [UInt32],
        _ targets: (TrainingWindow) -> [UInt32]
    ) -> [(UInt32, UInt32)] {
        windows.flatMap { window in
            stride(from: index, to: window.batch * window.window, by: window.batch)
                .filter { window.weights[$0] == 1 }.map { (inputs(window)[$0], targets(window)[$0]) }
        }
    }

    @Test func oneSentenceBothWays() {
        let windows = windows([[1, 2, 3]], batch: 1, window: 7)
        #expect(windows.count == 1 && windows[0].positions == 4)
        #expect(windows[0].forwardInputs.prefix(4) == [100, 1, 2, 3])
        #expect(windows[0].forwardTargets.prefix(4) == [1, 2, 3, 101])
        #expect(windows[0].backwardInputs.prefix(4) == [101, 3, 2, 1])
        #expect(windows[0].backwardTargets.prefix(4) == [3, 2, 1, 100])
        #expect(windows[0].weights == [1, 1, 1, 1, 0, 0, 0])
    }

    @Test(arguments: [1, 2, 7], [1, 3, 20])
    func noWordIsLostOrRepeated(batch: Int, window: Int) {
        let sentences = (0..<33).map { index in (0..<(1 + index % 7)).map { UInt32(index * 8 + $0) % 97 } }
        let all = windows(sentences, batch: batch, window: window)
        #expect(all.reduce(0) { $0 + $1.positions } == sentences.reduce(0) { $0 + $1.count + 1 })
        // In every stream an input is the target before it, or the mark that starts a sentence.
        var targets: [UInt32] = []
        for index in 0..<batch {
            let forward = stream(all, index, \.forwardInputs, \.forwardTargets)
            var before: UInt32 = Self.end
            for (input, target) in forward {
                #expect(input == (before == Self.end ? Self.begin : before))
                before = target
            }
            targets += forward.map(\.1).filter { $0 != Self.end }
            let backward = stream(all, index, \.backwardInputs, \.backwardTargets)
            #expect(backward.map(\.1).filter { $0 != Self.begin }.sorted() == forward.map(\.1).filter { $0 != Self.end }.sorted())
        }
        #expect(targets.sorted() == sentences.flatMap { $0 }.sorted())
    }

    @Test func noSentencesNoWindow() { #expect(windows([], batch: 3, window: 2).isEmpty) }
}
