package import Kernels
package import Layers
package import Model

/// The words of a window that a masked-word model predicts, and what it reads in their place (Devlin et al. 2019). Memory is
/// planned once: `plan` allocates nothing.
///
/// A fixed share of the window's words is predicted, chosen anew for each pass. For each of them, another draw decides whether the
/// mask vector, another word, or the word itself is read. Marks are neither predicted nor used as replacements.
package final class MaskedWords {
    private let configuration: EncoderConfiguration
    private let words: CorpusWords
    /// Words that may replace others.
    private let others: [UInt32]
    /// Words that the network reads, one for each position, [positions]. Where the mask vector is read, the word is a mark, which
    /// every window has.
    package private(set) var inputs: [UInt32]
    /// The word to predict at each row of the output layer, [rows], and 1 where there is one, otherwise 0.
    package private(set) var targets: [UInt32]
    package private(set) var counted: [Float]
    /// The numbers of `masking`, before operations may read them.
    private var planned: [Int32]
    private let memory: FloatBuffer
    private let numbers: Numbers

    /// - Parameters:
    ///   - others: words that may replace others; if there are none, words are left alone instead.
    ///   - positions: positions of a window.
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

    /// Returns the number of words predicted in a window with this many predictable words: the requested share, and at least one.
    package static func count(of words: Int, share: Double) -> Int {
        words == 0 ? 0 : max(1, Int((share * Double(words)).rounded()))
    }

    /// Returns true if the word at a place of a window can be predicted: it is not a mark, and has a target.
    package static func canPredict(_ window: TrainingWindow, _ place: Int, _ words: CorpusWords) -> Bool {
        window.weights[place] == 1 && words.isTarget(window.forwardTargets[place])
    }

    /// Chooses the words of a window.
    /// - Parameter draw: identity of the pass.
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
        // Selection sampling (Knuth, algorithm S): each is chosen with the probability that so many of those left are needed, which
        // gives exactly that number.
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
