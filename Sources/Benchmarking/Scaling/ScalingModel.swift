/// The time of a training step on R machines, each with as many words as a single machine would have (weak scaling), computed from the
/// bytes that `GradientExchange` sends and the network that they cross.
///
/// S ranks share the lanes of a direction: S is R, or R / 2 where the ranks divide the directions among them. Of a gradient of g
/// bytes, a rank sends (S - 1) / S g during the backward pass, and its largest bucket, of l bytes, last. It sends as many bytes of
/// weights during the next forward pass, the largest bucket first. Between the two, it sends the rows of sparse parameters, r bytes,
/// to each of the others. With C seconds for the step of a single machine, a network speed of B bytes per second, a fraction e of it
/// that ranks reach, and a latency of L seconds,
///
///     T(R) = C (1 + k) + (x + 4 L + n m) + c b
///     x    = (2 (S - 1) / S l + (S - 1) r) / (e B) + max(0, t - C h) + max(0, t - C h / 2),    t = (S - 1) / S (g - l) / (e B)
///
/// where n is the number of messages of a rank, m the seconds of a message, b the bytes that a rank sends, c the processor's seconds
/// for a byte, k the fraction of a step in which ranks wait because one is late, and h = 1/3 the fraction of a step in which the
/// gradients of all buckets but the last can travel. A network of two layers has the upper layer's gradient at half of the backward
/// pass, which is two thirds of a step. In the forward pass, the other third, the upper layer's weights have half of it. Latency
/// counts for gradients, norms, weights, and the summary of a step. T(1) is C.
///
/// e, k and c are fitted (`init(fitting:)`); L and m are given. The model omits: a network that is slower when all machines use it at
/// once; the update, of which each of S ranks makes only a part, so that C falls with S; the time in which a rank adds up the rows of
/// all others; and the worth of a batch of R times the words for learning.
public struct ScalingModel: Sendable {
    /// The properties of a trained network that the model needs.
    public struct System: Sendable {
        /// The name of the system.
        public let name: String
        /// The number of words per step and machine.
        public let words: Int
        /// The time of a step on a single machine in seconds.
        public let seconds: Double
        /// The size of the gradient.
        public let gradient: GradientSize
        /// The size in bytes of the rows that a rank's step touches.
        public let rows: Int

        /// Makes a system.
        public init(name: String, words: Int, seconds: Double, gradient: GradientSize, rows: Int) {
            (self.name, self.words, self.seconds, self.gradient, self.rows) = (name, words, seconds, gradient, rows)
        }
    }

    /// The link of each machine, which both directions use at once.
    public struct Network: Sendable {
        /// The speed in Gbit/s, and the latency in seconds.
        public let gigabits, latency: Double

        /// Makes a network.
        /// - Parameters:
        ///   - gigabits: the speed in Gbit/s.
        ///   - latency: the seconds of a message of no bytes.
        public init(gigabits: Double, latency: Double = 25e-6) { (self.gigabits, self.latency) = (gigabits, latency) }

        var bytesPerSecond: Double { 1e9 / 8 * gigabits }
    }

    /// The fraction of the nominal speed that ranks reach, e.
    public var efficiency = 1.0
    /// The fraction of a step in which ranks wait because one is late, k.
    public var lateness = 0.0
    /// The processor's seconds for one sent and one received byte, c.
    public var secondsOfByte = 0.0
    /// The seconds of a message, m.
    public var secondsOfMessage = 10e-6
    /// The fraction of a step in which gradients can travel, h.
    private static let hidden = 1.0 / 3
    /// The number of exchanges per step in which each rank waits for all others.
    private static let phases = 4.0

    /// Makes a model with the default parameters.
    public init() {}

    // MARK: The formula

    /// Returns the number of ranks that share the lanes of a direction.
    private static func sharing(_ gradient: GradientSize, _ ranks: Int) -> Int { gradient.isSplit && ranks % 2 == 0 ? ranks / 2 : ranks }

    /// Returns the bytes that a rank sends in a step.
    public static func bytes(_ system: System, ranks: Int) -> Double {
        let sharing = Double(sharing(system.gradient, ranks)), half = system.gradient.isSplit && ranks % 2 == 0 ? 0.5 : 1
        return 2 * (sharing - 1) / sharing * half * Double(system.gradient.dense) + (sharing - 1) * half * Double(system.rows)
    }

    /// Returns x, the seconds of a step in which only the network is busy.
    func exposedSeconds(_ system: System, ranks: Int, _ network: Network) -> Double {
        let sharing = Double(Self.sharing(system.gradient, ranks)), part = (sharing - 1) / sharing
        let half = system.gradient.isSplit && ranks % 2 == 0 ? 0.5 : 1, rate = efficiency * network.bytesPerSecond
        let gradient = half * Double(system.gradient.dense), last = min(gradient, Double(system.gradient.largestBucket))
        let late = 2 * part * last + (sharing - 1) * half * Double(system.rows)
        let others = part * (gradient - last) / rate, hidden = Self.hidden * system.seconds
        return late / rate + max(0, others - hidden) + max(0, others - hidden / 2)
    }

    /// Returns T, the seconds of a step.
    public func seconds(_ system: System, ranks: Int, _ network: Network) -> Double {
        guard ranks > 1 else { return system.seconds }
        let sharing = Self.sharing(system.gradient, ranks)
        let buckets = system.gradient.isSplit && ranks % 2 == 0 ? (system.gradient.buckets + 1) / 2 : system.gradient.buckets
        // The messages have gradients, squares and weights of each bucket, and counts, numbers and rows of sparse parameters; the
        // summary goes to the first rank.
        let messages = Double((sharing - 1) * (3 * buckets + (system.gradient.hasRows ? 6 : 0)) + ranks - 1)
        return system.seconds * (1 + lateness) + exposedSeconds(system, ranks: ranks, network)
            + Self.phases * network.latency + messages * secondsOfMessage + secondsOfByte * Self.bytes(system, ranks: ranks)
    }

    /// Returns the seconds of a step in which a rank waits for others.
    public func secondsWaited(_ system: System, ranks: Int, _ network: Network) -> Double {
        ranks > 1 ? lateness * system.seconds + exposedSeconds(system, ranks: ranks, network) + Self.phases * network.latency : 0
    }

    /// Returns the speed of all ranks together in words per second.
    public func wordsPerSecond(_ system: System, ranks: Int, _ network: Network) -> Double {
        Double(ranks * system.words) / seconds(system, ranks: ranks, network)
    }

    /// Returns the speed of R machines as a fraction of R times that of a single machine.
    public func share(_ system: System, ranks: Int, _ network: Network) -> Double {
        system.seconds / seconds(system, ranks: ranks, network)
    }

    // MARK: Fitting

    /// Fits e and k to the waiting times of ranks, by least squares, and c to the processor time of the communicator's thread.
    /// Independent processes are left out. Without a measurement on a network of known speed, e is 1 and k is 0.
    public init(fitting results: [ScalingResult]) {
        let systems = Self.systems(results)
        let points = results.compactMap { result -> (exposed: Double, seconds: Double, waited: Double)? in
            guard result.ranks > 1, !result.isApart, let gigabits = result.gigabits, let waited = result.waited,
                let system = systems.first(where: { $0.name == result.system })
            else { return nil }
            let exposed = ScalingModel().exposedSeconds(system, ranks: result.ranks, Network(gigabits: gigabits))
            return (exposed, system.seconds, waited.median * result.seconds.median)
        }
        func sum(_ term: ((exposed: Double, seconds: Double, waited: Double)) -> Double) -> Double { points.reduce(0) { $0 + term($1) } }
        let (xx, xs, ss) = (sum { $0.exposed * $0.exposed }, sum { $0.exposed * $0.seconds }, sum { $0.seconds * $0.seconds })
        let (xw, sw) = (sum { $0.exposed * $0.waited }, sum { $0.seconds * $0.waited })
        if ss > 0 {
            let determinant = xx * ss - xs * xs
            var slowness = determinant > 1e-9 * xx * ss ? (xw * ss - sw * xs) / determinant : 1
            if slowness < 1 { slowness = 1 }
            lateness = (sw - slowness * xs) / ss
            if lateness < 0 {
                lateness = 0
                slowness = xx > 0 ? max(1, xw / xx) : 1
            }
            efficiency = 1 / slowness
        }
        let sending = results.filter { $0.ranks > 1 && !$0.isApart && $0.bytes > 1_000_000 && $0.threadShare != nil }
        let bytes = sending.reduce(0) { $0 + Double($1.bytes) }
        if bytes > 0 { secondsOfByte = sending.reduce(0) { $0 + ($1.threadShare ?? 0) * $1.seconds.median } / bytes }
    }

    /// Returns the systems that were measured with one rank, in their order. The bytes of rows are those that ranks sent beside their
    /// dense gradients.
    /// - `speed`: the speed of future machines as a multiple of the measured one.
    public static func systems(_ results: [ScalingResult], speed: Double = 1) -> [System] {
        var systems: [System] = []
        for one in results where one.ranks == 1 && !systems.contains(where: { $0.name == one.system }) {
            let own = results.filter { $0.system == one.system }
            // Of several runs the fastest counts, because disturbances only ever slow a machine.
            let seconds = own.filter { $0.ranks == 1 }.map(\.seconds.median).min() ?? one.seconds.median
            var rows = 0
            if one.gradient.hasRows, let several = own.first(where: { $0.ranks > 1 && !$0.isApart }) {
                let dense = bytes(System(name: "", words: 0, seconds: 0, gradient: one.gradient, rows: 0), ranks: several.ranks)
                let others = sharing(one.gradient, several.ranks) - 1
                if others > 0 { rows = max(0, several.bytes - Int(dense)) / others }
            }
            systems.append(System(name: one.system, words: one.words, seconds: seconds / speed, gradient: one.gradient, rows: rows))
        }
        return systems
    }
}
