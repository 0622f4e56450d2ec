internal import Glibc

/// The modified Bessel function of the first kind, I_v(x), for one order v, given by its logarithm and by the ratio I_{v+1}(x) /
/// I_v(x). I_v itself exceeds the range of Double where the von Mises-Fisher distribution needs it.
///
/// Orders of at least `leastOrder` are evaluated by an expansion that is uniform in the argument (Abramowitz and Stegun 9.7.7; DLMF
/// 10.41.3 in Olver's notation). With z = x / v, w = sqrt(1 + z^2) and t = 1 / w,
///
///     I_v(x) ~ e^(v w) (z / (1 + w))^v / sqrt(2 pi v w) * sum over k of u_k(t) / v^k.
///
/// Smaller orders start at v + n >= `leastOrder` and go down n steps by the recurrence 1 / ratio(v - 1) = 2 v / x + ratio(v), the
/// direction in which errors shrink. Both are written without the powers of x that make I_v(0) zero or infinite, so that x = 0
/// needs no special case.
///
/// ```swift
/// let bessel = ModifiedBessel(order: 149)
/// let value = bessel(0.4)
/// print(value.logarithm, value.ratio)
/// ```
public struct ModifiedBessel: Sendable {
    /// The value of the function at one argument x.
    ///
    /// ```swift
    /// let ratio = ModifiedBessel(order: 149)(0.4).ratio
    /// ```
    public struct Value: Sendable {
        /// The order v and the argument x.
        public let order, argument: Double
        /// log(I_v(x) / x^v), which is finite at x = 0 too.
        public let scaledLogarithm: Double
        /// I_{v+1}(x) / (x I_v(x)): the derivative of `scaledLogarithm` with respect to x, divided by x; finite at x = 0.
        public let scaledRatio: Double

        /// log I_v(x), for x > 0.
        public var logarithm: Double { scaledLogarithm + order * log(argument) }
        /// I_{v+1}(x) / I_v(x), in 0 ..< 1 for v >= -1/2.
        public var ratio: Double { argument * scaledRatio }
    }

    /// The order v.
    public let order: Double
    /// Number of steps down from the order of the expansion, v + `steps`.
    @_spi(HostMemory) public let steps: Int
    /// Coefficients of t^0, t^1, ... in the sum over k of u_k(t) / v^k, and in that of
    /// (u_{k-1}(t) / 2 + t u'_{k-1}(t)) / v^k, which the ratio needs.
    @_spi(HostMemory) public let sum, slope: [Double]

    /// Number of terms after the first, and the least order for which they suffice.
    private static let terms = 10
    private static let leastOrder = 32.0

    /// Computes the coefficients for an order.
    /// - Parameter order: v, at least -1/2.
    public init(order: Double) {
        precondition(order >= -0.5, "I_v of order \(order)")
        self.order = order
        steps = Int(max(0, (Self.leastOrder - order).rounded(.up)))
        let expanded = order + Double(steps)
        var sum = [Double](repeating: 0, count: 3 * Self.terms + 1)
        var slope = sum
        var polynomial = [1.0]
        var power = 1.0
        for term in 0...Self.terms {
            for (exponent, coefficient) in polynomial.enumerated() {
                sum[exponent] += coefficient * power
                if term < Self.terms { slope[exponent] += (0.5 + Double(exponent)) * coefficient * power / expanded }
            }
            polynomial = Self.successor(polynomial)
            power /= expanded
        }
        (self.sum, self.slope) = (sum, slope)
    }

    /// Returns u_{k+1} from u_k, as coefficients (Abramowitz and Stegun 9.3.10):
    ///
    ///     u_{k+1}(t) = t^2 (1 - t^2) u_k'(t) / 2 + 1/8 integral from 0 to t of (1 - 5 s^2) u_k(s) ds
    private static func successor(_ polynomial: [Double]) -> [Double] {
        var next = [Double](repeating: 0, count: polynomial.count + 3)
        for (exponent, coefficient) in polynomial.enumerated() {
            let n = Double(exponent)
            next[exponent + 1] += coefficient * (n / 2 + 1 / (8 * (n + 1)))
            next[exponent + 3] -= coefficient * (n / 2 + 5 / (8 * (n + 3)))
        }
        return next
    }

    /// Returns the logarithm and the ratio at `x` >= 0; NaN if `x` is NaN.
    public func callAsFunction(_ x: Double) -> Value {
        precondition(!(x < 0), "I_v of \(x)")
        let expanded = order + Double(steps)
        let z = x / expanded
        let w = (1 + z * z).squareRoot()
        let t = 1 / w
        let sum = Self.evaluate(sum, t)
        var logarithm = expanded * (w - log(expanded * (1 + w))) - log(2 * Double.pi * expanded * w) / 2 + log(sum)
        // I'_v / I_v - v / x from the expansions of both (9.7.7, 9.7.9), with the terms that cancel removed.
        var ratio = (1 / (1 + w) - t * t * Self.evaluate(slope, t) / sum) / expanded
        for step in 0..<steps {
            ratio = 1 / (2 * (expanded - Double(step)) + x * x * ratio)
            logarithm -= log(ratio)
        }
        return Value(order: order, argument: x, scaledLogarithm: logarithm, scaledRatio: ratio)
    }

    private static func evaluate(_ coefficients: [Double], _ t: Double) -> Double {
        var value = 0.0
        for coefficient in coefficients.reversed() { value = value * t + coefficient }
        return value
    }
}
