public import Kernels

/// Weights packed once for many products, until the next update.
///
/// A product packs its factors for itself otherwise, which for few rows costs as much as the product.
public final class PackedWeights {
    struct Packed {
        let parameter: Parameter
        let plain: PackedMatrix
        /// `nil` in a network that is only used.
        fileprivate let transposedMatrix: PackedMatrix?

        var transposed: PackedMatrix {
            guard let transposedMatrix else { preconditionFailure("\(parameter.name) was packed for the way forth only") }
            return transposedMatrix
        }
    }

    private let weights: [Packed]
    private(set) var isCurrent = false

    init(_ parameters: [Parameter], training: Bool) {
        weights = parameters.map { parameter in
            let rows = parameter.shape[0], columns = parameter.shape[1]
            return Packed(
                parameter: parameter, plain: PackedMatrix(rows: rows, columns: columns),
                transposedMatrix: training ? PackedMatrix(rows: rows, columns: columns) : nil)
        }
    }

    func pack(_ store: ParameterStore, _ compute: Compute) {
        for weight in weights {
            let value = store.value(weight.parameter)
            compute.pack(value, into: weight.plain)
            if let transposed = weight.transposedMatrix { compute.pack(value.transposed, into: transposed) }
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
