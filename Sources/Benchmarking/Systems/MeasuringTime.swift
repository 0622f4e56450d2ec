internal import Kernels
internal import Model
internal import Parallel
internal import Training

/// The time in seconds to measure systems together.
struct MeasuringTime {
    /// The seconds until the systems are ready: their start, and the steps that do not count.
    var setUp = 0.0
    /// The seconds of one round.
    var round = 0.0

    func seconds(rounds: Int) -> Double { setUp + Double(rounds) * round }
}

/// An error for a budget that does not even suffice for the smallest number of rounds.
public struct BudgetTooShort: Error {
    /// The seconds for the smallest number of rounds of all groups, and for the number that ratios with an interval need, both
    /// including starts.
    public let fewest, enough: Double
    /// The number of groups to measure.
    public let groups: Int

    init(_ times: [MeasuringTime]) {
        fewest = times.reduce(0) { $0 + $1.seconds(rounds: SystemsBenchmark.fewestRounds) }
        enough = times.reduce(0) { $0 + $1.seconds(rounds: SystemsBenchmark.enoughRounds) }
        groups = times.count
    }
}

/// An error for the end of the time in which a run must finish.
struct BudgetSpent: Error {}

/// An estimate of the time of systems before they are measured. It uses the machine's speed at large products at first, and the times
/// of systems of the same name as soon as some are ready.
struct TimeEstimate {
    private let turnSeconds, operationsPerSecond: Double
    /// The ready systems by name, with the seconds of a step, and of all steps that did not count.
    private var known: [String: (system: MeasuredSystem, step: Double, settling: Double)] = [:]
    /// The seconds to start the last group, without its steps, and the words of its vocabularies.
    private var start = (seconds: 0.0, words: 1.0)

    /// The fraction of the ceiling of large products that a step of training reaches, and the number of steps that determine the
    /// faster way to run the directions.
    private static let usualShare = 0.5, settlingSteps = 7.0

    /// Measures the processor's speed for a third of a second; the speed of a device is assumed.
    init(threads: Int, device: MeasuredDevice?, turnSeconds: Double) {
        self.turnSeconds = turnSeconds
        let ceiling = device?.assumedCeiling ?? 1e9 * ProductCeiling(pool: ThreadPool(threads: threads)).rate(seconds: 0.3)
        operationsPerSecond = Self.usualShare * ceiling
    }

    /// Records the seconds of a system's step, and of all steps until it was ready.
    mutating func learn(_ system: MeasuredSystem, step: Double, settling: Double) {
        known[system.name] = (system, step, settling)
    }

    /// Records the seconds to start a group, without its steps.
    mutating func learn(start seconds: Double, of systems: [MeasuredSystem]) { start = (seconds, Self.words(systems)) }

    func time(of systems: [MeasuredSystem]) -> MeasuringTime {
        var time = MeasuringTime(setUp: start.seconds * max(1, Self.words(systems) / start.words))
        for system in systems {
            let (step, settling) = steps(of: system)
            time.setUp += settling
            time.round += turn(step)
        }
        return time
    }

    /// Returns the seconds of a turn, which is one step, or as many as fill it.
    private func turn(_ step: Double) -> Double { step > 0 ? step * max(1, (turnSeconds / step).rounded(.up)) : turnSeconds }

    private func steps(of system: MeasuredSystem) -> (step: Double, settling: Double) {
        let operations = Self.operations(of: system)
        if let other = known[system.name] {
            let ratio = operations / Self.operations(of: other.system)
            return (ratio * other.step, ratio * other.settling)
        }
        let step = operations / operationsPerSecond
        return (step, Self.settlingSteps * step)
    }

    /// Returns the operations of a step: 6 for each weight that a word meets.
    private static func operations(of system: MeasuredSystem) -> Double {
        let words = Double(system.batch) * Double(system.window) * Double(system.configuration.directions.count)
        return 6 * words * max(1, system.configuration.weightsOfWord)
    }

    private static func words(_ systems: [MeasuredSystem]) -> Double {
        max(1, systems.reduce(0) { $0 + Double($1.vocabulary) })
    }
}
