import Kernels
import Layers
import Model
import Shards

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
        let isForward = encoder.directions[direction].direction == .forward
        places[direction][row] = isForward != closing ? 0 : 1
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
