internal import Glibc
public import Kernels
public import Model
internal import Parallel

/// A benchmark of training steps on a device, on random words whose vectors are in the device's memory.
public struct DeviceTraining {
    private let training: SyntheticTraining
    private let backends: [any Backend]

    /// Makes a network with its inputs.
    /// - `backends`: one for each direction.
    public init(_ configuration: EncoderConfiguration, batch: Int, window: Int, backends: [any Backend]) {
        self.backends = backends
        training = SyntheticTraining(
            configuration, batch: batch, window: window, pool: ThreadPool(threads: 1), backends: backends)
    }

    /// The number of weights.
    public var parameters: Int { training.encoder.parameterCount }

    /// The number of words in a step.
    public var words: Int { training.words }

    /// Trains in rounds and returns the speed of each in words per second. The first steps do not count, because they record
    /// operations. Throws `ToolError` if a step's result is not a finite number.
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
