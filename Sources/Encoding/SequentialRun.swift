import Kernels
import Layers
import Model

/// Runs sentences one at a time, in pieces that hand on their state, so that a sentence of any length takes bounded memory
/// and gets the vectors that one pass would give it, to the last bit.
///
/// The backward direction begins at the end. It goes through a sentence of several pieces twice: once to learn the state
/// in which each piece begins, and once more piece by piece beside the forward direction.
final class SequentialRun {
    private let encoder: ContextualEncoder
    private let input: any SentenceInput
    private let vectors: TokenVectors
    private let isStateful: Bool
    private let longest: Int
    /// In which each direction begins the next sentence.
    private var states: [FloatBuffer]

    /// - Parameters:
    ///   - isStateful: whether a sentence goes on from the state in which the one before it ended, as ELMo's programs do: after
    ///     its words each direction then reads the other mark, too. Otherwise every sentence begins with zeros.
    ///   - longest: steps of a piece at most.
    init(_ encoder: ContextualEncoder, _ input: any SentenceInput, _ vectors: TokenVectors, isStateful: Bool, longest: Int) {
        self.encoder = encoder
        self.input = input
        self.vectors = vectors
        self.isStateful = isStateful
        self.longest = longest
        for model in encoder.directions { model.resetState() }
        states = encoder.directions.map { $0.savedState(batch: 1) }
    }

    /// What a direction reads of a piece: its steps, with a mark before the first word or behind the last.
    private struct Pass {
        let direction: Int
        let opens, closes: Bool
        let steps: Int

        var rows: Int { steps + (opens ? 1 : 0) + (closes ? 1 : 0) }
    }

    private struct Piece {
        let words: Range<Int>
        let steps: Int
    }

    /// Gives the vectors of a sentence, piece after piece in the order of the text: `deliver` gets [tokens, layers x width].
    func run(_ words: [String], steps: [Int], deliver: (Matrix) throws -> Void) throws {
        let pieces = cut(steps)
        if !isStateful {
            for state in states { state.fill(0) }
        }
        let isBackward = encoder.directions.map { $0.direction == .backward }
        // Of each piece, the state in which a backward direction begins it.
        var begins: [[FloatBuffer]] = Array(repeating: [], count: pieces.count)
        for direction in encoder.directions.indices { encoder.directions[direction].restoreState(states[direction], batch: 1) }
        for index in pieces.indices.reversed() where isBackward.contains(true) {
            begins[index] = encoder.directions.indices.map {
                isBackward[$0] ? encoder.directions[$0].savedState(batch: 1) : states[$0]
            }
            guard index > 0 else { break }
            let passes = passes(pieces, index).filter { isBackward[$0.direction] }
            try read(words, steps, pieces[index], passes, counted: false)
        }
        let columns = vectors.layers * vectors.width
        let memory = FloatBuffer(count: (pieces.map(\.words.count).max() ?? 0) * columns)
        for index in pieces.indices {
            for direction in encoder.directions.indices where isBackward[direction] {
                encoder.directions[direction].restoreState(begins[index][direction], batch: 1)
            }
            let passes = passes(pieces, index)
            try read(words, steps, pieces[index], passes, counted: true)
            if index == 0 { keepStates { isBackward[$0] } }
            let target = Matrix(memory, rows: pieces[index].words.count, columns: columns)
            vectors.collect(
                steps: steps[pieces[index].words], passes.map { WindowShape(steps: $0.rows, batch: 1) }, into: target
            ) { row(passes[$0], $1) }
            try deliver(target)
        }
        keepStates { !isBackward[$0] }
    }

    /// A sentence without words is one piece: its marks.
    private func cut(_ steps: [Int]) -> [Piece] {
        var pieces: [Piece] = [], start = 0
        repeat {
            var end = start, length = 0
            while end < steps.count && (end == start || length + steps[end] <= longest) {
                length += steps[end]
                end += 1
            }
            pieces.append(Piece(words: start..<end, steps: length))
            start = end
        } while start < steps.count
        return pieces
    }

    private func passes(_ pieces: [Piece], _ index: Int) -> [Pass] {
        encoder.directions.enumerated().map { direction, model in
            let isFirst = index == 0, isLast = index == pieces.count - 1
            let isForward = model.direction == .forward
            return Pass(
                direction: direction, opens: isForward ? isFirst : isLast,
                closes: isStateful && (isForward ? isLast : isFirst), steps: pieces[index].steps)
        }
    }

    private func read(_ words: [String], _ steps: [Int], _ piece: Piece, _ passes: [Pass], counted: Bool) throws {
        input.begin(rows: piece.steps + 2)
        for pass in passes {
            if pass.opens { input.putMark(pass.direction, row: 0, closing: false) }
            if pass.closes { input.putMark(pass.direction, row: pass.rows - 1, closing: true) }
        }
        var first = 0
        for index in piece.words {
            try input.put(words[index], counted: counted) { direction, step in
                passes.first { $0.direction == direction }.map { row($0, first + step) }
            }
            first += steps[index]
        }
        let rows = encoder.directions.indices.map { direction in passes.first { $0.direction == direction }?.rows ?? 0 }
        let inputs = input.words(rows: rows)
        encoder.runEachDirection { direction in
            guard rows[direction] > 0 else { return }
            encoder.directions[direction].advance(inputs[direction], shape: WindowShape(steps: rows[direction], batch: 1))
        }
    }

    /// The row of a piece's step in the pass of a direction.
    private func row(_ pass: Pass, _ step: Int) -> Int {
        (pass.opens ? 1 : 0) + encoder.directions[pass.direction].direction.step(of: step, length: pass.steps)
    }

    private func keepStates(_ isKept: (Int) -> Bool) {
        for (direction, model) in encoder.directions.enumerated() where isKept(direction) {
            states[direction] = model.savedState(batch: 1)
        }
    }
}
