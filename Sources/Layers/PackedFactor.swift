internal import Kernels
internal import Parallel

/// How the weights of an encoder that is only used are multiplied.
public enum WeightPrecision: String, Sendable, CaseIterable {
    case float32
    /// Integers of 8 bits, with what they meet (`QuantizedMatrix`): faster, and not exact. Of the sequence encoder alone; the
    /// input layer stays as it is.
    case int8
}

/// The right factor of many products, made once.
enum PackedFactor {
    case floats(PackedMatrix)
    case bytes(QuantizedMatrix)

    init(_ parameter: Parameter, _ precision: WeightPrecision, in store: ParameterStore, _ compute: Compute) {
        let value = store.value(parameter)
        switch precision {
        case .float32:
            let packed = PackedMatrix(rows: value.rows, columns: value.columns)
            compute.pack(value, into: packed)
            self = .floats(packed)
        case .int8: self = .bytes(QuantizedMatrix(value, pool: compute.pool))
        }
    }
}

extension Compute {
    func multiply(_ left: Matrix, _ right: PackedFactor, into result: Matrix, adding: Bool = false) {
        switch right {
        case .floats(let right): multiply(left, right, into: result, adding: adding)
        case .bytes(let right): multiply(left, right, into: result, adding: adding)
        }
    }
}
