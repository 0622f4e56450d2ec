import Glibc
@_spi(HostMemory) import Kernels
import Testing

@Suite struct BesselTests {
    /// -1/2 to 600 in steps that give integers, half-integers and others.
    private static let orders =
        [-0.5, 0, 0.3] + stride(from: 0.5, through: 40, by: 0.5) + stride(from: 40.25, to: 600, by: 23.75)

    /// `count` numbers from `first` to `last` in equal ratios.
    private func arguments(_ first: Double, _ last: Double, _ count: Int) -> [Double] {
        (0..<count).map { first * pow(last / first, Double($0) / Double(count - 1)) }
    }

    @Test(arguments: BesselReference.rows) func agreesWithMpmath(row: BesselReference.Row) {
        let bessel = ModifiedBessel(order: row.order)
        for (index, argument) in BesselReference.arguments.enumerated() {
            let value = bessel(argument)
            // The difference of logarithms is the relative error of I_v itself.
            #expect(abs(value.logarithm - row.logarithms[index]) < 1e-10, "I_\(row.order)(\(argument))")
            #expect(abs(value.ratio / row.ratios[index] - 1) < 1e-13, "ratio \(row.order) at \(argument)")
        }
    }

    /// I_{1/2} = sqrt(2 / (pi x)) sinh x, and I_{3/2} / I_{1/2} = coth x - 1 / x.
    @Test func halfIsElementary() {
        for x in arguments(0.5, 300, 100) {
            let value = ModifiedBessel(order: 0.5)(x)
            #expect(abs(value.logarithm - log((2 / (Double.pi * x)).squareRoot() * sinh(x))) < 1e-12)
            #expect(abs(value.ratio - (1 / tanh(x) - 1 / x)) < 1e-13)
        }
    }

    /// I_{v-1} - I_{v+1} = (2 v / x) I_v, divided by I_v.
    @Test func neighbouringOrdersObeyTheRecurrence() {
        for order in Self.orders where order >= 0.5 {
            let (below, here) = (ModifiedBessel(order: order - 1), ModifiedBessel(order: order))
            for x in arguments(1e-3, 1e5, 200) {
                let (lower, upper) = (1 / below(x).ratio, here(x).ratio)
                #expect(abs(lower - upper - 2 * order / x) < 1e-12 * lower, "order \(order) at \(x)")
                #expect(abs(exp(below(x).logarithm - here(x).logarithm) / lower - 1) < 1e-9, "order \(order) at \(x)")
            }
        }
    }

    /// The derivative of log(I_v(x) / x^v) is the ratio: from five points, the error being of fourth order.
    @Test func theRatioIsTheDerivative() {
        for order in Self.orders {
            let bessel = ModifiedBessel(order: order)
            for x in arguments(1, 1e5, 100) {
                let step = 0.01 * x
                func difference(_ step: Double) -> Double {
                    (bessel(x + step).scaledLogarithm - bessel(x - step).scaledLogarithm) / (2 * step)
                }
                let slope = (4 * difference(step) - difference(2 * step)) / 3
                #expect(abs(slope / bessel(x).ratio - 1) < 1e-6, "order \(order) at \(x)")
            }
        }
    }

    /// I_v(x) / x^v is 1 / (2^v Gamma(v + 1)) at 0: sqrt(2 / pi) for -1/2 and 1/2, 1 for 0, 1/8 for 2.
    @Test func zeroIsNoExceptionAndNaNStays() {
        let half = (2 / Double.pi).squareRoot()
        for (order, expected) in [(-0.5, half), (0, 1), (0.5, half), (2, 0.125)] {
            let value = ModifiedBessel(order: order)(0)
            #expect(abs(value.scaledLogarithm - log(expected)) < 1e-13)
            #expect(value.ratio == 0)
            #expect(abs(value.scaledRatio - 1 / (2 * order + 2)) < 1e-14)
            let bad = ModifiedBessel(order: order)(.nan)
            #expect(bad.scaledLogarithm.isNaN && bad.ratio.isNaN)
        }
    }
}
