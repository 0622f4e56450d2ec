public import Kernels
public import Layers

/// The words of a text by number, with what a network's input layer may ask of each.
public protocol NumberedWords {
    /// Writes the vectors of words to `matrix`, [words, inputSize]. Throws `ToolError` if they cannot be read.
    func gather(_ words: [UInt32], into matrix: Matrix) throws
    /// The number of a word in the input layer's table.
    func classNumber(_ word: UInt32) -> Int32
    /// Calls `body` with a word letter by letter, or with the mark that it is.
    func spell(_ word: UInt32, _ body: (SpellingBatch.Word) -> Int32) -> Int32
}

extension NumberedWords {
    /// The number of the word itself, for texts whose words are numbered as the table is.
    public func classNumber(_ word: UInt32) -> Int32 { Int32(word) }
}

/// The words of a window in the form that a network's input layer reads. Planned once: `fill` allocates nothing.
///
/// It stands beside the kinds of input layer because training, for each window, and encoding, for words that it has not met
/// before, both fill it.
public final class InputBatch {
    private let configuration: EncoderConfiguration
    /// The memory of `.embeddings`, [rows, inputSize], and that of `.subwords`, [rows].
    private let vectors: WindowVectors
    private let numberMemory: FloatBuffer
    private let numbers: Numbers
    /// The memory of `.characters`.
    private let spellings: SpellingBatch?
    /// The distinct words in `spellings`, and for each word of the text the place among them, if that is where the word stands.
    private var distinct: [UInt32] = [], places: [Int32] = []

    /// - Parameters:
    ///   - rows: the greatest number of rows.
    ///   - words: the number of words of the text.
    ///   - resident: the vectors of all words, if a device has them.
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

    /// Takes the word of each row, in place of those it held, which no operation may still be reading. Throws what `text` throws.
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

    /// The words that were filled in last, as many rows as that were.
    public func words(rows: Int) -> InputWords {
        switch configuration.input {
        case .embeddings: .vectors(vectors.matrix(rows: rows))
        case .subwords: .numbers(numbers)
        case .characters: spellings.map { .spellings($0.spellings) } ?? .numbers(numbers)
        }
    }

    public var bytes: Int {
        vectors.bytes + numberMemory.bytes + (spellings?.bytes ?? 0) + 4 * (places.count + (spellings?.capacity ?? 0))
    }
}
