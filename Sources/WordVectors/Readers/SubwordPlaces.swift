import Shards

/// Where the row of each n-gram of a word is: in its bucket, or where an index says.
struct SubwordPlaces: Sendable {
    let hash: SubwordHash
    /// From bucket to row, where not every bucket has one: buckets not listed have none.
    let index: [Int32: Int32]?

    /// Calls `body` with the row of each n-gram that has one, in fastText's order.
    @inline(__always)
    func forEach(_ word: UnsafeRawBufferPointer, _ body: (Int) -> Void) {
        hash.forEachBucket(of: word) { bucket in
            if let index {
                if let row = index[Int32(bucket)] { body(Int(row)) }
            } else {
                body(bucket)
            }
        }
    }
}
