import Layers
import Model

/// The characters of words: any word can be read.
final class SpellingInput: SentenceInput {
    private let batch: SpellingBatch
    private let directions: [Direction]
    /// [rows] of each direction.
    private let places: [UnsafeMutablePointer<Int32>]
    private var numbers: [String: Int32] = [:]
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
        numbers.removeAll(keepingCapacity: true)
        marks = directions.map { batch.append($0 == .forward ? .begin : .end) }
        for (index, places) in places.enumerated() { places.update(repeating: marks[index], count: rows) }
    }

    func putMark(_ direction: Int, row: Int) { places[direction][row] = marks[direction] }

    func put(_ word: String, _ row: (_ direction: Int, _ step: Int) -> Int) {
        let number = numbers[word] ?? {
            var spelled = word
            let number = spelled.withUTF8 { batch.append(.spelled(UnsafeRawBufferPointer($0))) }
            numbers[word] = number
            return number
        }()
        for direction in places.indices { places[direction][row(direction, 0)] = number }
    }

    func words(rows: Int) -> [InputWords] {
        let spellings = batch.spellings
        return places.map {
            .spellings(
                Spellings(letters: spellings.letters, ends: spellings.ends, words: spellings.words, places: UnsafePointer($0)))
        }
    }
}
