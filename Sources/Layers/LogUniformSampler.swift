internal import Glibc
public import Kernels

/// Draws distinct classes of a vocabulary that is sorted by frequency, without looking at its counts: words follow Zipf's
/// law, so that
///
///     P(class) = log((class + 2) / (class + 1)) / log(classes + 1)
///
/// is about how frequent a class is. Jozefowicz et al. 2016, and TensorFlow's `log_uniform_candidate_sampler`.
public final class LogUniformSampler {
    public let classes: Int
    /// The classes drawn last, in the order of their first draw.
    public private(set) var drawn: [Int32]
    /// How many draws that took, repeated ones counted.
    public private(set) var tries = 0
    private let logRange: Double
    /// Where in `drawn` each class is, if `stamps` says that it was drawn last time.
    private var places: [Int32]
    private var stamps: [Int32]
    private var stamp: Int32 = 0

    /// - Parameter count: distinct classes in a draw.
    public init(classes: Int, count: Int) {
        precondition(count > 0 && count <= classes, "\(count) distinct classes of \(classes)")
        self.classes = classes
        drawn = Array(repeating: 0, count: count)
        logRange = log(Double(classes) + 1)
        places = Array(repeating: 0, count: classes)
        stamps = Array(repeating: -1, count: classes)
    }

    public func probability(_ class: Int) -> Double { log1p(1 / (Double(`class`) + 1)) / logRange }

    /// How often `class` is expected to be among the classes drawn, given how many draws it took: at most 1.
    public func expectedCount(_ class: Int) -> Double { -expm1(Double(tries) * log1p(-probability(`class`))) }

    /// Where `class` is in `drawn`, `nil` if it was not drawn.
    public func place(of class: Int) -> Int? { stamps[`class`] == stamp ? Int(places[`class`]) : nil }

    public func draw(_ random: inout Random) {
        stamp &+= 1
        tries = 0
        var found = 0
        while found < drawn.count {
            tries += 1
            let `class` = min(classes - 1, Int(exp(random.uniform() * logRange)) - 1)
            guard stamps[`class`] != stamp else { continue }
            stamps[`class`] = stamp
            places[`class`] = Int32(found)
            drawn[found] = Int32(`class`)
            found += 1
        }
    }
}
