import Files
import Kernels
import Layers
import Model
import Shards
import Subwords

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
        numbers[direction][row] =
            (directions[direction] == .forward) != closing ? EncoderConfiguration.Mark.begin : EncoderConfiguration.Mark.end
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
