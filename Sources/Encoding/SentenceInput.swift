import Files
import Kernels
import Layers
import Model
import Shards
import Subwords
import WordVectors

/// Converts the words of a batch of sentences into the form that a model's input layer reads.
///
/// Each row holds the number of a unit, which the input layer reads, or of a word. The input layer's output for a word is kept for
/// the next occurrence of the word, and shared by directions that share their input layer.
final class SentenceInput: NumberedWords {
    /// Number of words so far whose vector was made by the table's generator.
    private(set) var madeTokens = 0
    /// Number of words so far without a vector, or of units that the model does not know.
    private(set) var unknownTokens = 0

    private let encoder: ContextualEncoder
    /// The table of a model that reads vectors.
    private let table: EmbeddingTable?
    /// The segmenter of a model that reads units, and the units by number.
    private let segmenter: Segmenter?
    private var units = WordTable()
    /// Number of the word or unit at each row, [rows] for each direction.
    private let numbers: Turns<RowNumbers>

    /// Words seen, by their bytes, after the marks.
    private var words = WordTable()
    /// For each of them the numbers of its units, if the model reads units.
    private var cut: [[Int32]] = []
    /// Number of the first word that the input layers have not read.
    private var read = 0
    /// For each word read from the table, what one occurrence adds to the counts.
    private var counts: [(made: Int, unknown: Int)] = []
    /// The words of the batch that are still to be counted.
    private var uncounted: [Int32] = []
    /// New words on their way through the input layers, a number of them at a time.
    private let batches: Turns<InputBatch>
    private let newWords: Int
    /// For each input layer, its outputs for `words`, [capacity, projection].
    private let kept: [FloatBuffer]
    private let capacity: Int
    /// For each direction, the output of its input layer at each row, [rows, projection].
    private let outputs: [FloatBuffer]

    /// Seconds that the host has waited for a device.
    var waited: Double { numbers.waited + batches.waited }

    /// Maximum number of units read of a word.
    private let longestWord: Int

    /// Maximum number of words whose units are remembered.
    private static let mostCut = 1 << 20

    /// Allocates memory for batches within `limits`, and for words of at most `longestWord` units. Throws `ToolError` with status
    /// `configuration` if the table of a model that reads vectors, or the merges of a model that reads units, do not match the
    /// model.
    init(
        _ encoder: ContextualEncoder, table: (table: EmbeddingTable, name: String)?, merges: (table: Merges, name: String)?,
        longestWord: Int, _ limits: BatchLimits
    ) throws {
        self.longestWord = longestWord
        let configuration = encoder.configuration, width = configuration.width, rows = limits.capacity.rows
        self.encoder = encoder
        self.table = table?.table
        segmenter = merges.map { Segmenter($0.table) }
        let backend = encoder.directions[0].backend
        numbers = Turns((0..<limits.turns).map { _ in
            RowNumbers(encoder.directions.count, rows: rows, sequences: limits.capacity.batch, backend)
        })
        newWords = limits.newWords
        let most = merges != nil ? Self.mostCut : BatchLimits.keptWords(encoder)
        let capacity = rows + configuration.markNames.count + most
        self.capacity = capacity
        batches = Turns((0..<min(2, limits.turns)).map { _ in
            InputBatch(configuration, rows: limits.newWords, words: capacity, backend: backend)
        })
        let layers = merges != nil ? 0 : configuration.sharesLayers ? 1 : encoder.directions.count
        kept = (0..<layers).map { encoder.directions[$0].backend.allocate(capacity * width) }
        outputs = encoder.directions.map { $0.backend.allocate(merges == nil ? rows * width : 0) }
        if let (table, name) = table {
            guard table.dimension == configuration.inputSize else {
                throw ToolError(
                    .configuration,
                    "\(name): has vectors of \(table.dimension) numbers, and the model was trained on vectors of "
                        + "\(configuration.inputSize)")
            }
            for mark in configuration.markNames where table.words.find(mark) == nil {
                throw ToolError(.configuration, "\(name): has no vector for \(mark); embed-oov adds it")
            }
        }
        if let (table, name) = merges {
            let tokenizer = configuration.tokenizer.parts(separatedBy: " ")
            guard tokenizer.contains("bpe=\(hexadecimal(table.digest))") else {
                throw ToolError(.configuration, "\(name): are not the merges that the model's training text was cut by")
            }
            for unit in encoder.units { _ = units.insert(unit) }
        }
        forget()
    }

    /// Removes all words but the marks. A mark that occurs in the text is the mark, as in training: both have the same number.
    private func forget() {
        words = WordTable()
        for mark in encoder.configuration.markNames { _ = words.insert(mark) }
        counts.removeAll(keepingCapacity: true)
        cut.removeAll(keepingCapacity: true)
        read = 0
    }

    /// Returns the numbers of a word's units. Of a word with more units than a piece of a sentence has steps, only the first are
    /// read.
    private func units(of word: String) -> [Int32] {
        guard let segmenter else { return [] }
        let id = words.insert(word)
        for word in cut.count..<words.count {
            var numbers: [Int32] = []
            words.withWord(word) { bytes in
                segmenter.forEachUnit(of: bytes) {
                    numbers.append(units.find($0).map(Int32.init) ?? EncoderConfiguration.Mark.unknown)
                }
            }
            cut.append(Array(numbers.prefix(longestWord)))
        }
        return cut[id]
    }

    /// Returns the number of steps of a word: 1, or the number of its units.
    func stepCount(_ word: String) -> Int { segmenter == nil ? 1 : units(of: word).count }

    /// Starts a batch of at most `rows` rows for each direction, all of them empty.
    func begin(rows: Int) {
        if words.count + rows > capacity { forget() }
        // Previous batches may still be read.
        numbers.advance(encoder.backends)
        for numbers in numbers.current.each { numbers[0..<rows].fill(EncoderConfiguration.Mark.begin) }
    }

    /// Memory for the lengths of the batch's sentences and for their first rows, which layers may read.
    var sequences: Numbers { numbers.current.sequences }

    /// Places a mark of the sentence at a row of a direction: the mark at its start, or with `closing` at its end.
    func putMark(_ direction: Int, row: Int, closing: Bool) {
        numbers.current.each[direction][row] = encoder.directions[direction].direction.mark(closing: closing)
    }

    /// Places words, one after another.
    /// - Parameters:
    ///   - rows: the rows of their steps for each direction; `nil` for a direction that does not read them.
    ///   - counted: true to include the words in `madeTokens` and `unknownTokens`; the same words may be placed again.
    func put(_ words: some Sequence<String>, rows: [StepRows?], counted: Bool) {
        let numbers = numbers.current.each
        var step = 0
        func put(_ number: Int32) {
            for (direction, rows) in rows.enumerated() { if let rows { numbers[direction][rows[step]] = number } }
            step += 1
        }
        for word in words {
            guard segmenter == nil else {
                let units = units(of: word)
                unknownTokens += counted && units.contains(EncoderConfiguration.Mark.unknown) ? 1 : 0
                for number in units { put(number) }
                continue
            }
            let number = Int32(self.words.insert(word))
            // The origin of its vector is known once it has been read.
            if counted && table != nil { uncounted.append(number) }
            put(number)
        }
    }

    /// Returns the batch: for each direction, as many of its first rows as requested. Throws `ToolError` if the table's file cannot
    /// be read.
    func words(rows: [Int]) throws -> [InputWords] {
        let numbers = numbers.current.each
        guard segmenter == nil else { return numbers.map { .numbers($0) } }
        try readNewWords()
        for word in uncounted {
            madeTokens += counts[Int(word)].made
            unknownTokens += counts[Int(word)].unknown
        }
        uncounted.removeAll(keepingCapacity: true)
        let width = encoder.configuration.width
        return rows.enumerated().map { direction, rows in
            let source = Matrix(kept[direction % kept.count], rows: capacity, columns: width)
            let target = Matrix(outputs[direction], rows: rows, columns: width)
            encoder.directions[direction].backend.gather(numbers[direction], of: source, into: target)
            return .outputs(target)
        }
    }

    /// Runs the input layers over new words.
    private func readNewWords() throws {
        let width = encoder.configuration.width, backends = encoder.backends
        while read < words.count {
            let new = (read..<min(words.count, read + newWords)).map { UInt32($0) }
            batches.advance(backends)
            try batches.current.fill(new, of: self)
            // The words were sent to the device through the first direction.
            let sent = backends[0].mark()
            for (layer, buffer) in kept.enumerated() {
                let target = Matrix(buffer, at: read * width, rows: new.count, columns: width)
                backends[layer].follow(sent)
                encoder.directions[layer].readWords(batches.current.words(rows: new.count), into: target)
            }
            read += new.count
        }
    }

    /// Writes the vectors of new words to `matrix`, [words, inputSize], and records their origin.
    func gather(_ numbers: [UInt32], into matrix: Matrix) throws {
        guard let table else { return }
        for (row, number) in numbers.enumerated() {
            let vector = matrix.rows(row..<row + 1)
            try words.withWord(Int(number)) { word in
                let isUnknown = try table.vector(for: word, into: vector) == .none
                counts.append((made: isUnknown || table.words.find(word) != nil ? 0 : 1, unknown: isUnknown ? 1 : 0))
            }
            table.normalise(vector, centred: encoder.configuration.centred)
        }
    }

    func spell(_ word: UInt32, _ body: (SpellingBatch.Word) -> Int32) -> Int32 {
        switch Int32(word) {
        case EncoderConfiguration.Mark.begin: body(.begin)
        case EncoderConfiguration.Mark.end: body(.end)
        default: words.withWord(Int(word)) { body(.spelled($0)) }
        }
    }
}

/// The rows of a sentence's steps in a direction's pass, in the order of the text, at equal distances.
struct StepRows {
    let first, stride: Int

    @inline(__always)
    subscript(step: Int) -> Int { first + stride * step }

    /// Returns the rows from step `count` on.
    func dropped(_ count: Int) -> StepRows { StepRows(first: self[count], stride: stride) }
}

/// Numbers of rows for each of several directions, and two numbers for each sequence.
private final class RowNumbers {
    let each: [Numbers]
    let sequences: Numbers
    private let memory: FloatBuffer

    init(_ directions: Int, rows: Int, sequences: Int, _ backend: any Backend) {
        let memory = backend.allocateShared(directions * rows + 2 * sequences)
        self.memory = memory
        each = (0..<directions).map { Numbers(memory, at: $0 * rows, count: rows) }
        self.sequences = Numbers(memory, at: directions * rows, count: 2 * sequences)
    }
}
