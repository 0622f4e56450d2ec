public import Kernels

extension ParameterStore {
    /// Uniform in ±sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010).
    /// - Parameter outputs: of one block, where a matrix holds several side by side, such as an LSTM's four gates.
    public func fillGlorot(_ parameter: Parameter, inputs: Int, outputs: Int, random: inout Random) {
        let bound = (6 / Double(inputs + outputs)).squareRoot()
        let matrix = value(parameter)
        for index in 0..<parameter.count { matrix.start[index] = Float(random.uniform(in: -bound..<bound)) }
    }

    public func fill(_ parameter: Parameter, with constant: Float) { value(parameter).fill(constant) }
}
