import Differentiation
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct AntecedentPairsTests {
    @Test func bucketsOfDistances() {
        let distances = [1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 63, 64, 1000]
        #expect(distances.map(AntecedentPairs.bucket) == [1, 2, 3, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9])
    }

    private struct Network {
        let vectors: Parameter
        let map: PairMap
        let mentions: Int

        init(mentions: Int, inputs: Int = 3, outputs: Int = 4, in plan: inout Plan) {
            self.mentions = mentions
            vectors = plan.parameter("vectors", [mentions, inputs])
            map = PairMap("pairs", inputs: inputs, features: 2, outputs: outputs, in: &plan)
        }

        func forward(limit: Int, on tape: Tape) -> Node {
            map.forward(tape.value(vectors), AntecedentPairs(mentions: mentions, limit: limit, on: tape), on: tape)
        }
    }

    @Test func gradientsOfMaps() {
        TapeCheck { Network(mentions: 8, in: &$0) }.verify { network, tape in
            tape.addWeightedSum(tape.activate(network.forward(limit: 5, on: tape), .tanh))
        }
    }

    /// Of more columns than a thread takes at a time.
    @Test func gradientsOfWideMaps() {
        TapeCheck { Network(mentions: 8, inputs: 40, outputs: 70, in: &$0) }.verify { network, tape in
            tape.addWeightedSum(network.forward(limit: 5, on: tape))
        }
    }

    /// Of so many pairs that their products are made in parts: the map of [g_i; g_j; g_i * g_j; distance].
    @Test func mapsAreThoseOfThePairsVectors() {
        let check = TapeCheck { Network(mentions: 70, in: &$0) }, map = check.network.map
        check.tape.begin(.inference)
        let mapped = check.network.forward(limit: 40, on: check.tape).value
        func row(_ parameter: Parameter, _ index: Int) -> UnsafeMutablePointer<Float> { check.parameters.value(parameter).row(index) }
        var pair = 0, largest: Float = 0
        for mention in 0..<70 {
            for distance in 1..<min(mention, 40) + 1 {
                let own = row(check.network.vectors, mention), other = row(check.network.vectors, mention - distance)
                let feature = row(map.distances, AntecedentPairs.bucket(ofDistance: distance))
                for column in 0..<4 {
                    var sum = row(map.bias, 0)[column]
                    for index in 0..<3 {
                        sum += own[index] * row(map.anchorWeight, index)[column] + other[index] * row(map.antecedentWeight, index)[column]
                        sum += own[index] * other[index] * row(map.productWeight, index)[column]
                    }
                    for index in 0..<2 { sum += feature[index] * row(map.distanceWeight, index)[column] }
                    largest = max(largest, abs(sum - mapped.row(pair)[column]))
                }
                pair += 1
            }
        }
        #expect(pair == mapped.rows && largest < 1e-5)
    }

    @Test func threadsChangeNothing() {
        func pass(threads: Int) -> (loss: Double, gradients: [[Float]]) {
            let check = TapeCheck(threads: threads) { Network(mentions: 70, inputs: 40, outputs: 70, in: &$0) }, map = check.network.map
            let loss = check.loss { network, tape in tape.addWeightedSum(network.forward(limit: 40, on: tape)) }
            let all = [check.network.vectors, map.distances, map.anchorWeight, map.antecedentWeight, map.productWeight, map.bias]
            return (loss, all.map { Array(check.gradient($0).floats) })
        }
        let one = pass(threads: 1)
        for threads in 2...3 { #expect(pass(threads: threads) == one) }
    }

    private typealias Scores = (mentions: Parameter, pairs: Parameter)

    private static func scores(_ plan: inout Plan) -> Scores { (plan.parameter("mentions", [7, 1]), plan.parameter("pairs", [18, 1])) }

    private static let clusters: [Int32] = [0, 1, -1, 0, 0, -1, 1]

    private static func addLoss(_ network: Scores, _ tape: Tape) {
        let pairs = AntecedentPairs(mentions: 7, limit: 4, on: tape)
        let scores = tape.add(mentions: tape.value(network.mentions), to: tape.value(network.pairs), pairs)
        tape.addAntecedentLoss(scores, pairs, clusters: clusters)
    }

    @Test func gradientsOfTheLoss() { TapeCheck(Self.scores).verify(Self.addLoss) }

    @Test func theLossIsThatOfAllGoldAntecedents() {
        let check = TapeCheck(Self.scores)
        let mentions = check.parameters.value(check.network.mentions).floats, own = check.parameters.value(check.network.pairs).floats
        var pair = 0, expected = 0.0
        for mention in 0..<7 {
            var all = 1.0, gold = 0.0
            for antecedent in (max(0, mention - 4)..<mention).reversed() {
                let weight = exp(Double(own[pair]) + Double(mentions[mention]) + Double(mentions[antecedent]))
                all += weight
                if Self.clusters[mention] >= 0 && Self.clusters[mention] == Self.clusters[antecedent] { gold += weight }
                pair += 1
            }
            expected -= log((gold == 0 ? 1 : gold) / all)
        }
        #expect(pair == 18)
        #expect(abs(check.loss(Self.addLoss) - expected) < 1e-5)
    }

    /// Scores far from zero neither overflow nor vanish.
    @Test func theLossOfGreatScores() {
        let check = TapeCheck { $0.parameter("scores", [1, 1]) }
        for (score, cluster, expected) in [(-300, 0, 300), (300, 0, 0), (300, -1, 300)] as [(Float, Int32, Double)] {
            check.parameters.fill(check.network, with: score)
            let loss = check.loss { scores, tape in
                tape.addAntecedentLoss(
                    tape.value(scores), AntecedentPairs(mentions: 2, limit: 5, on: tape), clusters: [cluster, cluster])
            }
            #expect(abs(loss - expected) < 1e-4)
        }
    }

    @Test func bestAntecedents() {
        let check = TapeCheck { $0.parameter("scores", [6, 1]) }
        check.tape.begin(.inference)
        let pairs = AntecedentPairs(mentions: 4, limit: 3, on: check.tape), scores = check.tape.memory(rows: 6, columns: 1)
        scores.copy(from: [-1, 2, 2, 0, 0.5, 0.75])
        #expect(pairs.best(scores) == [nil, nil, 1, 0])
    }
}
