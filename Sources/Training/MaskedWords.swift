package import Kernels
package import Layers
package import Model

/// The words of a window that a model of masked words predicts, and what it reads in their place (Devlin et al. 2019). Planned once:
/// `plan` allocates nothing.
///
/// A fixed share of the window's words is predicted, drawn anew for each pass. Each of them is read as the mask vector, as some other
/// word, or as it is, by a draw of its own. Marks are neither predicted nor read in a word's place.
package final class MaskedWords {
    private let configuration: EncoderConfiguration
    private let words: CorpusWords
    /// The words that may stand in the place of others.
    private let others: [UInt32]
    /// What the network reads at each position, [positions]. Where the mask vector stands, the word is that of a mark, which any
    /// window has.
    package private(set) var inputs: [UInt32]
    /// The word to predict at each row of the output layer, [rows], and 1 where there is one, else 0.
    package private(set) var targets: [UInt32]
    package private(set) var counted: [Float]
    /// The numbers of `masking`, before operations may read them.
    private var planned: [Int32]
    private let memory: FloatBuffer
    private let numbers: Numbers

    /// - Parameters:
    ///   - others: the words that may stand in the place of others; without any, words stay as they are instead.
    ///   - positions: of a window.
    package init(
        _ configuration: EncoderConfiguration, _ words: CorpusWords, others: [UInt32], positions: Int, backend: any Backend
    ) {
        (self.configuration, self.words, self.others) = (configuration, words, others)
        let rows = configuration.predictedRows(of: positions), count = 2 * rows + positions
        inputs = Array(repeating: words.begin, count: positions)
        targets = Array(repeating: words.end, count: rows)
        counted = Array(repeating: 0, count: rows)
        planned = Array(repeating: -1, count: count)
        memory = backend.allocateShared(count)
        numbers = Numbers(memory, count: count)
    }

    /// The number of words that are predicted in a window of so many that can be: the share of them that was asked for, and at least
    /// one.
    package static func count(of words: Int, share: Double) -> Int {
        words == 0 ? 0 : max(1, Int((share * Double(words)).rounded()))
    }

    /// True if the word at a place of a window can be predicted: it is no mark, and has a target.
    package static func canPredict(_ window: TrainingWindow, _ place: Int, _ words: CorpusWords) -> Bool {
        window.weights[place] == 1 && words.isTarget(window.forwardTargets[place])
    }

    /// Draws the words of a window of as many positions as there are.
    /// - Parameter draw: of the pass.
    package func plan(_ window: TrainingWindow, draw: Draw) {
        precondition(window.forwardInputs.count == inputs.count, "windows have one size")
        let places = window.forwardInputs.indices, rows = targets.count
        var eligible = 0
        for place in places {
            inputs[place] = window.forwardInputs[place]
            eligible += Self.canPredict(window, place, words) ? 1 : 0
        }
        for index in planned.indices { planned[index] = -1 }
        var random = Random(seed: draw.seed, stream: "masks", number: draw.step)
        var wanted = Self.count(of: eligible, share: configuration.maskedShare), row = 0, masked = 0
        // Each is taken with the chance that so many of those left are wanted (Knuth, algorithm S): exactly as many as are.
        for place in places where wanted > 0 && Self.canPredict(window, place, words) {
            let isTaken = random.below(eligible) < wanted
            eligible -= 1
            guard isTaken else { continue }
            wanted -= 1
            targets[row] = window.forwardTargets[place]
            planned[row] = Int32(place)
            planned[2 * rows + place] = Int32(row)
            row += 1
            let fate = random.uniform()
            if fate < configuration.maskVectorShare {
                inputs[place] = words.begin
                planned[rows + masked] = Int32(place)
                masked += 1
            } else if fate < configuration.maskVectorShare + configuration.randomWordShare && !others.isEmpty {
                inputs[place] = others[random.below(others.count)]
            }
        }
        for index in targets.indices { counted[index] = index < row ? 1 : 0 }
        for index in row..<rows { targets[index] = words.end }
    }

    /// Writes what was planned last to the memory that operations read.
    package func publish() { for index in planned.indices { numbers[index] = planned[index] } }

    /// The places of the words that were published last.
    package var masking: Masking {
        let rows = targets.count
        return Masking(rows: numbers[0..<rows], places: numbers[2 * rows..<numbers.count], masked: numbers[rows..<2 * rows])
    }

    var bytes: Int { 4 * (inputs.count + targets.count + counted.count + planned.count) + memory.bytes }
}
