import Kernels

/// Dropout of what goes from one layer up to the next, a draw for every number of a window: of the connections that are not
/// recurrent (Zaremba, Sutskever and Vinyals 2014), as in ELMo.
final class DropoutLayer {
    private let dropout: Dropout
    private let width: Int
    /// [rows, width]: the factors, and the values times them.
    private let mask, dropped: FloatBuffer
    /// Whether the last forward pass dropped anything.
    private var isActive = false

    /// - Parameters:
    ///   - rows: the most that come at once in training; 0 if there will be none.
    init(rate: Float, site: Int, rows: Int, width: Int) {
        dropout = Dropout(rate: rate, site: site)
        self.width = width
        let count = rate > 0 ? rows * width : 0
        mask = FloatBuffer(count: count)
        dropped = FloatBuffer(count: count)
    }

    /// `values` [rows, width] without what is dropped in this pass; they stay as they are.
    func forward(_ values: Matrix, _ mode: PassMode) -> Matrix {
        guard case .training = mode, mask.count > 0 else {
            isActive = false
            return values
        }
        let factors = Matrix(mask, rows: values.rows, columns: width)
        isActive = dropout.prepare(factors, mode)
        let result = output(for: values)
        result.copy(from: values)
        Dropout.apply(factors, to: result)
        return result
    }

    /// What the last forward pass gave for `values`.
    func output(for values: Matrix) -> Matrix {
        isActive ? Matrix(dropped, rows: values.rows, columns: width) : values
    }

    /// Makes the gradient above, [rows, width], that below.
    func backward(_ gradient: Matrix) {
        if isActive { Dropout.apply(Matrix(mask, rows: gradient.rows, columns: width), to: gradient) }
    }

    var bytes: Int { mask.bytes + dropped.bytes }
}
