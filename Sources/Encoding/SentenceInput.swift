import Files
import Kernels
import Layers
import Model
import Shards
import Subwords
import WordVectors

/// Brings the words of a batch of sentences into the form that a model's input layer reads.
protocol SentenceInput: AnyObject {
    /// The steps that a word takes: one, or one for each of its units.
    func steps(_ word: String) -> Int

    /// Begins a batch of at most `rows` rows for each direction: every place is empty.
    func begin(rows: Int)
    /// Puts a mark of the sentence to a direction's row: the one with which the direction begins, or the one with which it ends.
    func putMark(_ direction: Int, row: Int, closing: Bool)
    /// Puts a word; `row` gives the row of each of its steps in a direction, or `nil` if the direction is not to read it.
    /// Throws `ToolError` if the table's file cannot be read.
    /// - Parameter counted: whether the word counts in `madeTokens` and `unknownTokens`: it may be put again.
    func put(_ word: String, counted: Bool, _ row: (_ direction: Int, _ step: Int) -> Int?) throws

    /// The batch, for each direction: its first rows, as many as are asked for.
    func words(rows: [Int]) -> [InputWords]

    /// Words met so far whose vector a table's generator made, and those without any.
    var madeTokens: Int { get }
    var unknownTokens: Int { get }
}

/// Vectors of an embedding table.
final class VectorInput: SentenceInput {
    private let table: EmbeddingTable
    private let configuration: EncoderConfiguration
    private let matrices: [FloatBuffer]
    /// The marks' vectors, of the sentence's beginning and its end, and that of the last word: [3, dimension].
    private let vectors: RowMatrix
    private(set) var madeTokens = 0
    private(set) var unknownTokens = 0

    /// Throws `ToolError`: `configuration` if table and model do not fit each other, and what reading the table throws.
    init(_ table: EmbeddingTable, name: String, _ configuration: EncoderConfiguration, rows: Int) throws {
        guard table.dimension == configuration.inputSize else {
            throw ToolError(
                .configuration,
                "\(name): has vectors of \(table.dimension) numbers, and the model was trained on vectors of "
                    + "\(configuration.inputSize)")
        }
        self.table = table
        self.configuration = configuration
        vectors = RowMatrix(count: 3, dimension: table.dimension)
        matrices = configuration.directions.map { _ in FloatBuffer(count: rows * table.dimension) }
        for (row, mark) in ["<s>", "</s>"].enumerated() {
            guard table.words.find(mark) != nil else {
                throw ToolError(.configuration, "\(name): has no vector for \(mark); embed-oov adds it")
            }
            _ = try look(up: mark, into: vectors.row(row))
        }
    }

    func steps(_ word: String) -> Int { 1 }

    func begin(rows: Int) {
        for matrix in matrices { Matrix(matrix, rows: rows, columns: table.dimension).fill(0) }
    }

    func putMark(_ direction: Int, row: Int, closing: Bool) {
        copy(vectors.row(Int(configuration.directions[direction].mark(closing: closing))), direction, row)
    }

    func put(_ word: String, counted: Bool, _ row: (_ direction: Int, _ step: Int) -> Int?) throws {
        let source = try look(up: word, into: vectors.row(2))
        if counted && source == .none {
            unknownTokens += 1
        } else if counted && table.words.find(word) == nil {
            madeTokens += 1
        }
        for direction in matrices.indices {
            if let row = row(direction, 0) { copy(vectors.row(2), direction, row) }
        }
    }

    func words(rows: [Int]) -> [InputWords] {
        zip(matrices, rows).map { .vectors(Matrix($0, rows: $1, columns: table.dimension)) }
    }

    private func copy(_ vector: Matrix, _ direction: Int, _ row: Int) {
        Matrix(matrices[direction], at: row * table.dimension, rows: 1, columns: table.dimension).copy(from: vector)
    }

    private func look(up word: String, into vector: Matrix) throws -> VectorSource {
        var word = word
        let source = try word.withUTF8 { try table.vector(for: UnsafeRawBufferPointer($0), into: vector) }
        table.normalise(vector, centred: configuration.centred)
        return source
    }
}

/// Units of words: a word takes as many steps as it has units. Of a word of more units than a piece of a sentence has steps,
/// only the first are read.
final class UnitInput: SentenceInput {
    private let segmenter: Segmenter
    private let units: WordTable
    private let directions: [Direction]
    /// [rows] of each direction.
    private let numbers: [Numbers]
    private let buffers: [FloatBuffer]
    /// Words met by their bytes, and the units of each.
    private var words = WordTable()
    private var cut: [[Int32]] = []
    let madeTokens = 0
    private(set) var unknownTokens = 0

    /// Words remembered.
    private static let mostWords = 1 << 20

    /// Throws `ToolError` with status `configuration` if the merges are not those that the training text was cut by.
    init(_ merges: Merges, name: String, _ encoder: ContextualEncoder, rows: Int) throws {
        let tokenizer = encoder.configuration.tokenizer.parts(separatedBy: " ")
        guard tokenizer.contains("bpe=\(hexadecimal(merges.digest))") else {
            throw ToolError(.configuration, "\(name): are not the merges that the model's training text was cut by")
        }
        segmenter = Segmenter(merges)
        var units = WordTable()
        for unit in encoder.units { _ = units.insert(unit) }
        self.units = units
        directions = encoder.configuration.directions
        buffers = directions.map { _ in FloatBuffer(count: rows) }
        numbers = buffers.map { Numbers($0, count: rows) }
    }

    private func units(of word: String) -> [Int32] {
        if words.count >= Self.mostWords {
            words = WordTable()
            cut.removeAll()
        }
        let id = words.insert(word)
        guard id == cut.count else { return cut[id] }
        var result: [Int32] = []
        words.withWord(id) { bytes in
            segmenter.forEachUnit(of: bytes) {
                result.append(units.find($0).map(Int32.init) ?? EncoderConfiguration.Mark.unknown)
            }
        }
        cut.append(Array(result.prefix(SentenceEncoder.longestPiece)))
        return cut[id]
    }

    func steps(_ word: String) -> Int { units(of: word).count }

    func begin(rows: Int) {
        for numbers in numbers { numbers[0..<rows].fill(EncoderConfiguration.Mark.unknown) }
    }

    func putMark(_ direction: Int, row: Int, closing: Bool) {
        numbers[direction][row] = directions[direction].mark(closing: closing)
    }

    func put(_ word: String, counted: Bool, _ row: (_ direction: Int, _ step: Int) -> Int?) {
        let units = units(of: word)
        if counted && units.contains(EncoderConfiguration.Mark.unknown) { unknownTokens += 1 }
        for direction in numbers.indices {
            for (step, unit) in units.enumerated() {
                if let row = row(direction, step) { numbers[direction][row] = unit }
            }
        }
    }

    func words(rows: [Int]) -> [InputWords] { numbers.map { .numbers($0) } }
}

/// The characters of words: any word can be read. What the input layer makes of a word is kept for the next time it comes, and
/// directions that share their input layer share it too.
final class SpellingInput: SentenceInput {
    private let encoder: ContextualEncoder
    private let batch: SpellingBatch
    /// Of each direction: the word of each row.
    private let places: [Numbers]
    private let placeBuffers: [FloatBuffer]
    /// Words met by their bytes.
    private var words = WordTable()
    /// For each input layer there is, what it gives for `words`: [capacity, projection].
    private let kept: [FloatBuffer]
    private let capacity: Int
    /// Of each direction: what its input layer gives for the rows, [rows, projection].
    private let outputs: [FloatBuffer]
    /// Words of `words` that have been read.
    private var read = 0
    let madeTokens = 0
    let unknownTokens = 0

    /// Of what is kept for each input layer: 64 MiB.
    private static let keptValues = 16 << 20
    /// What the marks are called in a text.
    private var marks: [String] { encoder.configuration.markNames }

    init(_ encoder: ContextualEncoder, rows: Int) {
        self.encoder = encoder
        let width = encoder.configuration.width
        batch = SpellingBatch(rows: rows, longest: encoder.configuration.longestWord)
        capacity = rows + encoder.configuration.markNames.count + Self.keptValues / width
        placeBuffers = encoder.directions.map { _ in FloatBuffer(count: rows) }
        places = placeBuffers.map { Numbers($0, count: rows) }
        outputs = encoder.directions.map { _ in FloatBuffer(count: rows * width) }
        let layers = encoder.configuration.sharesLayers ? 1 : encoder.directions.count
        kept = (0..<layers).map { [capacity] _ in FloatBuffer(count: capacity * width) }
        forget()
    }

    /// A mark that stands in the text is the mark, as in training: both have one number.
    private func forget() {
        words = WordTable()
        for mark in marks { _ = words.insert(mark) }
        read = 0
    }

    func steps(_ word: String) -> Int { 1 }

    func begin(rows: Int) {
        if words.count + rows > capacity { forget() }
        for places in places { places[0..<rows].fill(0) }
    }

    func putMark(_ direction: Int, row: Int, closing: Bool) {
        places[direction][row] = encoder.directions[direction].direction.mark(closing: closing)
    }

    func put(_ word: String, counted: Bool, _ row: (_ direction: Int, _ step: Int) -> Int?) {
        let id = Int32(words.insert(word))
        for direction in places.indices {
            if let row = row(direction, 0) { places[direction][row] = id }
        }
    }

    func words(rows: [Int]) -> [InputWords] {
        readNewWords()
        let width = encoder.configuration.width
        return rows.enumerated().map { direction, rows in
            let source = Matrix(kept[direction % kept.count], rows: capacity, columns: width)
            let target = Matrix(outputs[direction], rows: rows, columns: width)
            encoder.directions[direction].backend.gather(places[direction], of: source, into: target)
            return .outputs(target)
        }
    }

    /// Runs the input layers over the words that are new, all of whose rows together are no more than a batch has.
    private func readNewWords() {
        while read < words.count {
            batch.removeAll()
            let first = read
            while read < words.count && batch.words < batch.capacity {
                let place = batch.words
                batch.places[place] = read < marks.count
                    ? batch.append(read == 0 ? .begin : .end)
                    : words.withWord(read) { batch.append(.spelled($0)) }
                read += 1
            }
            let width = encoder.configuration.width
            for (layer, buffer) in kept.enumerated() {
                let target = Matrix(buffer, at: first * width, rows: read - first, columns: width)
                encoder.directions[layer].readWords(.spellings(batch.spellings), into: target)
            }
        }
    }
}
