public import Kernels
public import Layers

/// The distinct words of a window as characters of bilm-tf's alphabet: their bytes between a mark for the start and one for the end
/// of a word. Only the start of longer words is read. Memory is planned once.
public final class SpellingBatch {
    private let buffer: FloatBuffer
    private let letters, ends: Numbers
    /// The distinct word at each row, [rows].
    public let places: Numbers
    /// Maximum number of distinct words.
    public let capacity: Int
    private let longest: Int
    private var letterCount = 0
    /// Number of distinct words.
    public private(set) var words = 0

    /// Allocates the batch.
    /// - `rows`: rows of a window, and maximum number of distinct words.
    /// - `longest`: maximum number of characters of a word, including its marks.
    public init(rows: Int, longest: Int, backend: any Backend = ProcessorBackend()) {
        capacity = rows
        self.longest = longest
        buffer = backend.allocateShared(rows * (longest + 2))
        letters = Numbers(buffer, count: rows * longest)
        ends = Numbers(buffer, at: rows * longest, count: rows)
        places = Numbers(buffer, at: rows * (longest + 1), count: rows)
    }

    /// A word, or a mark between sentences.
    public enum Word {
        /// A word, as UTF-8.
        case spelled(UnsafeRawBufferPointer)
        /// Start and end of a sentence.
        case begin, end
    }

    /// Removes all words.
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
        letters[letterCount] = Int32(letter)
        letterCount += 1
    }

    /// The words in the form that `CharacterInput` reads.
    public var spellings: Spellings { Spellings(letters: letters, ends: ends, words: words, places: places) }

    /// Size in bytes.
    public var bytes: Int { buffer.bytes }
}
