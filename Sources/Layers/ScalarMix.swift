internal import Glibc
public import Kernels
internal import Parallel

/// The mix of an encoder's layers that a task learns (Peters et al. 2018, equation 1):
///
///     y = gamma x sum over layers l of p_l h_l,  p = softmax(s)
public final class ScalarMix {
    /// s: [layers]
    public let weight: Parameter
    /// gamma: [1]
    public let gain: Parameter
    public let layers, width: Int
    /// p: [layers]
    private let shares: UnsafeMutablePointer<Double>
    /// [blocks, layers]
    private let partials: UnsafeMutablePointer<Double>

    /// Rows are cut into as many, by their number alone.
    private static let blocks = 32

    public init(_ name: String, layers: Int, width: Int, in layout: inout ParameterLayout) {
        self.layers = layers
        self.width = width
        weight = layout.declare("\(name).weight", [layers])
        gain = layout.declare("\(name).gain", [1])
        shares = .allocate(capacity: layers)
        shares.initialize(repeating: 0, count: layers)
        partials = .allocate(capacity: Self.blocks * layers)
        partials.initialize(repeating: 0, count: Self.blocks * layers)
    }

    deinit {
        shares.deallocate()
        partials.deallocate()
    }

    /// The mean of the layers.
    public func initialize(_ parameters: ParameterStore) {
        parameters.fill(weight, with: 0)
        parameters.fill(gain, with: 1)
    }

    /// The share of each layer, p: [layers].
    public func layerShares(_ parameters: ParameterStore) -> [Double] {
        updateShares(parameters)
        return Array(UnsafeBufferPointer(start: shares, count: layers))
    }

    private func updateShares(_ parameters: ParameterStore) {
        let weights = parameters.value(weight).start
        for layer in 0..<layers { shares[layer] = Double(weights[layer]) }
        Self.softmax(UnsafeMutableBufferPointer(start: shares, count: layers))
    }

    /// p for weights s that were learned.
    public static func shares(of weights: [Double]) -> [Double] {
        var shares = weights
        shares.withUnsafeMutableBufferPointer { softmax($0) }
        return shares
    }

    private static func softmax(_ values: UnsafeMutableBufferPointer<Double>) {
        var highest = -Double.infinity, total = 0.0
        for value in values { highest = max(highest, value) }
        for index in values.indices {
            values[index] = exp(values[index] - highest)
            total += values[index]
        }
        for index in values.indices { values[index] /= total }
    }

    private struct Job {
        let input, output: Matrix
        let inputGradient: Matrix?
        let layers, width: Int
        let gain: Double
        let shares, partials: UnsafeMutablePointer<Double>

        func rows(_ block: Int) -> Range<Int> {
            input.rows * block / ScalarMix.blocks..<input.rows * (block + 1) / ScalarMix.blocks
        }

        func factor(_ layer: Int) -> Float { Float(gain * shares[layer]) }
    }

    /// `input` [n, layers x width], the layers of a token one after the other, to `output` [n, width].
    public func forward(_ input: Matrix, into output: Matrix, _ parameters: ParameterStore, _ compute: Compute) {
        var job = job(input, output, nil, parameters)
        compute.pool.forEach(Self.blocks, context: &job) { context, block in
            let job = context.assumingMemoryBound(to: Job.self).pointee
            for row in job.rows(block) {
                let source = job.input.row(row), target = job.output.row(row)
                target.update(repeating: 0, count: job.width)
                for layer in 0..<job.layers {
                    Vector.add(source + layer * job.width, times: job.factor(layer), to: target, count: job.width)
                }
            }
        }
    }

    /// Adds to the gradients of s and gamma; writes that of the input, [n, layers x width], where one is wanted.
    ///
    ///     d_l = sum over rows of dy . h_l,  dgamma += sum over l of p_l d_l,
    ///     ds_l += gamma p_l (d_l - sum over k of p_k d_k),  dh_l = gamma p_l dy
    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, _ parameters: ParameterStore, _ compute: Compute
    ) {
        var job = job(input, outputGradient, inputGradient, parameters)
        compute.pool.forEach(Self.blocks, context: &job) { context, block in
            let job = context.assumingMemoryBound(to: Job.self).pointee
            let partials = job.partials + block * job.layers
            partials.update(repeating: 0, count: job.layers)
            for row in job.rows(block) {
                let source = job.input.row(row), gradient = job.output.row(row)
                for layer in 0..<job.layers {
                    let place = layer * job.width
                    partials[layer] += Vector.dot(source + place, gradient, count: job.width)
                    guard let target = job.inputGradient.map({ $0.row(row) + place }) else { continue }
                    target.update(from: gradient, count: job.width)
                    Vector.scale(target, by: job.factor(layer), count: job.width)
                }
            }
        }
        for block in 1..<Self.blocks {
            for layer in 0..<layers { partials[layer] += partials[block * layers + layer] }
        }
        var mean = 0.0
        for layer in 0..<layers { mean += shares[layer] * partials[layer] }
        let gradient = parameters.gradient(weight).start
        for layer in 0..<layers { gradient[layer] += Float(job.gain * shares[layer] * (partials[layer] - mean)) }
        parameters.gradient(gain).start[0] += Float(mean)
    }

    private func job(_ input: Matrix, _ output: Matrix, _ inputGradient: Matrix?, _ parameters: ParameterStore) -> Job {
        precondition(
            input.columns == layers * width && output.columns == width && input.rows == output.rows,
            "\(layers) layers of \(width) in \(input.columns) columns, mixed into \(output.columns)")
        updateShares(parameters)
        return Job(
            input: input, output: output, inputGradient: inputGradient, layers: layers, width: width,
            gain: Double(parameters.value(gain).start[0]), shares: shares, partials: partials)
    }
}
