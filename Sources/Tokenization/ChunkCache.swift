import Shards

/// Remembers what the rules made of each chunk of text, so that they run once for each distinct chunk of a piece.
///
/// The key is the chunk itself, at most 16 bytes filled up with zeros; text holds no NUL, so the length is part of it.
/// One multiplication hashes it, two comparisons find it, and no word is touched.
struct ChunkCache: ~Copyable {
    struct Slot {
        var low: UInt64 = 0
        var high: UInt64 = 0
        /// The token's id, or where the tokens' ids begin in the list of expansions.
        var first: UInt32 = 0
        /// How many tokens there are, and in the low 3 bits how the chunk may end a sentence (`ChunkEnd`).
        var info: UInt32 = 0
    }

    /// `info` of a chunk that is one token and cannot end a sentence: nearly all of them.
    static let oneWord: UInt32 = 1 << 3

    private var slots: UnsafeMutablePointer<Slot>
    private var mask: Int
    private var count = 0
    private let secret = HashSecret.ofProcess

    init(capacity: Int) {
        var size = 1 << 10
        while size * 2 < capacity * 3 { size *= 2 }
        slots = .allocate(capacity: size)
        slots.initialize(repeating: Slot(), count: size)
        mask = size - 1
    }

    deinit { slots.deallocate() }

    /// The slot of a chunk, or the empty one (`low` is 0) where it belongs. Valid until the next `insert`.
    @inline(__always)
    func slot(_ low: UInt64, _ high: UInt64) -> UnsafeMutablePointer<Slot> {
        var place = hash(low, high) & mask
        while true {
            let slot = slots + place
            if (slot.pointee.low == low && slot.pointee.high == high) || slot.pointee.low == 0 { return slot }
            place = (place + 1) & mask
        }
    }

    mutating func insert(_ slot: Slot) {
        if (count + 1) * 3 > (mask + 1) * 2 { grow() }
        self.slot(slot.low, slot.high).pointee = slot
        count += 1
    }

    mutating func removeAll() {
        slots.update(repeating: Slot(), count: mask + 1)
        count = 0
    }

    private mutating func grow() {
        let old = slots
        let oldSize = mask + 1
        slots = .allocate(capacity: oldSize * 2)
        slots.initialize(repeating: Slot(), count: oldSize * 2)
        mask = oldSize * 2 - 1
        for index in 0..<oldSize where old[index].low != 0 { slot(old[index].low, old[index].high).pointee = old[index] }
        old.deallocate()
    }

    @inline(__always)
    private func hash(_ low: UInt64, _ high: UInt64) -> Int {
        let product = (low ^ secret.start).multipliedFullWidth(by: high ^ secret.step)
        return Int(truncatingIfNeeded: product.high ^ product.low)
    }
}
