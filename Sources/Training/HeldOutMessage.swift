package import Model

// Scores as doubles, for sending to other ranks.
extension HeldOutResult {
    /// Its numbers, one after another; NaN for missing ones.
    package var numbers: [Double] {
        let optional = [
            cosine?.loss, cosine?.constantLoss, vocabulary.map { Double($0.size) }, vocabulary?.unknownShare, scores.cosineTop1,
            scores.cosineTop10, scores.candidatePerplexity, scores.scale, exact?.perplexity, exact.map { Double($0.words) },
            exact.map { Double($0.positions) }, exact?.unknownShare, exact?.open.map { Double($0.positions) }, exact?.open?.top1,
            exact?.open?.top10, exact?.open.map { Double($0.medianRank) },
        ]
        return [
            Double(positions), objective, Double(scores.positions), scores.coverage, scores.top1, scores.top10, scores.perplexity,
            scores.unigramTop1, scores.unigramTop10, scores.unigramPerplexity,
        ] + optional.map { $0 ?? .nan }
    }

    package init(_ direction: Direction, numbers: [Double]) {
        func optional(_ place: Int) -> Double? { numbers[10 + place].isNaN ? nil : numbers[10 + place] }
        var scores = RankingScores()
        (scores.positions, scores.coverage, scores.top1, scores.top10) = (Int(numbers[2]), numbers[3], numbers[4], numbers[5])
        (scores.perplexity, scores.unigramTop1, scores.unigramTop10) = (numbers[6], numbers[7], numbers[8])
        scores.unigramPerplexity = numbers[9]
        (scores.cosineTop1, scores.cosineTop10) = (optional(4), optional(5))
        (scores.candidatePerplexity, scores.scale) = (optional(6), optional(7))
        self.init(
            direction: direction, positions: Int(numbers[0]), objective: numbers[1],
            cosine: optional(0).flatMap { loss in optional(1).map { (loss, $0) } },
            vocabulary: optional(2).flatMap { size in optional(3).map { (Int(size), $0) } }, scores: scores)
        guard let words = optional(9), let positions = optional(10) else { return }
        var exact = ExactScores(words: Int(words), positions: Int(positions))
        (exact.perplexity, exact.unknownShare) = (optional(8), optional(11) ?? 0)
        if let count = optional(12), let top1 = optional(13), let top10 = optional(14), let rank = optional(15) {
            exact.open = (Int(count), top1, top10, Int(rank))
        }
        self.exact = exact
    }
}

extension Ranks {
    /// Returns the scores of all directions in all ranks. Throws `ToolError` if a rank is lost.
    /// - Parameter own: scores of the directions that this rank leads.
    func share(_ own: [HeldOutResult], _ plan: RankPlan, _ directions: [Direction]) throws -> [HeldOutResult] {
        var own = own[...]
        return try directions.enumerated().map { direction, name in
            let leader = plan.groups[direction].lowerBound
            var bytes: [UInt8]?
            if leader == rank {
                bytes = own.removeFirst().numbers.withUnsafeBytes { Array($0) }
                if leader != 0, let bytes { try send(bytes, to: 0) }
            } else if isFirst {
                bytes = try receive(from: leader)
            }
            let all = try spread(bytes)
            let numbers = [Double](unsafeUninitializedCapacity: all.count / 8) { numbers, count in
                count = all.count / 8
                UnsafeMutableRawBufferPointer(numbers).copyBytes(from: all)
            }
            return HeldOutResult(name, numbers: numbers)
        }
    }
}
