internal import Glibc
internal import Parallel

// The mix of an encoder's layers that a task learns (Peters et al. 2018).
extension ProcessorBackend {
    public func mixLayers(_ input: Matrix, weights: Matrix, gain: Matrix, into output: Matrix) {
        withShares(weights, input, output) { shares in
            pool.run(MixJob(input: input, output: output, shares: shares, gain: Double(gain.start[0])))
        }
    }

    /// The backward pass. With d_l = sum over rows of dy · h_l: dgamma += sum over l of p_l d_l, ds_l += gamma p_l (d_l - sum over
    /// k of p_k d_k), dh_l = gamma p_l dy.
    public func mixLayersBackward(
        _ input: Matrix, weights: Matrix, gain: Matrix, outputGradient: Matrix, inputGradient: Matrix?, partials: Scalars,
        weightGradient: Matrix, gainGradient: Matrix
    ) {
        let layers = weights.columns, gamma = Double(gain.start[0])
        precondition(partials.count >= mixBlocks * layers)
        withShares(weights, input, outputGradient) { shares in
            pool.run(
                MixGradientJob(
                    input: input, outputGradient: outputGradient, inputGradient: inputGradient, shares: shares, gain: gamma,
                    partials: partials))
            for block in 1..<mixBlocks {
                for layer in 0..<layers { partials[layer] += partials[block * layers + layer] }
            }
            var mean = 0.0
            for layer in 0..<layers { mean += shares[layer] * partials[layer] }
            for layer in 0..<layers {
                weightGradient.start[layer] += Float(gamma * shares[layer] * (partials[layer] - mean))
            }
            gainGradient.start[0] += Float(mean)
        }
    }

    /// Calls `body` with the weight of each layer in the mix.
    private func withShares(
        _ weights: Matrix, _ input: Matrix, _ output: Matrix, _ body: (UnsafeMutableBufferPointer<Double>) -> Void
    ) {
        precondition(
            input.columns == weights.columns * output.columns && input.rows == output.rows,
            "\(weights.columns) layers in \(input.columns) columns, mixed into \(output.columns)")
        withUnsafeTemporaryAllocation(of: Double.self, capacity: weights.columns) { shares in
            for layer in shares.indices { shares[layer] = Double(weights.start[layer]) }
            softmaxInPlace(shares)
            body(shares)
        }
    }
}

/// Returns the softmax of `weights`: probabilities proportional to e^weight.
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

/// A mix of layers, split by rows.
private struct MixJob: ParallelJob {
    let input, output: Matrix
    let shares: UnsafeMutableBufferPointer<Double>
    let gain: Double

    var tasks: Int { mixBlocks }

    func run(_ block: Int) {
        let width = output.columns
        for row in input.rows * block / tasks..<input.rows * (block + 1) / tasks {
            let source = input.row(row), target = output.row(row)
            target.update(repeating: 0, count: width)
            for (layer, share) in shares.enumerated() {
                Vector.add(source + layer * width, times: Float(gain * share), to: target, count: width)
            }
        }
    }
}

/// The backward pass of a mix, split by rows into as many blocks as there are partial sums.
private struct MixGradientJob: ParallelJob {
    let input, outputGradient: Matrix
    let inputGradient: Matrix?
    let shares: UnsafeMutableBufferPointer<Double>
    let gain: Double
    /// Partial sums, [blocks, layers].
    let partials: Scalars

    var tasks: Int { mixBlocks }

    func run(_ block: Int) {
        let width = outputGradient.columns, partials = partials[block * shares.count..<(block + 1) * shares.count]
        for layer in shares.indices { partials[layer] = 0 }
        for row in input.rows * block / tasks..<input.rows * (block + 1) / tasks {
            let source = input.row(row), gradient = outputGradient.row(row)
            for (layer, share) in shares.enumerated() {
                partials[layer] += Vector.dot(source + layer * width, gradient, count: width)
                guard let target = inputGradient.map({ $0.row(row) + layer * width }) else { continue }
                Vector.scaled(gradient, by: Float(gain * share), into: target, count: width)
            }
        }
    }
}

/// Number of partial sums for each layer in the backward pass of a mix.
public let mixBlocks = 32
