import Kernels
import Layers
import Model

/// Runs sentences one at a time, in pieces that pass on their state, so that a sentence of any length takes bounded memory and gets
/// the vectors of a single pass, to the last bit.
///
/// A direction that starts with the last piece runs through a sentence of several pieces twice: once to compute the state at the
/// start of each piece, and again piece by piece together with the other direction.
final class SequentialRun {
    private let encoder: ContextualEncoder
    private let input: SentenceInput
    private let vectors: TokenVectors
    private let isStateful: Bool
    private let longest: Int
    /// The state in which each direction starts the next sentence.
    private var states: [FloatBuffer]
    /// The vectors of a piece, [tokens, layers x width].
    private var memory = FloatBuffer(count: 0)

    /// - Parameters:
    ///   - isStateful: true if a sentence continues from the last state of the previous one, as in ELMo's programs; after its words
    ///     each direction then also reads the other mark. Otherwise every sentence starts from zeros.
    ///   - longest: maximum number of steps of a piece.
    init(_ encoder: ContextualEncoder, _ input: SentenceInput, _ vectors: TokenVectors, isStateful: Bool, longest: Int) {
        self.encoder = encoder
        self.input = input
        self.vectors = vectors
        self.isStateful = isStateful
        self.longest = longest
        for model in encoder.directions { model.resetState() }
        states = encoder.directions.map { $0.savedState(batch: 1) }
    }

    /// The rows that a direction reads of a piece: its steps, with a mark before the first word or after the last.
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

    /// Computes the vectors of a sentence, and calls `deliver` with those of each piece, [tokens, layers x width], in the order of
    /// the text.
    func run(_ words: [String], steps: [Int], deliver: (Matrix) throws -> Void) throws {
        let pieces = cut(steps)
        if !isStateful {
            for (model, state) in zip(encoder.directions, states) {
                model.backend.fill(Matrix(state, rows: 1, columns: state.count), with: 0)
            }
        }
        let reversed = encoder.directions.indices.filter { turn(of: 0, $0, pieces) > 0 }
        // The states in which the reversed directions start each piece, beginning with the last piece.
        var begins: [[FloatBuffer]] = []
        for direction in encoder.directions.indices { encoder.directions[direction].restoreState(states[direction], batch: 1) }
        for index in pieces.indices.reversed() where !reversed.isEmpty {
            begins.append(reversed.map { encoder.directions[$0].savedState(batch: 1) })
            guard index > 0 else { break }
            let passes = passes(pieces, index).filter { reversed.contains($0.direction) }
            try read(words, steps, pieces[index], passes, counted: false)
        }
        let columns = vectors.layers * vectors.width, size = (pieces.map(\.words.count).max() ?? 0) * columns
        if memory.count < size { memory = encoder.directions[0].backend.allocateShared(size) }
        for index in pieces.indices {
            for (direction, state) in zip(reversed, begins.popLast() ?? []) {
                encoder.directions[direction].restoreState(state, batch: 1)
            }
            let passes = passes(pieces, index)
            try read(words, steps, pieces[index], passes, counted: true)
            if index == 0 { keepStates(reversed) }
            let target = Matrix(memory, rows: pieces[index].words.count, columns: columns)
            let shapes = passes.map { WindowShape(steps: $0.rows, batch: 1) }
            vectors.collect([(steps[pieces[index].words], passes.map(stepRows))], shapes, into: target).wait()
            try deliver(target)
        }
        keepStates(encoder.directions.indices.filter { !reversed.contains($0) })
    }

    /// Divides a sentence into pieces. A sentence without words is one piece, its marks.
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
        encoder.directions.indices.map { direction in
            let turn = turn(of: index, direction, pieces)
            return Pass(
                direction: direction, opens: turn == 0, closes: isStateful && turn == pieces.count - 1,
                steps: pieces[index].steps)
        }
    }

    /// Returns the position of a piece in the order in which a direction reads the pieces.
    private func turn(of index: Int, _ direction: Int, _ pieces: [Piece]) -> Int {
        encoder.directions[direction].direction.step(of: index, length: pieces.count)
    }

    private func read(_ words: [String], _ steps: [Int], _ piece: Piece, _ passes: [Pass], counted: Bool) throws {
        input.begin(rows: piece.steps + 2)
        for pass in passes {
            if pass.opens { input.putMark(pass.direction, row: 0, closing: false) }
            if pass.closes { input.putMark(pass.direction, row: pass.rows - 1, closing: true) }
        }
        let places = encoder.directions.indices.map { direction in passes.first { $0.direction == direction }.map(stepRows) }
        input.put(words[piece.words], rows: places, counted: counted)
        let rows = encoder.directions.indices.map { direction in passes.first { $0.direction == direction }?.rows ?? 0 }
        let inputs = try input.words(rows: rows)
        encoder.runEachDirection { direction in
            guard rows[direction] > 0 else { return }
            encoder.directions[direction].advance(inputs[direction], shape: WindowShape(steps: rows[direction], batch: 1))
        }
    }

    /// Returns the rows of a piece's steps in a direction's pass.
    private func stepRows(_ pass: Pass) -> StepRows {
        let direction = encoder.directions[pass.direction].direction, first = direction.step(of: 0, length: pass.steps)
        return StepRows(
            first: (pass.opens ? 1 : 0) + first, stride: direction.step(of: 1, length: pass.steps) - first)
    }

    private func keepStates(_ directions: [Int]) {
        for direction in directions { states[direction] = encoder.directions[direction].savedState(batch: 1) }
    }
}
