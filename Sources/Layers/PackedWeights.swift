public import Kernels

/// Weights packed once for the products of many threads, until the next update.
///
/// Each thread would pack a weight for itself in every product otherwise, which for small groups of rows costs as much as
/// the product.
public final class PackedWeights {
    struct Packed {
        let parameter: Parameter
        let plain, transposed: PackedMatrix
    }

    private let weights: [Packed]
    private(set) var isCurrent = false

    init(_ parameters: [Parameter]) {
        weights = parameters.map { parameter in
            let rows = parameter.shape[0], columns = parameter.shape[1]
            return Packed(
                parameter: parameter, plain: PackedMatrix(rows: rows, columns: columns),
                transposed: PackedMatrix(rows: rows, columns: columns))
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

    func find(_ parameter: Parameter) -> Packed? {
        isCurrent ? weights.first { $0.parameter.offset == parameter.offset } : nil
    }
}

extension ParameterStore {
    /// Packs the weights that were chosen by `planPacking`: layers use them so until the next `update`. Whoever changes
    /// them otherwise packs again.
    public func packWeights(compute: Compute) { packedWeights?.pack(self, compute) }

    /// A weight as it was packed, if it was and is current.
    func packed(_ parameter: Parameter) -> PackedWeights.Packed? { packedWeights?.find(parameter) }
}
