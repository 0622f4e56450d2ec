public import Layers

/// The distinct words of a window as characters of bilm-tf's alphabet: the bytes between a mark that begins a word and one
/// that ends it. Of longer words only the beginning is read. Planned once.
public final class SpellingBatch {
    private let letters: UnsafeMutablePointer<UInt16>
    private let ends: UnsafeMutablePointer<Int32>
    public let places: UnsafeMutablePointer<Int32>
    public let capacity: Int
    private let longest: Int
    private var letterCount = 0
    public private(set) var words = 0

    /// - Parameters:
    ///   - rows: of a window, and the most distinct words.
    ///   - longest: characters of a word at most, its marks counted.
    public init(rows: Int, longest: Int) {
        capacity = rows
        self.longest = longest
        letters = .allocate(capacity: rows * longest)
        ends = .allocate(capacity: rows)
        places = .allocate(capacity: rows)
        places.initialize(repeating: 0, count: rows)
    }

    deinit {
        letters.deallocate()
        ends.deallocate()
        places.deallocate()
    }

    /// A word, or a mark between sentences.
    public enum Word {
        case spelled(UnsafeRawBufferPointer)
        case begin, end
    }

    public func removeAll() {
        letterCount = 0
        words = 0
    }

    /// Adds a distinct word and returns its number, for `places`.
    public func append(_ word: Word) -> Int32 {
        precondition(words < capacity)
        let alphabet = EncoderConfiguration.alphabet
        put(alphabet.wordBegin)
        switch word {
        case .begin: put(alphabet.sentenceBegin)
        case .end: put(alphabet.sentenceEnd)
        case .spelled(let bytes): for byte in bytes.prefix(longest - 2) { put(UInt16(byte)) }
        }
        put(alphabet.wordEnd)
        ends[words] = Int32(letterCount)
        words += 1
        return Int32(words - 1)
    }

    private func put(_ letter: UInt16) {
        letters[letterCount] = letter
        letterCount += 1
    }

    public var spellings: Spellings { Spellings(letters: letters, ends: ends, words: words, places: places) }

    public var bytes: Int { capacity * (2 * longest + 8) }
}
