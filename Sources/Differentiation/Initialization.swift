public import Kernels
public import Layers

extension ParameterStore {
    /// Fills a weight [n, blocks x n] with random orthogonal matrices side by side (Saxe, McClelland and Ganguli 2014). If a block
    /// is not square, its rows or columns are orthogonal to each other.
    public func fillOrthogonal(_ weight: Parameter, blocks: Int = 1, random: inout Random) {
        let rows = weight.shape[0], columns = weight.shape[1] / blocks
        let matrices = (0..<blocks).map { _ in orthogonal(rows, columns, random: &random) }
        var index = 0
        fill(weight) {
            defer { index += 1 }
            let (row, column) = index.quotientAndRemainder(dividingBy: blocks * columns)
            return matrices[column / columns][row * columns + column % columns]
        }
    }

    /// Fills a weight with normal numbers of standard deviation sqrt(2 / (inputs + outputs)) (Glorot and Bengio 2010).
    public func fillGlorotNormal(_ weight: Parameter, inputs: Int, outputs: Int, random: inout Random) {
        let deviation = (2 / Double(inputs + outputs)).squareRoot()
        fill(weight) { deviation * random.normal() }
    }

    /// Fills a parameter with numbers uniform in ±1 / sqrt(inputs), as PyTorch's layers do.
    public func fillUniform(_ parameter: Parameter, inputs: Int, random: inout Random) {
        let bound = 1 / Double(inputs).squareRoot()
        fill(parameter) { random.uniform(in: -bound..<bound) }
    }
}

// Initialisations of AllenNLP's networks, which differ from `LSTM.initialize`.
extension BidirectionalLSTM {
    /// Initialises input weights as Glorot and recurrent weights as orthogonal, with all gates together as one matrix, and the
    /// biases of the forget gates with 1.
    public func initializeGatesTogether(_ parameters: ParameterStore, random: inout Random) {
        for layer in [fromBeginning, fromEnd] {
            parameters.fillGlorot(layer.inputWeight, inputs: layer.inputs, outputs: layer.inputWeight.shape[1], random: &random)
            parameters.fillOrthogonal(layer.recurrentWeight, random: &random)
            layer.openForgetGates(parameters)
        }
    }

    /// Initialises weights uniformly in ±1 / sqrt(size). A bias is the sum of two such numbers, because PyTorch's LSTM has two of
    /// them.
    public func initializeUniformly(_ parameters: ParameterStore, random: inout Random) {
        for layer in [fromBeginning, fromEnd] {
            for weight in [layer.inputWeight, layer.recurrentWeight] { parameters.fillUniform(weight, inputs: layer.size, random: &random) }
            let bound = 1 / Double(layer.size).squareRoot()
            parameters.fill(layer.bias) { random.uniform(in: -bound..<bound) + random.uniform(in: -bound..<bound) }
        }
    }
}

/// Returns a matrix whose rows, or columns if there are fewer, have unit length and are orthogonal to each other: normal numbers,
/// orthogonalised twice by the Gram-Schmidt process for precision.
private func orthogonal(_ rows: Int, _ columns: Int, random: inout Random) -> [Double] {
    let count = min(rows, columns), length = max(rows, columns)
    var vectors = (0..<count * length).map { _ in random.normal() }
    vectors.withUnsafeMutableBufferPointer { vectors in
        guard let start = vectors.baseAddress else { return }
        for index in 0..<count {
            let own = start + index * length
            for _ in 0..<2 {
                for before in 0..<index {
                    let other = start + before * length, product = innerProduct(own, other, count: length)
                    for place in 0..<length { own[place] -= product * other[place] }
                }
                let scale = 1 / innerProduct(own, own, count: length).squareRoot()
                for place in 0..<length { own[place] *= scale }
            }
        }
    }
    guard rows > columns else { return vectors }
    return (0..<rows * columns).map { vectors[$0 % columns * length + $0 / columns] }
}

private func innerProduct(_ one: UnsafePointer<Double>, _ other: UnsafePointer<Double>, count: Int) -> Double {
    func eight(_ pointer: UnsafePointer<Double>, _ index: Int) -> SIMD8<Double> {
        UnsafeRawPointer(pointer + index).loadUnaligned(as: SIMD8<Double>.self)
    }
    var sums = SIMD8<Double>.zero, index = 0
    while index + 8 <= count {
        sums += eight(one, index) * eight(other, index)
        index += 8
    }
    return (index..<count).reduce(sums.sum()) { $0 + one[$1] * other[$1] }
}
