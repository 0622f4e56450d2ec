/// Words as bytes, each with an id: 0, 1, 2, … in the order in which they first came.
///
/// Whatever belongs to the words, such as counts, is an array beside the table, indexed by id. Memory is the words' bytes, 8
/// bytes a word for their ends, and 12 to 24 bytes a word for the slots.
public struct WordTable: Sendable {
    private var words = WordList()
    /// The id plus one, 0 where a slot is empty; beside it the high half of the hash, so that bytes are compared only
    /// when the words are almost surely the same.
    private var slots: [Slot]
    private var mask: Int
    private let secret = HashSecret.ofProcess

    private struct Slot {
        var idPlusOne: UInt32 = 0
        var tag: UInt32 = 0
    }

    /// - Parameter capacity: the number of words that fit before the table grows.
    public init(capacity: Int = 0) {
        var size = 64
        while size * 2 < capacity * 3 { size *= 2 }
        slots = Array(repeating: Slot(), count: size)
        mask = size - 1
        words.ends.reserveCapacity(capacity)
    }

    public var count: Int { words.count }

    /// All words, one after the other without separators.
    public var bytes: [UInt8] { words.bytes }

    /// Bytes of memory held, slots included.
    public var memory: Int {
        words.bytes.capacity + words.ends.capacity * MemoryLayout<Int>.stride + slots.capacity * MemoryLayout<Slot>.stride
    }

    /// The place of word `id` in `bytes`.
    public func range(of id: Int) -> Range<Int> { words.range(of: id) }

    /// Calls `body` with the bytes of word `id`.
    public func withWord<Result>(_ id: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try words.withWord(id, body)
    }

    /// Word `id` as text.
    public func word(_ id: Int) -> String { words.word(id) }

    /// The id of a word, `nil` if the table does not have it.
    public func find(_ word: UnsafeRawBufferPointer) -> Int? {
        let hash = hash(word)
        let slot = slots[position(of: word, hash)]
        return slot.idPlusOne == 0 ? nil : Int(slot.idPlusOne) - 1
    }

    public func find(_ word: String) -> Int? {
        var word = word
        return word.withUTF8 { find(UnsafeRawBufferPointer($0)) }
    }

    /// The id of a word, which joins the table if it is new: then the id is the count before the call.
    public mutating func insert(_ word: UnsafeRawBufferPointer) -> Int {
        let hash = hash(word)
        let place = position(of: word, hash)
        if slots[place].idPlusOne != 0 { return Int(slots[place].idPlusOne) - 1 }
        let id = count
        precondition(id < Int(UInt32.max) - 1, "a word table holds at most 2^32 - 2 words")
        slots[place] = Slot(idPlusOne: UInt32(id + 1), tag: UInt32(truncatingIfNeeded: hash >> 32))
        words.append(word)
        if count * 3 > slots.count * 2 { grow() }
        return id
    }

    public mutating func insert(_ word: String) -> Int {
        var word = word
        return word.withUTF8 { insert(UnsafeRawBufferPointer($0)) }
    }

    /// Inserts all words of `other` in the order of their ids; `map[id]` becomes the id here of its word `id`.
    ///
    /// A large table lies outside the caches, and every look-up waits for memory three times. Words are looked up in groups,
    /// each step for the whole group, so that the waits of a step overlap.
    public mutating func insert(contentsOf other: borrowing WordTable, map: inout [UInt32]) {
        map.removeAll(keepingCapacity: true)
        map.reserveCapacity(other.count)
        var touched: UInt8 = 0
        for first in stride(from: 0, to: other.count, by: Self.group) {
            let group = first..<min(first + Self.group, other.count)
            touched &+= touch(other, group)
            for id in group { map.append(UInt32(truncatingIfNeeded: other.withWord(id) { insert($0) })) }
        }
        // Without a use the loads would be optimised away.
        withExtendedLifetime(touched) {}
    }

    private static let group = 32

    /// Brings the slots, ends and bytes into the cache that looking up `group` of `other` will read.
    private func touch(_ other: borrowing WordTable, _ group: Range<Int>) -> UInt8 {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: Self.group) { candidates in
            slots.withUnsafeBufferPointer { slots in
                for (index, id) in group.enumerated() {
                    let place = Int(truncatingIfNeeded: other.withWord(id) { hash($0) }) & mask
                    candidates[index] = Int(slots[place].idPlusOne)
                }
            }
            words.ends.withUnsafeBufferPointer { ends in
                for index in 0..<group.count where candidates[index] > 1 {
                    candidates[index] = ends[candidates[index] - 2]
                }
            }
            return words.bytes.withUnsafeBufferPointer { bytes in
                var sum: UInt8 = 0
                for index in 0..<group.count where candidates[index] < bytes.count { sum &+= bytes[candidates[index]] }
                return sum
            }
        }
    }

    /// Forgets all words and keeps the memory.
    public mutating func removeAll() {
        words.removeAll()
        slots.withUnsafeMutableBufferPointer { $0.update(repeating: Slot()) }
    }

    private func position(of word: UnsafeRawBufferPointer, _ hash: UInt64) -> Int {
        let tag = UInt32(truncatingIfNeeded: hash >> 32)
        var place = Int(truncatingIfNeeded: hash) & mask
        return slots.withUnsafeBufferPointer { slots in
            while true {
                let slot = slots[place]
                if slot.idPlusOne == 0 { return place }
                if slot.tag == tag && equals(Int(slot.idPlusOne) - 1, word) { return place }
                place = (place + 1) & mask
            }
        }
    }

    private func equals(_ id: Int, _ word: UnsafeRawBufferPointer) -> Bool {
        let range = range(of: id)
        guard range.count == word.count else { return false }
        return words.bytes.withUnsafeBytes { bytes in
            guard word.count >= 8 else {
                for index in 0..<word.count where bytes[range.lowerBound + index] != word[index] { return false }
                return true
            }
            var offset = 0
            while offset + 8 <= word.count {
                if Self.load(bytes, range.lowerBound + offset) != Self.load(word, offset) { return false }
                offset += 8
            }
            return Self.load(bytes, range.upperBound - 8) == Self.load(word, word.count - 8)
        }
    }

    private mutating func grow() {
        var larger = [Slot](repeating: Slot(), count: slots.count * 2)
        let mask = larger.count - 1
        for id in 0..<count {
            let hash = withWord(id) { self.hash($0) }
            var place = Int(truncatingIfNeeded: hash) & mask
            while larger[place].idPlusOne != 0 { place = (place + 1) & mask }
            larger[place] = Slot(idPlusOne: UInt32(id + 1), tag: UInt32(truncatingIfNeeded: hash >> 32))
        }
        slots = larger
        self.mask = mask
    }

    /// Eight bytes at a time by a widening multiplication whose halves are folded together (the mixing step of wyhash,
    /// Wang Yi 2019). Words are short, so what counts is the cost of the first 16 bytes.
    @inline(__always)
    private func hash(_ word: UnsafeRawBufferPointer) -> UInt64 {
        let count = word.count
        var state: UInt64 = secret.start ^ UInt64(truncatingIfNeeded: count)
        var offset = 0
        while count - offset > 8 {
            state = Self.mix(state ^ Self.load(word, offset), secret.step)
            offset += 8
        }
        let rest = count - offset
        var last: UInt64 = 0
        if count >= 8 {
            last = Self.load(word, count - 8)
        } else if rest >= 4 {
            let low = word.loadUnaligned(fromByteOffset: 0, as: UInt32.self)
            let high = word.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
            last = UInt64(UInt32(littleEndian: low)) | UInt64(UInt32(littleEndian: high)) << 32
        } else if rest > 0 {
            last = UInt64(word[0]) | UInt64(word[count >> 1]) << 8 | UInt64(word[count - 1]) << 16
        }
        return Self.mix(state ^ last, secret.end)
    }

    @inline(__always)
    private static func load(_ word: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: word.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}

/// Words as bytes in the order given, without a hash table: the dictionary of a token shard as a reader keeps it.
public struct WordList: Sendable {
    fileprivate var bytes: [UInt8] = []
    /// The places in `bytes` where the words end.
    fileprivate var ends: [Int] = []

    public init() {}

    public var count: Int { ends.count }

    public mutating func append(_ word: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: word)
        ends.append(bytes.count)
    }

    fileprivate func range(of index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    /// Calls `body` with the bytes of word `index`.
    public func withWord<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range(of: index)])) }
    }

    public func word(_ index: Int) -> String { withWord(index) { String(decoding: $0, as: UTF8.self) } }

    /// Forgets all words and keeps the memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }
}

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
