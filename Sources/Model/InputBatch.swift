public import Kernels
public import Layers

/// The numbered words of a text, with everything that an input layer may need of each.
public protocol NumberedWords {
    /// Writes the vectors of words to `matrix`, [words, inputSize]. Throws `ToolError` if they cannot be read.
    func gather(_ words: [UInt32], into matrix: Matrix) throws
    /// Returns the number of a word in the input layer's table.
    func classNumber(_ word: UInt32) -> Int32
    /// Calls `body` with the spelling of a word, or with the mark that it is.
    func spell(_ word: UInt32, _ body: (SpellingBatch.Word) -> Int32) -> Int32
}

extension NumberedWords {
    /// Returns the word's own number, for texts whose words are numbered like the table.
    public func classNumber(_ word: UInt32) -> Int32 { Int32(word) }
}

/// The words of a window in the form that an input layer reads. Memory is planned once: `fill` allocates nothing.
///
/// It belongs to the kinds of input layer because both training, for each window, and encoding, for words not met before, fill it.
public final class InputBatch {
    private let configuration: EncoderConfiguration
    /// Memory for `.embeddings`, [rows, inputSize], and for `.subwords`, [rows].
    private let vectors: WindowVectors
    private let numberMemory: FloatBuffer
    private let numbers: Numbers
    /// Memory for `.characters`.
    private let spellings: SpellingBatch?
    /// The distinct words in `spellings`, and for each word of the text its index among them, valid if that entry is the word.
    private var distinct: [UInt32] = [], places: [Int32] = []

    /// Allocates the batch.
    /// - `rows`: maximum number of rows.
    /// - `words`: number of words of the text.
    /// - `resident`: the vectors of all words, if a device holds them.
    public init(
        _ configuration: EncoderConfiguration, rows: Int, words: Int, backend: any Backend, resident: (any ResidentVectors)? = nil
    ) {
        self.configuration = configuration
        vectors = WindowVectors(
            rows: configuration.input == .embeddings ? rows : 0, size: configuration.inputSize, resident: resident, on: backend)
        numberMemory = backend.allocateShared(configuration.input == .subwords ? rows : 0)
        numbers = Numbers(numberMemory, count: numberMemory.count)
        spellings = configuration.input == .characters ? SpellingBatch(rows: rows, longest: configuration.longestWord, backend: backend) : nil
        if spellings != nil {
            distinct.reserveCapacity(rows)
            places = Array(repeating: 0, count: words)
        }
    }

    /// Fills in the word of each row. No operation may still be reading the previous words. Throws what `text` throws.
    public func fill(_ words: [UInt32], of text: some NumberedWords) throws {
        switch configuration.input {
        case .embeddings:
            try vectors.gather(words, of: text)
        case .subwords:
            for (row, word) in words.enumerated() { numbers[row] = text.classNumber(word) }
        case .characters:
            spell(words, of: text)
        }
    }

    private func spell(_ words: [UInt32], of text: some NumberedWords) {
        guard let spellings else { return }
        spellings.removeAll()
        distinct.removeAll(keepingCapacity: true)
        for (row, word) in words.enumerated() {
            let place = Int(places[Int(word)])
            if place >= distinct.count || distinct[place] != word {
                places[Int(word)] = text.spell(word) { spellings.append($0) }
                distinct.append(word)
            }
            spellings.places[row] = places[Int(word)]
        }
    }

    /// Returns the words filled in last, in as many rows.
    public func words(rows: Int) -> InputWords {
        switch configuration.input {
        case .embeddings: .vectors(vectors.matrix(rows: rows))
        case .subwords: .numbers(numbers)
        case .characters: spellings.map { .spellings($0.spellings) } ?? .numbers(numbers)
        }
    }

    /// Size in bytes.
    public var bytes: Int {
        vectors.bytes + numberMemory.bytes + (spellings?.bytes ?? 0) + 4 * (places.count + (spellings?.capacity ?? 0))
    }
}
