/// The secret that the hashes of this process are made with: random, so that nobody can write words that all fall into one slot. No result
/// depends on it, because tables number words in the order in which they come.
public struct HashSecret: Sendable {
    public let start, step, end: UInt64

    public static let ofProcess = HashSecret()

    /// Multipliers are odd and have about as many ones as zeros, so that a product mixes well.
    private init() {
        var random = SystemRandomNumberGenerator()
        func multiplier() -> UInt64 {
            while true {
                let number = random.next() | 1
                if (28...36).contains(number.nonzeroBitCount) { return number }
            }
        }
        start = random.next()
        step = multiplier()
        end = multiplier()
    }
}
