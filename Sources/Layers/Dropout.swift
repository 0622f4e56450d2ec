public import Kernels

/// Inverted dropout: each element becomes zero with probability `rate`, the others are divided by 1 - `rate`, so that
/// nothing changes at inference.
///
/// As a layer it drops what goes from one layer up to the next, a draw for every number of a window: of the connections that
/// are not recurrent (Zaremba, Sutskever and Vinyals 2014), as in ELMo. A recurrent layer uses the mask alone.
public struct Dropout: Sendable {
    public let rate: Float
    /// A number for this place in the network.
    private let site: Int
    /// [rows, width]: the factors, and the values times them.
    private let mask, dropped: MatrixSlot

    /// - Parameters:
    ///   - rows: of a mask.
    ///   - keepsValues: whether the values that go in are wanted afterwards too.
    public init(rate: Float, rows: Int, width: Int, keepsValues: Bool = true, in plan: inout Plan) {
        self.rate = rate
        site = plan.dropoutSite()
        let rows = rate > 0 ? rows : 0
        mask = plan.gradient(rows: rows, columns: width)
        dropped = plan.gradient(rows: keepsValues ? rows : 0, columns: width)
    }

    /// The factors of this pass, [rows, width], drawn now; `nil` if nothing is dropped.
    func draw(rows: Int, _ run: Run) -> Matrix? {
        guard case .training(let seed, let step) = run.mode, let mask = mask(rows: rows, run) else { return nil }
        run.backend.fill(mask, with: DropoutDraw(rate: rate, seed: seed, site: site, step: step))
        return mask
    }

    /// The factors that were drawn in the last forward pass.
    func mask(rows: Int, _ run: Run) -> Matrix? {
        guard case .training = run.mode, rate > 0 else { return nil }
        return run.matrix(mask, rows: rows)
    }

    /// `values` [rows, width] without what is dropped in this pass; they stay as they are.
    public func forward(_ values: Matrix, _ run: Run) -> Matrix {
        guard let mask = draw(rows: values.rows, run) else { return values }
        let result = output(for: values, run)
        run.backend.copy(values, to: result)
        run.backend.multiply(result, by: mask)
        return result
    }

    /// The output of the last forward pass for `values`.
    public func output(for values: Matrix, _ run: Run) -> Matrix {
        mask(rows: values.rows, run) == nil ? values : run.matrix(dropped, rows: values.rows)
    }

    /// Makes the gradient above, [rows, width], that below.
    public func backward(_ gradient: Matrix, _ run: Run) {
        if let mask = mask(rows: gradient.rows, run) { run.backend.multiply(gradient, by: mask) }
    }
}

/// A place in a network that drops units without keeping what it drew: backward passes draw the same again.
struct DropoutSite: Sendable {
    let rate: Float
    private let number: Int

    init(rate: Float, in plan: inout Plan) {
        self.rate = rate
        number = plan.dropoutSite()
    }

    /// The draw of this pass; `nil` if nothing is dropped.
    func draw(_ run: Run) -> DropoutDraw? {
        guard case .training(let seed, let step) = run.mode, rate > 0 else { return nil }
        return DropoutDraw(rate: rate, seed: seed, site: number, step: step)
    }
}
