internal import Glibc
@_spi(HostMemory) public import Kernels

// Attention, and the function inside a feed-forward layer.

extension PlainBackend {
    public func attend(_ attention: Attention, _ input: Matrix, into output: Matrix) {
        let output = Grid(output)
        output.fill { _, _ in 0 }
        for head in PlainHead.all(attention, input) {
            for query in 0..<head.length {
                let weights = head.weights(query)
                for column in 0..<head.size {
                    output[head.row(query), head.number * head.size + column] = (0..<head.length).reduce(0) {
                        $0 + weights[$1] * head.factor(query, $1) * head.input[head.row($1), head.place(.value, column)]
                    }
                }
            }
        }
    }

    public func attendBackward(
        _ attention: Attention, _ input: Matrix, outputGradient: Matrix, into inputGradient: Matrix, biasGradient: Matrix
    ) {
        let above = Grid(outputGradient), result = Grid(inputGradient)
        var sums = [[Double]](repeating: [Double](repeating: 0, count: result.columns), count: result.rows)
        for head in PlainHead.all(attention, input) {
            for query in 0..<head.length {
                let weights = head.weights(query), row = head.row(query)
                let gradient = (0..<head.size).map { above[row, head.number * head.size + $0] }
                let slopes = (0..<head.length).map { key in
                    head.factor(query, key) * (0..<head.size).reduce(0) {
                        $0 + gradient[$1] * head.input[head.row(key), head.place(.value, $1)]
                    }
                }
                let mean = zip(weights, slopes).reduce(0) { $0 + $1.0 * $1.1 }
                for key in 0..<head.length {
                    let slope = weights[key] * (slopes[key] - mean) / Double(head.size).squareRoot()
                    for column in 0..<head.size {
                        let (own, other) = (head.place(.query, column), head.place(.key, column))
                        sums[row][own] += slope * head.input[head.row(key), other]
                        sums[head.row(key)][other] += slope * head.input[row, own]
                        sums[head.row(key)][head.place(.value, column)] += weights[key] * head.factor(query, key) * gradient[column]
                    }
                }
            }
        }
        for row in sums.indices { result.setRow(row, sums[row]) }
        addColumnSums(of: inputGradient, to: biasGradient)
    }
}

/// A head of a sequence.
private struct PlainHead {
    enum Part: Int {
        case query, key, value
    }

    let attention: Attention
    let input: Grid
    let sequence, number, steps, length, size: Int

    static func all(_ attention: Attention, _ input: Matrix) -> [PlainHead] {
        let steps = input.rows / attention.batch
        return (0..<attention.batch * attention.heads).map { index in
            let sequence = index / attention.heads
            return PlainHead(
                attention: attention, input: Grid(input), sequence: sequence, number: index % attention.heads, steps: steps,
                length: attention.lengths.map { Int($0[sequence]) } ?? steps, size: attention.size(input))
        }
    }

    func row(_ step: Int) -> Int { step * attention.batch + sequence }

    func place(_ part: Part, _ column: Int) -> Int { (3 * number + part.rawValue) * size + column }

    /// The softmax over the keys.
    func weights(_ query: Int) -> [Double] {
        let scores = (0..<length).map { key -> Double in
            guard !attention.isCausal || key <= query else { return -.infinity }
            return (0..<size).reduce(0) { $0 + input[row(query), place(.query, $1)] * input[row(key), place(.key, $1)] }
                / Double(size).squareRoot()
        }
        let highest = scores.max() ?? 0, shares = scores.map { exp($0 - highest) }, sum = shares.reduce(0, +)
        return shares.map { $0 / sum }
    }

    func factor(_ query: Int, _ key: Int) -> Double {
        let place = ((sequence * attention.heads + number) * steps + query) * steps + key
        return attention.dropout.map { Double($0.factor(at: place)) } ?? 1
    }
}

extension HiddenFunction {
    /// The function, and its derivative.
    func value(_ x: Double) -> (value: Double, slope: Double) {
        switch self {
        case .relu: return (max(0, x), x > 0 ? 1 : 0)
        case .gelu:
            let root = (2 / Double.pi).squareRoot(), u = root * (x + 0.044715 * x * x * x), t = tanh(u)
            return (0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root * (1 + 3 * 0.044715 * x * x))
        }
    }
}
