internal import Glibc

/// The speeds of two computations that took turns, and their ratio in each round.
public struct SpeedComparison: Sendable {
    /// The speeds in units of work per second.
    public let own, yardstick: Spread
    /// The ratio of the speed to the yardstick's, within the rounds.
    public let ratio: Spread

    /// Summarises rounds.
    /// - `rounds`: the two speeds of each round, at least one.
    init(_ rounds: [(own: Double, yardstick: Double)]) {
        own = Spread(rounds.map(\.own))
        yardstick = Spread(rounds.map(\.yardstick))
        ratio = Spread(rounds.map { $0.own / $0.yardstick })
    }

    /// Measures both in at least three rounds.
    /// - `amount`: the units of work in one call of the measured function.
    /// - `yardstickAmount`: the units of work in one call of the yardstick; `nil` means the same amount.
    /// - `seconds`: the approximate measuring time in seconds.
    /// - `threads`: the number of threads. Work on one thread is timed by the processor's time, which other processes do not affect.
    /// - `pause`: the pause before each round in microseconds, in which threads that spin after their last call go to sleep.
    init(
        amount: Double, yardstickAmount: Double? = nil, seconds: Double, threads: Int, pause: UInt32 = 0,
        own: () -> Void, yardstick: () -> Void
    ) {
        let clock = threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC
        func time(_ calls: Int, _ body: () -> Void) -> Double {
            // Sleeping threads and processors wake up first.
            for _ in 0..<(calls + 3) / 4 { body() }
            let start = Self.seconds(clock)
            for _ in 0..<calls { body() }
            return Self.seconds(clock) - start
        }
        own()
        yardstick()
        // A turn has enough calls that the time of reading clocks and waking threads does not matter.
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
