import Differentiation
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct SentenceOperationTests {
    private static let lengths = [3, 1, 5, 2]
    /// Sentences that look at themselves, at each other, and both.
    private static let others = [[0, 1, 2, 3], [2, 3, 0, 1], [3, 1, 2, 0]]

    private static func words(threads: Int = 1) -> TapeCheck<Parameter> {
        TapeCheck(threads: threads) { $0.parameter("words", [11, 4]) }
    }

    @Test(arguments: others)
    func attention(others: [Int]) {
        Self.words().verify { words, tape in
            tape.addWeightedSum(tape.attend(tape.value(words), Sequences(Self.lengths, on: tape), to: others))
        }
    }

    @Test(arguments: others)
    func attentionIsThatOfTheFormula(others: [Int]) {
        let check = Self.words(), tape = check.tape
        tape.begin(.inference)
        let sentences = Sequences(Self.lengths, on: tape), words = tape.value(check.network)
        let attended = tape.attend(words, sentences, to: others)
        for sentence in others.indices {
            for row in sentences.rows(of: sentence) {
                let weights = sentences.rows(of: others[sentence]).map { other in
                    exp((0..<4).reduce(0.0) { $0 + Double(words.value.row(row)[$1] * words.value.row(other)[$1]) })
                }
                for column in 0..<4 {
                    let sum = zip(sentences.rows(of: others[sentence]), weights).reduce(0.0) {
                        $0 + $1.1 * Double(words.value.row($1.0)[column])
                    }
                    #expect(abs(Double(attended.value.row(row)[column]) - sum / weights.reduce(0, +)) < 1e-6)
                }
            }
        }
    }

    @Test func pooling() {
        Self.words().verify(length: 1e-3) { words, tape in
            let sentences = Sequences(Self.lengths, on: tape), words = tape.value(words)
            let pooled = tape.concatenate([tape.maxima(words, sentences), tape.minima(words, sentences), tape.means(words, sentences)])
            tape.addWeightedSum(tape.multiply(pooled, pooled))
        }
    }

    @Test func pooledNumbers() {
        let check = TapeCheck { $0.parameter("words", [4, 2]) }, tape = check.tape
        check.parameters.value(check.network).copy(from: [1, -2, 3, 0, 8, 5, -4, 5])
        tape.begin(.inference)
        let sentences = Sequences([3, 1], on: tape), words = tape.value(check.network)
        #expect(Array(tape.maxima(words, sentences).value.floats) == [8, 5, -4, 5])
        #expect(Array(tape.minima(words, sentences).value.floats) == [1, -2, -4, 5])
        #expect(Array(tape.means(words, sentences).value.floats) == [4, 1, -4, 5])
        let scores = tape.memory(rows: 4, columns: 1)
        scores.copy(from: [0, Float(log(2.0)), 0, 7])
        let means = Array(tape.means(words, weightedBy: tape.constant(scores), sentences).value.floats)
        #expect(zip(means, [3.75, 0.75, -4, 5] as [Float]).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test func weightedMeans() {
        TapeCheck { plan in (plan.parameter("words", [11, 4]), plan.parameter("scores", [11, 1])) }.verify { network, tape in
            let sentences = Sequences(Self.lengths, on: tape)
            tape.addWeightedSum(tape.means(tape.value(network.0), weightedBy: tape.value(network.1), sentences))
        }
    }

    @Test(arguments: [false, true])
    func comparisons(keepsOther: Bool) {
        TapeCheck { plan in (plan.parameter("one", [19, 3]), plan.parameter("other", [19, 3])) }.verify { network, tape in
            let compared = tape.compare(tape.value(network.0), tape.value(network.1), keepsOther: keepsOther)
            tape.addWeightedSum(tape.multiply(compared, compared))
        }
    }

    @Test func unitsDroppedInSentences() {
        let check = Self.words()
        func pass(_ words: Parameter, _ tape: Tape) {
            let words = tape.value(words)
            tape.addWeightedSum(tape.drop(tape.multiply(words, words), Sequences(Self.lengths, on: tape), rate: 0.4))
        }
        check.verify(pass)
        let tape = check.tape
        tape.begin(.training(seed: 5, step: 1))
        let sentences = Sequences(Self.lengths, on: tape), words = tape.value(check.network)
        let dropped = tape.drop(words, sentences, rate: 0.4)
        var kept = 0
        for sentence in 0..<sentences.count {
            let rows = sentences.rows(of: sentence)
            for column in 0..<4 {
                let factor = dropped.value.row(rows.lowerBound)[column] == 0 ? 0 : 1 / Float(0.6)
                kept += factor > 0 ? 1 : 0
                for row in rows { #expect(abs(dropped.value.row(row)[column] - factor * words.value.row(row)[column]) < 1e-6) }
            }
        }
        #expect(kept > 0 && kept < 16)
    }

    @Test func maxoutLayers() {
        TapeCheck { plan in
            (plan.parameter("input", [5, 4]), Maxout("output", inputs: 4, sizes: [3, 2], pieces: 4, dropout: [0.2, 0], in: &plan))
        }.verify(length: 1e-3) { network, tape in
            tape.addWeightedSum(network.1.forward(tape.value(network.0), on: tape))
        }
    }

    @Test func greatestOfColumns() {
        let check = TapeCheck { $0.parameter("input", [2, 6]) }, tape = check.tape
        check.parameters.value(check.network).copy(from: [1, 3, 2, -5, -7, -6, 4, 4, 4, 0, 1, 1])
        tape.begin(.inference)
        #expect(Array(tape.maxima(tape.value(check.network), ofEach: 3).value.floats) == [3, -5, 4, 1])
    }

    /// All operations of this suite, on any number of threads.
    @Test func threadsChangeNothing() {
        func pass(threads: Int) -> (loss: Double, gradients: [Float]) {
            let check = Self.words(threads: threads)
            check.gradient(check.network).fill(0)
            let loss = check.loss { words, tape in
                let sentences = Sequences(Self.lengths, on: tape)
                let words = tape.drop(tape.value(words), sentences, rate: 0.2)
                let attended = tape.attend(words, sentences, to: Self.others[2])
                let compared = tape.compare(words, attended, keepsOther: true)
                tape.addWeightedSum(tape.maxima(compared, ofEach: 4))
                tape.addWeightedSum(tape.maxima(compared, sentences))
                tape.addWeightedSum(tape.minima(compared, sentences))
                tape.addWeightedSum(tape.means(compared, sentences))
                tape.addWeightedSum(tape.means(compared, weightedBy: tape.columns(0..<1, of: attended), sentences))
            }
            return (loss, Array(check.gradient(check.network).floats))
        }
        let one = pass(threads: 1)
        for threads in 2...3 { #expect(pass(threads: threads) == one) }
    }
}
