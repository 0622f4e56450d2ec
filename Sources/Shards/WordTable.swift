/// Words as bytes, each with an id: 0, 1, 2, … in the order of their first insertion.
///
/// Counts and other properties of words are kept in arrays indexed by id. Memory is the words' bytes, 8 bytes for the end of
/// each word, and 12 to 24 bytes of slots for each word.
///
/// ```swift
/// var words = WordTable()
/// let id = words.insert("word")               // 0
/// print(words.find("word") ?? -1, words.count)
/// ```
public struct WordTable: Sendable {
    private var words = WordList()
    /// The id plus one, or 0 in an empty slot, and the high half of the hash, so that bytes are compared only if the words are
    /// almost certainly equal.
    private var slots: [Slot]
    private var mask: Int
    private let secret = HashSecret.ofProcess

    private struct Slot {
        var idPlusOne: UInt32 = 0
        var tag: UInt32 = 0
    }

    /// Creates an empty table.
    /// - Parameter capacity: number of words that fit before the table grows.
    public init(capacity: Int = 0) {
        var size = 64
        while size * 2 < capacity * 3 { size *= 2 }
        slots = Array(repeating: Slot(), count: size)
        mask = size - 1
        words.ends.reserveCapacity(capacity)
    }

    /// Number of words.
    public var count: Int { words.count }

    /// All words, one after another without separators.
    public var bytes: [UInt8] { words.bytes }

    /// Bytes of memory held, including slots.
    public var memory: Int {
        words.bytes.capacity + words.ends.capacity * MemoryLayout<Int>.stride + slots.capacity * MemoryLayout<Slot>.stride
    }

    /// Returns the place of word `id` in `bytes`.
    public func range(of id: Int) -> Range<Int> { words.range(of: id) }

    /// Calls `body` with the bytes of word `id`.
    public func withWord<Result>(_ id: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try words.withWord(id, body)
    }

    /// Returns word `id` as text.
    public func word(_ id: Int) -> String { words.word(id) }

    /// Returns the id of a word; `nil` if the table does not contain it.
    public func find(_ word: UnsafeRawBufferPointer) -> Int? {
        let hash = hash(word)
        let slot = slots[position(of: word, hash)]
        return slot.idPlusOne == 0 ? nil : Int(slot.idPlusOne) - 1
    }

    /// Returns the id of a word; `nil` if the table does not contain it.
    public func find(_ word: String) -> Int? {
        var word = word
        return word.withUTF8 { find(UnsafeRawBufferPointer($0)) }
    }

    /// Returns the id of a word and inserts the word if it is new; its id is then the previous `count`.
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

    /// Returns the id of a word and inserts the word if it is new.
    public mutating func insert(_ word: String) -> Int {
        var word = word
        return word.withUTF8 { insert(UnsafeRawBufferPointer($0)) }
    }

    /// Inserts all words of `other` in the order of their ids; `map[id]` becomes the id here of its word `id`.
    ///
    /// A large table exceeds the caches, and each look-up waits for memory three times. Words are looked up in groups, step by step
    /// for the whole group, so that the waits overlap.
    public mutating func insert(contentsOf other: borrowing WordTable, map: inout [UInt32]) {
        map.removeAll(keepingCapacity: true)
        map.reserveCapacity(other.count)
        var touched: UInt8 = 0
        for first in stride(from: 0, to: other.count, by: Self.group) {
            let group = first..<min(first + Self.group, other.count)
            touched &+= touch(other, group)
            for id in group { map.append(UInt32(truncatingIfNeeded: other.withWord(id) { insert($0) })) }
        }
        // Without a use, the compiler would remove the loads.
        withExtendedLifetime(touched) {}
    }

    private static let group = 32

    /// Loads the slots, ends and bytes that looking up `group` of `other` will read.
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

    /// Removes all words and keeps the memory.
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

    /// Hashes eight bytes at a time by a widening multiplication whose halves are combined (the mixing step of wyhash, Wang Yi
    /// 2019). Words are short, so the cost of the first 16 bytes matters most.
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

/// Words as bytes in the given order, without a hash table: the dictionary of a token shard in a reader.
///
/// ```swift
/// var words = WordList()
/// Array("word".utf8).withUnsafeBytes { words.append($0) }
/// print(words.word(0))
/// ```
public struct WordList: Sendable {
    fileprivate var bytes: [UInt8] = []
    /// End of each word in `bytes`.
    fileprivate var ends: [Int] = []

    /// Creates an empty list.
    public init() {}

    /// Number of words.
    public var count: Int { ends.count }

    /// Appends a word.
    public mutating func append(_ word: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: word)
        ends.append(bytes.count)
    }

    fileprivate func range(of index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    /// Calls `body` with the bytes of word `index`.
    public func withWord<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range(of: index)])) }
    }

    /// Returns word `index` as text.
    public func word(_ index: Int) -> String { withWord(index) { String(decoding: $0, as: UTF8.self) } }

    /// Removes all words and keeps the memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }
}

/// The secret in the hashes of this process. It is random, so that nobody can craft words that all fall into one slot. No result
/// depends on it, because tables number words in the order of insertion.
///
/// ```swift
/// let secret = HashSecret.ofProcess
/// ```
public struct HashSecret: Sendable {
    /// The numbers that hashing starts from, multiplies by, and ends with.
    public let start, step, end: UInt64

    /// The secret of this process.
    public static let ofProcess = HashSecret()

    /// Multipliers are odd and have about as many ones as zeros, so that products mix well.
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
