import Layers
import Model
import Shards

/// The characters of words: any word can be read.
final class SpellingInput: SentenceInput {
    private let batch: SpellingBatch
    private let directions: [Direction]
    /// [rows] of each direction.
    private let places: [UnsafeMutablePointer<Int32>]
    /// The words of the batch by their bytes, and the number of each in `batch`.
    private var words = WordTable()
    private var numbers: [Int32] = []
    private var marks: [Int32] = []
    let madeTokens = 0
    let unknownTokens = 0

    init(_ configuration: EncoderConfiguration, rows: Int) {
        directions = configuration.directions
        batch = SpellingBatch(rows: rows + 2)
        places = directions.map { _ in
            let places = UnsafeMutablePointer<Int32>.allocate(capacity: rows)
            places.initialize(repeating: 0, count: rows)
            return places
        }
    }

    deinit { for places in places { places.deallocate() } }

    func steps(_ word: String) -> Int { 1 }

    func begin(rows: Int) {
        batch.removeAll()
        words = WordTable()
        numbers.removeAll(keepingCapacity: true)
        marks = directions.map { batch.append($0 == .forward ? .begin : .end) }
        for (index, places) in places.enumerated() { places.update(repeating: marks[index], count: rows) }
    }

    func putMark(_ direction: Int, row: Int) { places[direction][row] = marks[direction] }

    func put(_ word: String, _ row: (_ direction: Int, _ step: Int) -> Int) {
        let id = words.insert(word)
        if id == numbers.count { numbers.append(words.withWord(id, append)) }
        for direction in places.indices { places[direction][row(direction, 0)] = numbers[id] }
    }

    /// A mark that stands in the text is the mark, as in training.
    private func append(_ word: UnsafeRawBufferPointer) -> Int32 {
        if word.elementsEqual("<s>".utf8) { return batch.append(.begin) }
        if word.elementsEqual("</s>".utf8) { return batch.append(.end) }
        return batch.append(.spelled(word))
    }

    func words(rows: Int) -> [InputWords] {
        let spellings = batch.spellings
        return places.map {
            .spellings(
                Spellings(letters: spellings.letters, ends: spellings.ends, words: spellings.words, places: UnsafePointer($0)))
        }
    }
}
