import Kernels

/// Weights packed once for many products: until the next update in training, or permanently.
///
/// Otherwise each product packs its factors, which for few rows costs as much as the product itself.
final class PackedWeights {
    private struct Packed {
        let parameter: Parameter
        let plainMemory, transposedMemory: FloatBuffer
        var plain, transposed: PackedFactor?
    }

    private var weights: [Packed]
    /// The packed factors of a network that is not trained, by the place of the parameter.
    private var constants: [Int: PackedFactor] = [:]
    private var isCurrent = false

    /// Prepares weights for training: both orientations, packed by `pack`.
    init(_ parameters: [Parameter], _ backend: any Backend) {
        weights = parameters.map { parameter in
            let count = backend.packedCount(rows: parameter.shape[0], columns: parameter.shape[1])
            return Packed(
                parameter: parameter, plainMemory: backend.allocate(count), transposedMemory: backend.allocate(count))
        }
    }

    /// Packs weights for the forward pass of a network that is not trained.
    init(constants parameters: [(Parameter, WeightPrecision)], in store: ParameterStore) {
        weights = []
        for (parameter, precision) in parameters {
            let value = store.value(parameter)
            constants[parameter.place] = precision == .int8 ? store.backend.quantize(value) : store.backend.packed(value)
        }
    }

    func pack(_ store: ParameterStore) {
        for index in weights.indices {
            let value = store.value(weights[index].parameter)
            func memory(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: 1, columns: buffer.count) }
            weights[index].plain = store.backend.pack(value, into: memory(weights[index].plainMemory))
            weights[index].transposed = store.backend.pack(value.transposed, into: memory(weights[index].transposedMemory))
        }
        isCurrent = true
    }

    func expire() { isCurrent = false }

    func plain(_ parameter: Parameter) -> PackedFactor? { constants[parameter.place] ?? find(parameter)?.plain }
    func transposed(_ parameter: Parameter) -> PackedFactor? { find(parameter)?.transposed }

    private func find(_ parameter: Parameter) -> Packed? {
        isCurrent ? weights.first { $0.parameter.offset == parameter.offset } : nil
    }
}
