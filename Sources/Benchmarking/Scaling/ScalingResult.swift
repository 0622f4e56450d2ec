internal import Files
internal import FoundationEssentials
internal import Kernels
internal import Layers
import Model
internal import Parallel

/// The measurements of a system that some number of ranks train, each on a batch of the same size (weak scaling).
public struct ScalingResult: BenchmarkRecord {
    public static let event = "scaling"

    /// The name in results, and the options of `train` behind a preset.
    public let system, options: String
    public let ranks: Int
    /// True of ranks that trained at the same time and knew nothing of each other: what the machine itself takes from them.
    public let isApart: Bool
    /// Threads of a rank.
    public let threads: Int
    /// Words of a step and rank, over both directions where a rank trains one of them on twice the batch.
    public let words: Int
    /// Seconds of a step, over all steps and rounds that count.
    public let seconds: Spread
    /// The words of all ranks, a second.
    public let wordsPerSecond: Spread
    /// The share of a step in which the first rank waited for others.
    public let waited: Spread?
    /// Bytes that the first rank sent in a step.
    public let bytes: Int
    /// The share of a processor that the first rank's communicator took.
    public let threadShare: Double?
    public let gradient: GradientSize
    /// The network's rate in each direction, in Gbit/s, as the user says.
    public let gigabits: Double?

    public init(
        system: String, options: String, ranks: Int, isApart: Bool = false, threads: Int = 1, words: Int, seconds: Spread, waited: Spread?,
        bytes: Int, threadShare: Double?, gradient: GradientSize, gigabits: Double?
    ) {
        (self.system, self.options, self.ranks, self.isApart, self.threads) = (system, options, ranks, isApart, threads)
        (self.words, self.seconds, self.waited, self.bytes) = (words, seconds, waited, bytes)
        (self.threadShare, self.gradient, self.gigabits) = (threadShare, gradient, gigabits)
        let all = Double(words * ranks)
        wordsPerSecond = Spread([all / seconds.median, all / seconds.lowest, all / seconds.highest])
    }

    /// Returns the results in a file of JSON Lines; other lines are passed over. Throws `ToolError` if it cannot be read, or has none.
    public static func read(_ path: String) throws -> [ScalingResult] {
        struct Line: Decodable { let event: String }
        var results: [ScalingResult] = []
        let lines = LineReader(try openInput(path))
        while try lines.next({ bytes in
            let data = Data(bytes)
            guard (try? JSONDecoder().decode(Line.self, from: data))?.event == event else { return }
            guard let result = try? JSONDecoder().decode(ScalingResult.self, from: data), result.isSound else {
                throw ToolError.data(path, "line \(results.count + 1) of scaling", "is not as bench scaling writes it")
            }
            results.append(result)
        }) {}
        guard !results.isEmpty else { throw ToolError.data(path, "", "has no results of bench scaling") }
        return results
    }

    /// False if numbers are none that a measurement gives.
    private var isSound: Bool {
        let times = [seconds, wordsPerSecond].flatMap { [$0.median, $0.lowest, $0.highest] } + [gigabits ?? 1]
        let shares = [waited?.median ?? 0, threadShare ?? 0]
        return (1...1_000_000).contains(ranks) && (1...1 << 40).contains(words) && (0...1 << 50).contains(bytes)
            && (0...1 << 40).contains(gradient.dense) && (0...1 << 20).contains(gradient.buckets)
            && (0...1 << 40).contains(gradient.largestBucket) && times.allSatisfy { $0 > 0 && $0 < 1e15 }
            && shares.allSatisfy { $0 >= 0 && $0 < 1e6 }
    }

    /// Returns the words a second of all ranks as a multiple of those of one.
    public func ratio(to one: ScalingResult) -> Double { wordsPerSecond.median / one.wordsPerSecond.median }
}

/// The size of a network's gradient, as ranks send it.
public struct GradientSize: Codable, Sendable, Equatable {
    /// Bytes of the parameters that are not sparse, those of both directions.
    public var dense: Int
    /// The parts in which these are sent, each when it is complete, and the bytes of the largest.
    public var buckets, largestBucket: Int
    /// True if there are sparse parameters, whose rows go from every rank to every other.
    public var hasRows: Bool
    /// True if an even number of ranks shares the directions out, which then exchange nothing.
    public var isSplit: Bool

    public init(dense: Int, buckets: Int, largestBucket: Int, hasRows: Bool, isSplit: Bool) {
        (self.dense, self.buckets, self.largestBucket) = (dense, buckets, largestBucket)
        (self.hasRows, self.isSplit) = (hasRows, isSplit)
    }

    /// Finds the size of a network by making it, untrained, for a moment.
    init(_ configuration: EncoderConfiguration) {
        let encoder = ContextualEncoder(
            configuration, capacity: WindowCapacity(WindowShape(steps: 1, batch: 1)), training: nil, pool: ThreadPool(threads: 1))
        let layouts = encoder.stores.map(\.layout), buckets = layouts.flatMap(\.buckets).map { 4 * $0.floats.count }.filter { $0 > 0 }
        self.init(
            dense: buckets.reduce(0, +), buckets: buckets.count, largestBucket: buckets.max() ?? 0,
            hasRows: layouts.contains { $0.parameters.contains(where: \.isSparse) },
            isSplit: configuration.directions.count == 2 && !configuration.sharesLayers)
    }
}
