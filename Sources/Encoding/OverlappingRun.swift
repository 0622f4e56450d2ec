import Kernels
import Layers
import Model

/// Runs a sentence that is longer than what an encoder sees at once, piece after piece of the sentence: each in a window that has
/// as much of the text beside the piece as there is room for. Windows of neighbouring pieces overlap.
///
/// A piece is half of a window, and the other half is what the direction reads before it, or, where both sides are read, a quarter
/// on either side. Takes bounded memory, and gives the same vectors whatever stands around the sentence.
final class OverlappingRun {
    private let encoder: ContextualEncoder
    private let input: SentenceInput
    private let vectors: TokenVectors
    /// The steps of a window at most.
    private let longest: Int
    /// The vectors of a piece, [tokens, layers x width].
    private var memory = FloatBuffer(count: 0)

    init(_ encoder: ContextualEncoder, _ input: SentenceInput, _ vectors: TokenVectors, longest: Int) {
        (self.encoder, self.input, self.vectors, self.longest) = (encoder, input, vectors, longest)
    }

    /// The words of a direction's window, and its steps; with the marks of the sentence where it begins or ends there.
    private struct Window {
        let words: Range<Int>
        let steps: Int
        let opens, closes: Bool

        var rows: Int { (opens ? 1 : 0) + steps + (closes ? 1 : 0) }
    }

    /// Gives the vectors of a sentence, piece after piece in the order of the text: `deliver` gets [tokens, layers x width].
    /// - Parameter steps: of each word, no more than a window has.
    func run(_ words: [String], steps: [Int], deliver: (Matrix) throws -> Void) throws {
        let columns = vectors.layers * vectors.width
        var start = 0
        while start < words.count {
            let piece = start..<end(from: start, steps, most: most)
            let windows = encoder.directions.map { window(around: piece, $0.direction, steps) }
            if memory.count < piece.count * columns { memory = encoder.directions[0].backend.allocateShared(piece.count * columns) }
            let target = Matrix(memory, rows: piece.count, columns: columns)
            try run(words, steps, piece, windows, into: target)
            try deliver(target)
            start = piece.upperBound
        }
    }

    /// The steps of a piece at most, unless it is one word.
    private var most: Int { max(1, longest / 2 - 1) }

    /// The end of the words from `start` on that take at most so many steps, at least one word.
    private func end(from start: Int, _ steps: [Int], most: Int) -> Int {
        var end = start + 1, length = steps[start]
        while end < steps.count, length + steps[end] <= most {
            length += steps[end]
            end += 1
        }
        return end
    }

    /// The window in which a direction reads a piece: a language model that which it reads before the piece, and a network that
    /// reads both ways as much of either side as there is.
    ///
    /// Before a last piece that is short the forward direction reads no more than before others: its vectors do not depend on how many
    /// words follow.
    private func window(around piece: Range<Int>, _ direction: Direction, _ steps: [Int]) -> Window {
        let isBoth = direction == .bidirectional, room = longest - (isBoth ? 2 : 1)
        let own = steps[piece].reduce(0, +)
        var words = piece, length = direction == .forward ? max(own, most) : own
        func grow(_ next: Int) -> Bool {
            guard steps.indices.contains(next), length + steps[next] <= room else { return false }
            length += steps[next]
            words = min(words.lowerBound, next)..<max(words.upperBound, next + 1)
            return true
        }
        while true {
            let before = direction != .backward && grow(words.lowerBound - 1)
            let after = direction != .forward && grow(words.upperBound)
            guard before || after else { break }
        }
        let isFirst = words.lowerBound == 0, isLast = words.upperBound == steps.count
        return Window(words: words, steps: steps[words].reduce(0, +), opens: direction == .backward ? isLast : isFirst, closes: isBoth && isLast)
    }

    private func run(_ words: [String], _ steps: [Int], _ piece: Range<Int>, _ windows: [Window], into target: Matrix) throws {
        input.begin(rows: longest)
        for (direction, window) in windows.enumerated() {
            if window.opens { input.putMark(direction, row: 0, closing: false) }
            if window.closes { input.putMark(direction, row: window.rows - 1, closing: true) }
            let rows = rows(window, encoder.directions[direction].direction)
            var first = 0
            for part in [window.words.lowerBound..<piece.lowerBound, piece, piece.upperBound..<window.words.upperBound] {
                let places = encoder.directions.indices.map { $0 == direction ? rows.dropped(first) : nil }
                // Each word of the sentence counts once.
                input.put(words[part], rows: places, counted: direction == 0 && part == piece)
                first += steps[part].reduce(0, +)
            }
        }
        let shapes = windows.map { WindowShape(steps: $0.rows, batch: 1) }, inputs = try input.words(rows: windows.map(\.rows))
        encoder.runEachDirection { encoder.directions[$0].encode(inputs[$0], shape: shapes[$0]) }
        let places = windows.enumerated().map { direction, window in
            rows(window, encoder.directions[direction].direction)
                .dropped(steps[window.words.lowerBound..<piece.lowerBound].reduce(0, +))
        }
        vectors.collect([(steps[piece], places)], shapes, into: target).wait()
    }

    /// The rows of a window's steps, by the order of the text.
    private func rows(_ window: Window, _ direction: Direction) -> StepRows {
        let first = direction.step(of: 0, length: window.steps)
        return StepRows(
            first: (window.opens ? 1 : 0) + first, stride: direction.step(of: 1, length: window.steps) - first)
    }
}
