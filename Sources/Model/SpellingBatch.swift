public import Kernels
public import Layers

/// The distinct words of a window as characters of bilm-tf's alphabet: the bytes between a mark that begins a word and one
/// that ends it. Of longer words only the beginning is read. Planned once.
public final class SpellingBatch {
    private let buffer: FloatBuffer
    private let letters, ends: Numbers
    /// Which of the distinct words each row is: [rows].
    public let places: Numbers
    public let capacity: Int
    private let longest: Int
    private var letterCount = 0
    public private(set) var words = 0

    /// - Parameters:
    ///   - rows: of a window, and the most distinct words.
    ///   - longest: characters of a word at most, its marks counted.
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
        letters[letterCount] = Int32(letter)
        letterCount += 1
    }

    public var spellings: Spellings { Spellings(letters: letters, ends: ends, words: words, places: places) }

    public var bytes: Int { buffer.bytes }
}
