internal import Glibc

/// SplitMix64 (Steele, Lea and Flood 2014), which spreads a seed or a counter over 64 bits.
///
/// ```swift
/// let bits = SplitMix64.mix(42)
/// ```
public enum SplitMix64 {
    /// Returns the finaliser of a number: a bijection on 64 bits in which each input bit flips half of the output bits on average.
    @inlinable @inline(__always)
    public static func mix(_ value: UInt64) -> UInt64 {
        var bits = value &+ 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}

/// The generator xoshiro256** 1.0 (Blackman and Vigna 2018). The same seed and stream give the same numbers on every machine.
///
/// ```swift
/// var random = Random(seed: 1, stream: "example")
/// let number = random.uniform()
/// ```
public struct Random: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    /// Creates a generator.
    /// - `stream`: a name for the purpose of the numbers; different names give independent streams of one seed.
    public init(seed: UInt64, stream: StaticString = "") {
        var key = SplitMix64.mix(seed)
        stream.withUTF8Buffer { name in
            for byte in name { key = SplitMix64.mix(key ^ UInt64(byte)) }
        }
        self.init(key: key)
    }

    /// Creates a numbered stream of a seed, one for each shard for example.
    public init(seed: UInt64, stream: StaticString, number: Int) {
        var parent = Random(seed: seed, stream: stream)
        self.init(key: SplitMix64.mix(parent.next() ^ UInt64(bitPattern: Int64(number))))
    }

    private init(key: UInt64) {
        let step: UInt64 = 0x9E37_79B9_7F4A_7C15
        state = (
            SplitMix64.mix(key), SplitMix64.mix(key &+ step), SplitMix64.mix(key &+ 2 &* step),
            SplitMix64.mix(key &+ 3 &* step)
        )
    }

    /// Returns 64 random bits.
    public mutating func next() -> UInt64 {
        let product = state.1 &* 5
        let result = (product << 7 | product >> 57) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = state.3 << 45 | state.3 >> 19
        return result
    }

    /// Returns a number uniform in 0 ..< 1, with 53 random bits.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Returns a number uniform in `range`.
    public mutating func uniform(in range: Range<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
    }

    /// Returns an integer uniform in 0 ..< `bound`, without bias (Lemire 2019).
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0)
        let bound = UInt64(bound)
        while true {
            let (high, low) = bound.multipliedFullWidth(by: next())
            if low >= (0 &- bound) % bound { return Int(high) }
        }
    }

    /// Returns a standard normal number (Box and Muller's transform).
    public mutating func normal() -> Double {
        (-2 * log(1 - uniform())).squareRoot() * cos(2 * Double.pi * uniform())
    }

    /// Shuffles an array (Fisher and Yates). Inlined, because an unspecialised generic swap allocates memory.
    @inlinable
    public mutating func shuffle<Element>(_ elements: inout [Element]) {
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, below(last + 1))
        }
    }
}
