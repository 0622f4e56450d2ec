public import Kernels

/// Inverted dropout: each element becomes zero with probability `rate`, and the others are divided by 1 - `rate`, so that inference
/// needs no change.
///
/// As a layer it applies to what one layer passes up to the next, that is, to connections that are not recurrent (Zaremba,
/// Sutskever and Vinyals 2014), as in ELMo, with one draw for every number of a window. A recurrent layer uses only the mask.
///
/// ```swift
/// let dropout = Dropout(rate: 0.1, rows: 320, width: 512, in: &plan)
/// ```
public struct Dropout: Sendable {
    /// Probability that an element becomes zero.
    public let rate: Float
    /// Number of this place in the network.
    private let site: Int
    /// Factors, and the values times them, [rows, width].
    private let mask, dropped: MatrixSlot

    /// Declares the layer.
    /// - `rows`: rows of a mask.
    /// - `keepsValues`: whether the input values must be preserved.
    public init(rate: Float, rows: Int, width: Int, keepsValues: Bool = true, in plan: inout Plan) {
        self.rate = rate
        site = plan.dropoutSite()
        let rows = rate > 0 ? rows : 0
        mask = plan.gradient(rows: rows, columns: width)
        dropped = plan.gradient(rows: keepsValues ? rows : 0, columns: width)
    }

    /// Draws the factors of this pass, [rows, width]; returns `nil` if nothing is dropped.
    func draw(rows: Int, _ run: Run) -> Matrix? {
        guard case .training(let seed, let step) = run.mode, let mask = mask(rows: rows, run) else { return nil }
        run.backend.fill(mask, with: DropoutDraw(rate: rate, seed: seed, site: site, step: step))
        return mask
    }

    /// Returns the factors drawn in the last forward pass.
    func mask(rows: Int, _ run: Run) -> Matrix? {
        guard case .training = run.mode, rate > 0 else { return nil }
        return run.matrix(mask, rows: rows)
    }

    /// Returns `values` [rows, width] after dropout. With `keepsValues`, the argument is not changed.
    public func forward(_ values: Matrix, _ run: Run) -> Matrix {
        guard let mask = draw(rows: values.rows, run) else { return values }
        let result = output(for: values, run)
        run.backend.copy(values, to: result)
        run.backend.multiply(result, by: mask)
        return result
    }

    /// Returns the output of the last forward pass for `values`.
    public func output(for values: Matrix, _ run: Run) -> Matrix {
        mask(rows: values.rows, run) == nil ? values : run.matrix(dropped, rows: values.rows)
    }

    /// Turns the gradient of the output [rows, width] into that of the input, in place.
    public func backward(_ gradient: Matrix, _ run: Run) {
        if let mask = mask(rows: gradient.rows, run) { run.backend.multiply(gradient, by: mask) }
    }
}

/// A place in a network with dropout that stores no mask: backward passes draw the same mask again.
struct DropoutSite: Sendable {
    let rate: Float
    private let number: Int

    init(rate: Float, in plan: inout Plan) {
        self.rate = rate
        number = plan.dropoutSite()
    }

    /// Returns the draw of this pass; `nil` if nothing is dropped.
    func draw(_ run: Run) -> DropoutDraw? {
        guard case .training(let seed, let step) = run.mode, rate > 0 else { return nil }
        return DropoutDraw(rate: rate, seed: seed, site: number, step: step)
    }
}
