internal import Glibc
public import Kernels
public import Model
internal import Parallel

/// The speed of training steps on a device, on random words whose vectors are in its memory.
public struct DeviceTraining {
    private let training: SyntheticTraining
    private let backends: [any Backend]

    /// - Parameter backends: one for each direction.
    public init(_ configuration: EncoderConfiguration, batch: Int, window: Int, backends: [any Backend]) {
        self.backends = backends
        training = SyntheticTraining(
            configuration, batch: batch, window: window, pool: ThreadPool(threads: 1), backends: backends)
    }

    public var parameters: Int { training.encoder.parameterCount }

    /// The words of a step.
    public var words: Int { training.words }

    /// Trains in rounds and returns words a second of each. The first steps do not count: operations are recorded in them. Throws
    /// `ToolError` if a step gives no number.
    public func run(seconds: Double, rounds: Int = 5) throws -> Spread {
        for _ in 0..<3 { try training.step(sideBySide: false) }
        var speeds: [Double] = []
        for _ in 0..<rounds {
            var steps = 0
            let start = now()
            repeat {
                try training.step(sideBySide: false)
                steps += 1
            } while now() - start < seconds / Double(rounds)
            for backend in backends { backend.wait() }
            speeds.append(Double(steps * training.words) / (now() - start))
        }
        return Spread(speeds)
    }
}
