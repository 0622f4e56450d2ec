internal import Glibc

/// The speeds of two computations that took turns, and their ratio round by round.
public struct SpeedComparison: Sendable {
    /// Units of work in a second.
    public let own, yardstick: Spread
    /// The speed of the one in multiples of the yardstick's, within the rounds.
    public let ratio: Spread

    /// - Parameter rounds: the two speeds of each round, at least one.
    init(_ rounds: [(own: Double, yardstick: Double)]) {
        own = Spread(rounds.map(\.own))
        yardstick = Spread(rounds.map(\.yardstick))
        ratio = Spread(rounds.map { $0.own / $0.yardstick })
    }

    /// Measures both in at least three rounds.
    /// - Parameters:
    ///   - amount: units of work in one call of the own.
    ///   - yardstickAmount: units of work in one call of the yardstick, or `nil` where it is as much.
    ///   - seconds: the seconds to measure, about.
    ///   - threads: the threads that the work has; one is timed by the processor's time, which other processes do not take.
    ///   - pause: microseconds to wait before each round, so that threads which spin after their last call are out of the way.
    init(
        amount: Double, yardstickAmount: Double? = nil, seconds: Double, threads: Int, pause: UInt32 = 0,
        own: () -> Void, yardstick: () -> Void
    ) {
        let clock = threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC
        func time(_ calls: Int, _ body: () -> Void) -> Double {
            // Threads and processors that slept wake up first.
            for _ in 0..<(calls + 3) / 4 { body() }
            let start = Self.seconds(clock)
            for _ in 0..<calls { body() }
            return Self.seconds(clock) - start
        }
        own()
        yardstick()
        // So many calls in a turn that clocks and waking threads do not count.
        let calls = max(1, Int(0.02 / max(1e-7, time(1, own))))
        var rounds: [(own: Double, yardstick: Double)] = []
        let start = now()
        while rounds.count < 3 || now() - start < seconds {
            usleep(pause)
            let (own, yardstick) = (time(calls, own), time(calls, yardstick))
            rounds.append((amount * Double(calls) / own, (yardstickAmount ?? amount) * Double(calls) / yardstick))
        }
        self.init(rounds)
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}
