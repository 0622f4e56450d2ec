import Shards

/// The character n-grams of a word, hashed into buckets as in fastText (Bojanowski et al. 2017).
///
/// The word is enclosed in `<` and `>`. An n-gram is `minimum` to `maximum` characters of that, where a character is a byte that
/// does not continue a UTF-8 sequence together with the bytes that do; a mark alone is not an n-gram. The hash is 32-bit FNV-1a
/// with each byte sign-extended, a slip in fastText on which its models rely.
struct SubwordHash: Sendable, Equatable {
    let minimum: Int
    let maximum: Int
    let buckets: Int

    /// Calls `body` with the bucket of each n-gram and its length in characters, in fastText's order: by start, then by length.
    @inline(__always)
    func forEachNGram(of word: UnsafeRawBufferPointer, _ body: (_ bucket: Int, _ length: Int) -> Void) {
        guard buckets > 0, maximum > 0, !word.elementsEqual("</s>".utf8) else { return }
        withUnsafeTemporaryAllocation(byteCount: word.count + 2, alignment: 1) { marked in
            marked[0] = UInt8(ascii: "<")
            UnsafeMutableRawBufferPointer(rebasing: marked[1...]).copyMemory(from: word)
            marked[word.count + 1] = UInt8(ascii: ">")
            for start in marked.indices where !continues(marked[start]) {
                var hash: UInt32 = 2_166_136_261
                var end = start
                var length = 1
                while end < marked.count && length <= maximum {
                    repeat {
                        hash = (hash ^ UInt32(bitPattern: Int32(Int8(bitPattern: marked[end])))) &* 16_777_619
                        end += 1
                    } while end < marked.count && continues(marked[end])
                    if length >= minimum && !(length == 1 && (start == 0 || end == marked.count)) {
                        body(Int(hash % UInt32(buckets)), length)
                    }
                    length += 1
                }
            }
        }
    }

    @inline(__always)
    private func continues(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}

/// The rows of n-grams: by bucket, or by an index.
struct SubwordPlaces: Sendable {
    let hash: SubwordHash
    /// The row of each bucket, if not every bucket has one; buckets not listed have none.
    let index: [Int32: Int32]?
    /// Number of rows of the matrix before those of n-grams.
    var first = 0

    /// Calls `body` with the row of each n-gram that has one, in fastText's order.
    @inline(__always)
    func forEach(_ word: UnsafeRawBufferPointer, _ body: (Int) -> Void) {
        hash.forEachNGram(of: word) { bucket, _ in
            if let index {
                if let row = index[Int32(bucket)] { body(first + Int(row)) }
            } else {
                body(first + bucket)
            }
        }
    }
}
