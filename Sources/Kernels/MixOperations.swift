internal import Glibc
internal import Parallel

// The mix of an encoder's layers that a task learns.
extension ProcessorBackend {
    public func mixLayers(_ input: Matrix, weights: Matrix, gain: Matrix, into output: Matrix) {
        withMix(input, output, nil, weights: weights, gain: gain) { job, _ in
            pool.forEach(MixJob.blocks, context: job) { context, block in
                let job = context.assumingMemoryBound(to: MixJob.self).pointee
                for row in job.rows(block) {
                    let source = job.input.row(row), target = job.output.row(row)
                    target.update(repeating: 0, count: job.width)
                    for layer in 0..<job.layers {
                        Vector.add(source + layer * job.width, times: job.factor(layer), to: target, count: job.width)
                    }
                }
            }
        }
    }

    /// With d_l = sum over rows of dy · h_l: dgamma += sum over l of p_l d_l, ds_l += gamma p_l (d_l - sum over k of p_k d_k),
    /// dh_l = gamma p_l dy.
    public func mixLayersBackward(
        _ input: Matrix, weights: Matrix, gain: Matrix, outputGradient: Matrix, inputGradient: Matrix?, partials: Scalars,
        weightGradient: Matrix, gainGradient: Matrix
    ) {
        let layers = weights.columns
        precondition(partials.count >= MixJob.blocks * layers)
        withMix(input, outputGradient, inputGradient, weights: weights, gain: gain, partials: partials) { job, shares in
            pool.forEach(MixJob.blocks, context: job) { context, block in
                context.assumingMemoryBound(to: MixJob.self).pointee.backward(block)
            }
            for block in 1..<MixJob.blocks {
                for layer in 0..<layers { partials[layer] += partials[block * layers + layer] }
            }
            var mean = 0.0
            for layer in 0..<layers { mean += shares[layer] * partials[layer] }
            let gamma = Double(gain.start[0])
            for layer in 0..<layers {
                weightGradient.start[layer] += Float(gamma * shares[layer] * (partials[layer] - mean))
            }
            gainGradient.start[0] += Float(mean)
        }
    }

    private func withMix(
        _ input: Matrix, _ output: Matrix, _ inputGradient: Matrix?, weights: Matrix, gain: Matrix, partials: Scalars? = nil,
        _ body: (UnsafeRawPointer, UnsafeMutableBufferPointer<Double>) -> Void
    ) {
        let layers = weights.columns
        precondition(
            input.columns == layers * output.columns && input.rows == output.rows,
            "\(layers) layers in \(input.columns) columns, mixed into \(output.columns)")
        withUnsafeTemporaryAllocation(of: Double.self, capacity: layers) { shares in
            for layer in 0..<layers { shares[layer] = Double(weights.start[layer]) }
            softmaxInPlace(shares)
            let job = MixJob(
                input: input, output: output, inputGradient: inputGradient, layers: layers, width: output.columns,
                gain: Double(gain.start[0]), shares: shares, partials: partials)
            withUnsafePointer(to: job) { body($0, shares) }
        }
    }
}

/// Probabilities in proportion to e^weight.
public func softmaxShares(of weights: [Double]) -> [Double] {
    var shares = weights
    shares.withUnsafeMutableBufferPointer { softmaxInPlace($0) }
    return shares
}

private func softmaxInPlace(_ values: UnsafeMutableBufferPointer<Double>) {
    var highest = -Double.infinity, total = 0.0
    for value in values { highest = max(highest, value) }
    for index in values.indices {
        values[index] = exp(values[index] - highest)
        total += values[index]
    }
    for index in values.indices { values[index] /= total }
}

/// The rows of a mix, cut for the threads into as many blocks as partial sums, by their number alone.
private struct MixJob {
    let input, output: Matrix
    let inputGradient: Matrix?
    let layers, width: Int
    let gain: Double
    let shares: UnsafeMutableBufferPointer<Double>
    /// [blocks, layers]
    let partials: Scalars?

    static let blocks = mixBlocks

    func rows(_ block: Int) -> Range<Int> {
        input.rows * block / Self.blocks..<input.rows * (block + 1) / Self.blocks
    }

    func factor(_ layer: Int) -> Float { Float(gain * shares[layer]) }

    func backward(_ block: Int) {
        guard let partials = partials?[block * layers..<(block + 1) * layers] else { return }
        for layer in 0..<layers { partials[layer] = 0 }
        for row in rows(block) {
            let source = input.row(row), gradient = output.row(row)
            for layer in 0..<layers {
                let place = layer * width
                partials[layer] += Vector.dot(source + place, gradient, count: width)
                guard let target = inputGradient.map({ $0.row(row) + place }) else { continue }
                target.update(from: gradient, count: width)
                Vector.scale(target, by: factor(layer), count: width)
            }
        }
    }
}

/// Partial sums of the backward pass of a mix, for each layer.
public let mixBlocks = 32
