import Files
import Layers
import Model
import Testing
import Training

/// The parts of a run that ranks have.
struct RankPlanTests {
    private let both = EncoderConfiguration(vectorSize: 4, cell: 3, projection: 2)

    private func plans(_ ranks: Int, lanes: Int?, batch: Int = 24, _ configuration: EncoderConfiguration) throws -> [RankPlan] {
        try (0..<ranks).map { try RankPlan(rank: $0, ranks: ranks, lanes: lanes, batch: batch, configuration) }
    }

    /// Every lane of every direction is some rank's, and no other's.
    @Test(arguments: [(1, nil), (1, 6), (2, nil), (2, 1), (2, 3), (3, nil), (3, 12), (4, nil), (4, 8), (8, 4), (6, 12), (24, 12)])
    func everyLaneIsOneRanks(ranks: Int, lanes: Int?) throws {
        for isShared in [false, true] {
            var configuration = both
            configuration.sharesLayers = isShared
            guard let plans = try? plans(ranks, lanes: lanes, configuration) else {
                #expect(isShared, "\(ranks) ranks, \(lanes ?? 0) lanes")
                continue
            }
            #expect(plans.allSatisfy { $0.lanes == plans[0].lanes })
            for direction in 0..<2 {
                for lane in 0..<plans[0].lanes {
                    let owners = plans.filter { $0.directions.contains(direction) && $0.ownLanes.contains(lane) }
                    #expect(owners.count == 1 && owners[0].rank == owners[0].rank(ofLane: lane, direction: direction))
                    #expect(owners[0].group.contains(owners[0].rank))
                }
                #expect(plans.filter { $0.leads(direction) }.count == (plans[0].groups[direction].isEmpty ? 0 : 1))
            }
        }
    }

    @Test func whatCannotBeShared() {
        for (ranks, lanes, batch, complaint) in [
            (4, 1, 8, "a rank needs a lane at least"), (6, 4, 8, "which must divide it"), (4, 12, 24, "a power of two"), (1, 5, 8, "multiple of the lanes"),
        ] {
            let error = #expect(throws: ToolError.self) { try RankPlan(ranks: ranks, lanes: lanes, batch: batch, both) }
            #expect(error?.status == .usage && error?.description.contains(complaint) == true, "\(error?.description ?? "")")
        }
    }

    /// Parts of buckets cover each float once, and begin with a chunk, however many machines there are.
    @Test(arguments: [1, 2, 3, 8, 100])
    func partsCoverABucket(count: Int) {
        let bucket = ParameterBucket(indices: 0..<1, floats: 160..<160 + 50_000)
        var end = bucket.floats.lowerBound
        for index in 0..<count {
            let part = bucket.part(index, of: count)
            #expect(part.lowerBound == end && (end - 160) % 4096 == 0 || part.isEmpty)
            end = part.upperBound
        }
        #expect(end == bucket.floats.upperBound)
    }

    /// The streams of all lanes are those of the window.
    @Test func lanesOfAWindow() {
        var window = TrainingWindow(batch: 6, window: 3), lane = TrainingWindow(batch: 2, window: 3)
        for place in 0..<18 { window.forwardInputs[place] = UInt32(place) }
        lane.take(streamsFrom: 4, of: window)
        #expect(lane.forwardInputs == [4, 5, 10, 11, 16, 17])
    }

    @Test func scoresTravelAsNumbers() {
        let numbers = (0..<26).map { Double($0) / 8 + 1 }
        let result = HeldOutResult(.backward, numbers: numbers)
        #expect(result.direction == .backward && result.objective == numbers[1] && result.scores.perplexity == numbers[6])
        #expect(result.cosine?.constantLoss == numbers[11] && result.exact?.perplexity == numbers[18] && result.scores.scale == numbers[17])
        let again = HeldOutResult(.backward, numbers: result.numbers)
        #expect(again.numbers == result.numbers && again.numbers.count == numbers.count)
        // Counts are whole numbers.
        #expect(zip(numbers, result.numbers).allSatisfy { $0 == $1 || $0.rounded(.down) == $1 })
        var few = numbers
        for place in 10..<26 { few[place] = .nan }
        let less = HeldOutResult(.forward, numbers: few)
        #expect(less.cosine == nil && less.exact == nil && less.vocabulary == nil && less.scores.scale == nil)
        #expect(less.numbers.count(where: \.isNaN) == 16)
    }
}
