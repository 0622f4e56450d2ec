public import Kernels

/// Weights packed once for many products: until the next update in training, or for good.
///
/// A product packs its factors for itself otherwise, which for few rows costs as much as the product.
public final class PackedWeights {
    private struct Packed {
        let parameter: Parameter
        let plain, transposed: PackedMatrix
    }

    private let weights: [Packed]
    /// Of a network that is only used, by their parameter's place.
    private var constants: [Int: PackedFactor] = [:]
    private(set) var isCurrent = false

    /// For training: both ways, packed by `pack`.
    init(_ parameters: [Parameter]) {
        weights = parameters.map { parameter in
            let rows = parameter.shape[0], columns = parameter.shape[1]
            return Packed(
                parameter: parameter, plain: PackedMatrix(rows: rows, columns: columns),
                transposed: PackedMatrix(rows: rows, columns: columns))
        }
    }

    /// For the way forth of a network that is only used.
    init(constants parameters: [(Parameter, WeightPrecision)], in store: ParameterStore, _ compute: Compute) {
        weights = []
        for (parameter, precision) in parameters {
            constants[parameter.place] = PackedFactor(parameter, precision, in: store, compute)
        }
    }

    func pack(_ store: ParameterStore, _ compute: Compute) {
        for weight in weights {
            let value = store.value(weight.parameter)
            compute.pack(value, into: weight.plain)
            compute.pack(value.transposed, into: weight.transposed)
        }
        isCurrent = true
    }

    func expire() { isCurrent = false }

    fileprivate func plain(_ parameter: Parameter) -> PackedFactor? {
        constants[parameter.place] ?? find(parameter).map { .floats($0.plain) }
    }

    fileprivate func transposed(_ parameter: Parameter) -> PackedMatrix? { find(parameter)?.transposed }

    private func find(_ parameter: Parameter) -> Packed? {
        isCurrent ? weights.first { $0.parameter.offset == parameter.offset } : nil
    }
}

extension ParameterStore {
    /// Packs the weights that were chosen by `planPacking`: layers use them so until the next `update`. Whoever changes
    /// them otherwise packs again.
    public func packWeights(compute: Compute) { packedWeights?.pack(self, compute) }

    /// A weight as it was packed, if it was and is current.
    func packed(_ parameter: Parameter) -> PackedFactor? { packedWeights?.plain(parameter) }

    /// The same of its transpose.
    func packedTranspose(_ parameter: Parameter) -> PackedMatrix? { packedWeights?.transposed(parameter) }
}
