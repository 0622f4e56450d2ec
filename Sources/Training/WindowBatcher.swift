public import Model

/// One window of truncated BPTT for both directions: `window` x `batch` positions, with position (t, b) at `t * batch + b`.
///
/// Values are row numbers of the embedding table. The backward direction reads the same sentences from their ends. A network that
/// sees the whole window reads and predicts the words of the forward inputs, which then equal the forward targets.
public struct TrainingWindow: Sendable {
    /// Number of streams.
    public let batch: Int
    /// Number of positions of each stream.
    public let window: Int
    /// Words that the forward direction reads.
    public var forwardInputs: [UInt32]
    /// Words that the forward direction predicts.
    public var forwardTargets: [UInt32]
    /// Words that the backward direction reads.
    public var backwardInputs: [UInt32]
    /// Words that the backward direction predicts.
    public var backwardTargets: [UInt32]
    /// 1 where a position counts, 0 where a stream has ended with the corpus. With masked words, marks have 0, too.
    public var weights: [Float]
    /// Number of positions that are trained on: words, and an end for each sentence.
    public var positions = 0
    /// Position in the data after this window.
    public var position = DataPosition()

    /// Returns the word that a direction reads at each position.
    public func inputs(_ direction: Direction) -> [UInt32] { direction == .backward ? backwardInputs : forwardInputs }
    /// Returns the next word in a direction at each position.
    public func targets(_ direction: Direction) -> [UInt32] { direction == .backward ? backwardTargets : forwardTargets }

    /// Creates an empty window.
    public init(batch: Int, window: Int) {
        self.batch = batch
        self.window = window
        let zeros = [UInt32](repeating: 0, count: batch * window)
        forwardInputs = zeros
        forwardTargets = zeros
        backwardInputs = zeros
        backwardTargets = zeros
        weights = [Float](repeating: 0, count: batch * window)
    }

    /// Copies the streams of a lane: as many as this window has, from `first` on, of a window with the same number of steps.
    package mutating func take(streamsFrom first: Int, of whole: TrainingWindow) {
        precondition(window == whole.window && first + batch <= whole.batch)
        for time in 0..<window {
            let target = time * batch, source = time * whole.batch + first
            for stream in 0..<batch {
                forwardInputs[target + stream] = whole.forwardInputs[source + stream]
                forwardTargets[target + stream] = whole.forwardTargets[source + stream]
                backwardInputs[target + stream] = whole.backwardInputs[source + stream]
                backwardTargets[target + stream] = whole.backwardTargets[source + stream]
                weights[target + stream] = whole.weights[source + stream]
            }
        }
    }
}

/// Joins sentences to `batch` parallel streams, and divides these into windows.
///
/// A sentence w1 … wn takes n + 1 positions, as in bilm-tf: forward inputs `<s>` w1 … wn with targets w1 … wn `</s>`; backward
/// inputs `</s>` wn … w1 with targets wn … w1 `<s>`. For masked words it takes n + 2, `<s>` w1 … wn `</s>`, which are both inputs
/// and targets. A stream at the end of its sentence takes the next one, wherever the other streams are, so streams never wait and
/// no word is lost.
public struct WindowBatcher: Sendable {
    private let begin: UInt32
    private let end: UInt32
    private let isMasked: Bool
    private var streams: [Stream]

    private struct Stream: Sendable {
        var sentence: [UInt32] = []
        /// Position in the sentence; one past the last when it is used up.
        var position: Int
    }

    /// Creates a batcher.
    /// - `begin`, `end`: rows of `<s>` and `</s>`.
    /// - `objective`: what the words will be used for.
    /// - `position`: position of `batch` streams written by `save`, to continue from; `nil` starts at the beginning.
    public init(batch: Int, begin: UInt32, end: UInt32, objective: Objective = .nextWord, from position: DataPosition? = nil) {
        self.begin = begin
        self.end = end
        isMasked = objective == .masked
        streams = Array(repeating: Stream(position: objective.positions(of: 0)), count: batch)
        guard let position else { return }
        var words = position.words[...]
        for index in streams.indices {
            streams[index].sentence = Array(words.prefix(Int(position.lengths[index])))
            streams[index].position = Int(position.positions[index])
            words = words.dropFirst(Int(position.lengths[index]))
        }
    }

    /// Writes the sentence of every stream, and the place in it, to `position`.
    public func save(into position: inout DataPosition) {
        position.lengths.removeAll(keepingCapacity: true)
        position.positions.removeAll(keepingCapacity: true)
        position.words.removeAll(keepingCapacity: true)
        for stream in streams {
            position.lengths.append(UInt32(stream.sentence.count))
            position.positions.append(UInt32(stream.position))
            position.words.append(contentsOf: stream.sentence)
        }
    }

    /// Fills a window. `next` calls its argument with the next sentence, or returns false when there is none. Returns false when no
    /// position is left.
    public mutating func fill(
        _ window: inout TrainingWindow, next: ((ArraySlice<UInt32>) -> Void) throws -> Bool
    ) rethrows -> Bool {
        window.positions = 0
        var isEmpty = true
        for time in 0..<window.window {
            for index in streams.indices {
                let place = time * window.batch + index
                if streams[index].position > streams[index].sentence.count + (isMasked ? 1 : 0) {
                    streams[index].sentence.removeAll(keepingCapacity: true)
                    guard try next({ streams[index].sentence.append(contentsOf: $0) }) else {
                        pad(&window, place)
                        continue
                    }
                    streams[index].position = 0
                }
                if isMasked { putBothMarks(streams[index], in: &window, place) } else { put(streams[index], in: &window, place) }
                isEmpty = false
                // If a sentence has a position for its end, its start is not a position to be trained on.
                window.positions += isMasked && streams[index].position == 0 ? 0 : 1
                streams[index].position += 1
            }
        }
        return !isEmpty
    }

    private func putBothMarks(_ stream: Stream, in window: inout TrainingWindow, _ place: Int) {
        let words = stream.sentence, position = stream.position
        let word = position == 0 ? begin : position <= words.count ? words[position - 1] : end
        window.forwardInputs[place] = word
        window.forwardTargets[place] = word
        // A mark that occurs in the text is treated as a mark.
        window.weights[place] = word == begin || word == end ? 0 : 1
    }

    private func put(_ stream: Stream, in window: inout TrainingWindow, _ place: Int) {
        let words = stream.sentence
        let position = stream.position
        window.forwardInputs[place] = position == 0 ? begin : words[position - 1]
        window.forwardTargets[place] = position < words.count ? words[position] : end
        window.backwardInputs[place] = position == 0 ? end : words[words.count - position]
        window.backwardTargets[place] = position < words.count ? words[words.count - 1 - position] : begin
        window.weights[place] = 1
    }

    private func pad(_ window: inout TrainingWindow, _ place: Int) {
        window.forwardInputs[place] = end
        window.forwardTargets[place] = end
        window.backwardInputs[place] = begin
        window.backwardTargets[place] = begin
        window.weights[place] = 0
    }
}

extension Objective {
    /// Returns the number of positions that a sentence of `words` words takes in a window.
    func positions(of words: Int) -> Int { words + (self == .masked ? 2 : 1) }
}

/// The position of a training run in its data, which suffices to continue with the very next word.
public struct DataPosition: Sendable, Equatable {
    /// Number of the pass over the text, from 0.
    public var epoch = 0
    /// Number of sentences of this pass that have been taken.
    public var sentences = 0
    /// Length of each stream's sentence in words.
    public var lengths: [UInt32] = []
    /// Position of each stream in its sentence.
    public var positions: [UInt32] = []
    /// The words of the sentences, one stream after another.
    public var words: [UInt32] = []

    /// Creates the position at the start of the data.
    public init() {}
}
