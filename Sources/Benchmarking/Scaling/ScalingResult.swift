internal import Files
internal import FoundationEssentials
internal import Kernels
internal import Layers
import Model
internal import Parallel

/// The measurements of a system with some number of ranks, each with a batch of the same size (weak scaling).
public struct ScalingResult: BenchmarkRecord {
    /// The event of this record.
    public static let event = "scaling"

    /// The name in results, and the options of `train` after a preset.
    public let system, options: String
    /// The number of ranks.
    public let ranks: Int
    /// True for independent processes that trained at the same time; they show the slowdown by the machine itself.
    public let isApart: Bool
    /// The number of threads of a rank.
    public let threads: Int
    /// The number of words per step and rank, summed over both directions where a rank trains one of them on twice the batch.
    public let words: Int
    /// The seconds of a step, over all counted steps and rounds.
    public let seconds: Spread
    /// The speed of all ranks together in words per second.
    public let wordsPerSecond: Spread
    /// The fraction of a step in which the first rank waited for others.
    public let waited: Spread?
    /// The number of bytes that the first rank sent in a step.
    public let bytes: Int
    /// The fraction of a processor that the first rank's communicator used.
    public let threadShare: Double?
    /// The size of the gradient.
    public let gradient: GradientSize
    /// The speed of the network in each direction in Gbit/s, as given by the user.
    public let gigabits: Double?

    /// Makes a result.
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

    /// Returns the results in a file of JSON Lines, ignoring other lines. Throws `ToolError` if it cannot be read, or has none.
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

    /// True if all numbers are possible results of a measurement.
    private var isSound: Bool {
        let times = [seconds, wordsPerSecond].flatMap { [$0.median, $0.lowest, $0.highest] } + [gigabits ?? 1]
        let shares = [waited?.median ?? 0, threadShare ?? 0]
        return (1...1_000_000).contains(ranks) && (1...1 << 40).contains(words) && (0...1 << 50).contains(bytes)
            && (0...1 << 40).contains(gradient.dense) && (0...1 << 20).contains(gradient.buckets)
            && (0...1 << 40).contains(gradient.largestBucket) && times.allSatisfy { $0 > 0 && $0 < 1e15 }
            && shares.allSatisfy { $0 >= 0 && $0 < 1e6 }
    }

    /// Returns the speed of all ranks as a multiple of that of one rank.
    public func ratio(to one: ScalingResult) -> Double { wordsPerSecond.median / one.wordsPerSecond.median }
}

/// The size of a network's gradient, as ranks send it.
public struct GradientSize: Codable, Sendable, Equatable {
    /// The bytes of the parameters of both directions that are not sparse.
    public var dense: Int
    /// The number of parts in which these are sent, each as soon as it is complete, and the bytes of the largest part.
    public var buckets, largestBucket: Int
    /// True if there are sparse parameters, whose rows every rank sends to every other one.
    public var hasRows: Bool
    /// True if an even number of ranks divides the directions, which then exchange nothing with each other.
    public var isSplit: Bool

    /// Makes a size.
    public init(dense: Int, buckets: Int, largestBucket: Int, hasRows: Bool, isSplit: Bool) {
        (self.dense, self.buckets, self.largestBucket) = (dense, buckets, largestBucket)
        (self.hasRows, self.isSplit) = (hasRows, isSplit)
    }

    /// Determines the size of a network by making it, untrained, for a moment.
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
