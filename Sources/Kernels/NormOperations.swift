internal import Parallel

extension ProcessorBackend {
    public func layerNorm(_ input: Matrix, gain: Matrix, bias: Matrix, epsilon: Double, into output: Matrix, statistics: Matrix) {
        pool.run(
            NormedRows(input: input, output: output, statistics: statistics, gain: gain.start, bias: bias.start, epsilon: epsilon))
    }

    public func layerNormBackward(
        _ input: Matrix, gain: Matrix, statistics: Matrix, gradient: Matrix, residual: Matrix?, gainGradient: Matrix,
        biasGradient: Matrix
    ) {
        run(
            NormedRowsBackward(input: input, statistics: statistics, gradient: gradient, residual: residual, gain: gain.start),
            addingTo: gainGradient.start, biasGradient.start)
    }
}

private struct NormedRows: RowJob {
    let input, output, statistics: Matrix
    let gain, bias: UnsafeMutablePointer<Float>
    let epsilon: Double

    var rows: Int { input.rows }
    var columns: Int { input.columns }

    func run(row: Int) {
        let x = input.row(row), y = output.row(row), statistics = statistics.row(row), size = columns
        let mean = Float(Vector.sum(x, count: size) / Double(size))
        for index in 0..<size { y[index] = x[index] - mean }
        let variance = Vector.dot(y, y, count: size) / Double(size)
        let inverse = Float(1 / (variance + epsilon).squareRoot())
        for index in 0..<size { y[index] = y[index] * inverse * gain[index] + bias[index] }
        statistics[0] = mean
        statistics[1] = inverse
    }
}

/// With z = (x - mean) * inverse deviation and u = gain * dy: dx = inverse * (u - mean(u) - z * mean(u z)). The sums are the
/// gradients of gain and bias.
private struct NormedRowsBackward: SummedRowJob {
    let input, statistics, gradient: Matrix
    let residual: Matrix?
    let gain: UnsafeMutablePointer<Float>

    var rows: Int { input.rows }
    var columns: Int { input.columns }

    func run(row: Int, sums: UnsafeMutablePointer<Float>) {
        let x = input.row(row), dx = gradient.row(row), size = columns, biasSums = sums + size
        let mean = statistics.row(row)[0], inverse = statistics.row(row)[1]
        for index in 0..<size {
            sums[index] += dx[index] * (x[index] - mean) * inverse
            biasSums[index] += dx[index]
            dx[index] *= gain[index]
        }
        let meanGradient = Float(Vector.sum(dx, count: size) / Double(size))
        // sum(u x) - mean * sum(u) is sum(u (x - mean)).
        let slope = Float(
            (Vector.dot(dx, x, count: size) / Double(size) - Double(mean) * Double(meanGradient)) * Double(inverse))
        if let target = residual?.row(row) {
            for index in 0..<size { target[index] += inverse * (dx[index] - meanGradient - (x[index] - mean) * inverse * slope) }
        } else {
            for index in 0..<size { dx[index] = inverse * (dx[index] - meanGradient - (x[index] - mean) * inverse * slope) }
        }
    }
}
