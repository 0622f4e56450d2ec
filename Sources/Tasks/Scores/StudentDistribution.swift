internal import Glibc

/// Student's t distribution.
package enum StudentDistribution {
    /// Returns the probability of a value at least as far from 0 as `t`, on either side: I_x(df / 2, 1 / 2) with x = df / (df + t²).
    package static func twoSidedP(_ t: Double, degreesOfFreedom df: Double) -> Double {
        guard t.isFinite else { return 0 }
        return incompleteBeta(df / (df + t * t), df / 2, 0.5)
    }

    /// Returns the regularised incomplete beta function I_x(a, b), computed by its continued fraction (Abramowitz and Stegun 26.5.8).
    private static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard x > 0, x < 1 else { return x <= 0 ? 0 : 1 }
        // The fraction converges fast on this side, and the value on the other side follows from it.
        guard x <= (a + 1) / (a + b + 2) else { return 1 - incompleteBeta(1 - x, b, a) }
        let beta = lgamma(a) + lgamma(b) - lgamma(a + b)
        let factor = exp(a * log(x) + b * log(1 - x) - beta) / a
        // Lentz's method.
        var c = 1.0, d = 1 / nonZero(1 - (a + b) * x / (a + 1)), fraction = d
        for step in 1...1000 {
            let m = Double(step), place = a + 2 * m
            let even: Double = m * (b - m) * x / ((place - 1) * place)
            let odd: Double = -(a + m) * (a + b + m) * x / (place * (place + 1))
            for term in [even, odd] {
                d = 1 / nonZero(1 + term * d)
                c = nonZero(1 + term / c)
                fraction *= c * d
            }
            if abs(c * d - 1) < 1e-15 { break }
        }
        return factor * fraction
    }

    private static func nonZero(_ value: Double) -> Double { abs(value) < 1e-300 ? 1e-300 : value }
}
