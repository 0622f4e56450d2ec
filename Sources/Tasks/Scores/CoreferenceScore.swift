/// The score of finding clusters of mentions, by the measures of the reference scorer of CoNLL-2011 and 2012 (Pradhan et al. 2014,
/// version 8): MUC, B-cubed and CEAF-e. Mentions that only one side has stay as they are, and clusters of one mention count.
/// Numerators and denominators are added over documents.
public struct CoreferenceScore: Sendable, Equatable {
    /// Precision and recall as fractions.
    public struct Measure: Sendable, Equatable {
        /// The fraction of recall.
        public var recallNumerator = 0.0, recallDenominator = 0.0
        /// The fraction of precision.
        public var precisionNumerator = 0.0, precisionDenominator = 0.0

        /// Makes a measure without counts.
        public init() {}

        /// The recall from 0 to 1; 0 if there is nothing to find.
        public var recall: Double { recallDenominator > 0 ? recallNumerator / recallDenominator : 0 }
        /// The precision from 0 to 1; 0 if nothing was found.
        public var precision: Double { precisionDenominator > 0 ? precisionNumerator / precisionDenominator : 0 }
        /// The harmonic mean of precision and recall.
        public var f1: Double { recall + precision > 0 ? 2 * recall * precision / (recall + precision) : 0 }
    }

    /// The measure of mentions by their boundaries alone.
    public private(set) var mentions = Measure()
    /// The measure of links between mentions, MUC (Vilain et al. 1995).
    public private(set) var muc = Measure()
    /// The measure of how many mentions the two clusters of a mention share (Bagga and Baldwin 1998).
    public private(set) var bCubed = Measure()
    /// The measure of clusters under the best one-to-one alignment (CEAF with φ4, Luo 2005).
    public private(set) var ceafE = Measure()

    /// The mean F1 of the three measures, which is the score of CoNLL-2012.
    public var mean: Double { (muc.f1 + bCubed.f1 + ceafE.f1) / 3 }

    /// Makes a score without documents.
    public init() {}

    /// Adds a document's clusters of mentions. A mention that occurs twice on one side counts in its first cluster.
    public mutating func add(predicted: [[Range<Int>]], expected: [[Range<Int>]]) {
        let found = Self.withoutRepeated(predicted), key = Self.withoutRepeated(expected)
        let overlaps = Overlaps(found, key)
        let shared = Double(overlaps.sharedMentions)
        mentions.add(shared, Double(overlaps.keySizes.reduce(0, +)), shared, Double(overlaps.foundSizes.reduce(0, +)))
        let links = Double(overlaps.sharedLinks)
        muc.add(links, Double(overlaps.keySizes.reduce(0) { $0 + $1 - 1 }), links, Double(overlaps.foundSizes.reduce(0) { $0 + $1 - 1 }))
        bCubed.add(
            overlaps.sharedShares(of: overlaps.keySizes, by: \.key), mentions: overlaps.keySizes,
            overlaps.sharedShares(of: overlaps.foundSizes, by: \.found), mentions: overlaps.foundSizes)
        let similarity = overlaps.bestSimilarity()
        ceafE.add(similarity, Double(overlaps.keySizes.count), similarity, Double(overlaps.foundSizes.count))
    }

    private static func withoutRepeated(_ clusters: [[Range<Int>]]) -> [[Range<Int>]] {
        var met: Set<Range<Int>> = []
        return clusters.map { $0.filter { met.insert($0).inserted } }.filter { !$0.isEmpty }
    }
}

extension CoreferenceScore.Measure {
    fileprivate mutating func add(_ recall: Double, _ recallDenominator: Double, _ precision: Double, _ precisionDenominator: Double) {
        recallNumerator += recall
        self.recallDenominator += recallDenominator
        precisionNumerator += precision
        self.precisionDenominator += precisionDenominator
    }

    fileprivate mutating func add(_ recall: Double, mentions key: [Int], _ precision: Double, mentions found: [Int]) {
        add(recall, Double(key.reduce(0, +)), precision, Double(found.reduce(0, +)))
    }
}

/// The numbers of mentions that pairs of clusters share.
private struct Overlaps {
    /// Two clusters that share mentions, and the number of these mentions.
    struct Pair {
        let found, key: Int
        let count: Int
    }

    let foundSizes, keySizes: [Int]
    /// The pairs in the order of the predicted clusters.
    let pairs: [Pair]

    var sharedMentions: Int { pairs.reduce(0) { $0 + $1.count } }

    init(_ found: [[Range<Int>]], _ key: [[Range<Int>]]) {
        var groups: [Range<Int>: Int] = [:]
        for (index, group) in key.enumerated() {
            for mention in group { groups[mention] = index }
        }
        var pairs: [Pair] = []
        for (index, group) in found.enumerated() {
            var counts: [Int: Int] = [:]
            for mention in group {
                if let other = groups[mention] { counts[other, default: 0] += 1 }
            }
            pairs += counts.map { Pair(found: index, key: $0.key, count: $0.value) }.sorted { $0.key < $1.key }
        }
        self.pairs = pairs
        foundSizes = found.map(\.count)
        keySizes = key.map(\.count)
    }

    /// The numerator of MUC. Each cluster counts its size less the number of parts into which the other side cuts it, where every
    /// mention that the other side lacks is a part. The mentions that two clusters share are one part of both, and keep one link less
    /// than there are mentions.
    var sharedLinks: Int { pairs.reduce(0) { $0 + $1.count - 1 } }

    /// Returns the numerator of B-cubed: the sum over all mentions of the fraction of a mention's cluster that its other cluster
    /// contains.
    func sharedShares(of sizes: [Int], by side: (Pair) -> Int) -> Double {
        pairs.reduce(0) { $0 + Double($1.count * $1.count) / Double(sizes[side($1)]) }
    }

    /// Returns the numerator of CEAF-e: the sum of φ4 over the best pairs of clusters. Clusters that share no mention, directly or
    /// through others, do not compete, so that each connected set is solved by itself.
    func bestSimilarity() -> Double {
        // The connected sets: trees of predicted clusters, followed by the clusters of the key.
        var parents = Array(0..<foundSizes.count + keySizes.count)
        func root(_ node: Int) -> Int {
            var node = node
            while parents[node] != node {
                parents[node] = parents[parents[node]]
                node = parents[node]
            }
            return node
        }
        for pair in pairs { parents[root(foundSizes.count + pair.key)] = root(pair.found) }
        var sets: [[Pair]] = [], indices: [Int: Int] = [:]
        for pair in pairs {
            let node = root(pair.found)
            if indices[node] == nil {
                indices[node] = sets.count
                sets.append([])
            }
            sets[indices[node]!].append(pair)
        }
        return sets.reduce(0) { $0 + bestSimilarity(of: $1) }
    }

    private func bestSimilarity(of pairs: [Pair]) -> Double {
        func similarity(_ pair: Pair) -> Double { 2 * Double(pair.count) / Double(foundSizes[pair.found] + keySizes[pair.key]) }
        guard pairs.count > 1 else { return pairs.first.map(similarity) ?? 0 }
        var rows: [Int: Int] = [:], columns: [Int: Int] = [:]
        for pair in pairs {
            if rows[pair.found] == nil { rows[pair.found] = rows.count }
            if columns[pair.key] == nil { columns[pair.key] = columns.count }
        }
        var weights = [[Double]](repeating: Array(repeating: 0, count: columns.count), count: rows.count)
        for pair in pairs { weights[rows[pair.found]!][columns[pair.key]!] = similarity(pair) }
        return Assignment(weights: weights).weight
    }
}
