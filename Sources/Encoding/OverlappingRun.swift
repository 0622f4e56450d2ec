import Kernels
import Layers
import Model

/// Runs a sentence longer than the encoder can see at once, piece by piece: each piece in a window that includes as much of the
/// surrounding text as fits. Windows of neighbouring pieces overlap.
///
/// A piece is half a window. The other half is the text that the direction reads before it or, for a network that sees both sides,
/// a quarter on either side. Memory is bounded, and the vectors do not depend on other sentences.
final class OverlappingRun {
    private let encoder: ContextualEncoder
    private let input: SentenceInput
    private let vectors: TokenVectors
    /// Maximum number of steps of a window.
    private let longest: Int
    /// The vectors of a piece, [tokens, layers x width].
    private var memory = FloatBuffer(count: 0)

    init(_ encoder: ContextualEncoder, _ input: SentenceInput, _ vectors: TokenVectors, longest: Int) {
        (self.encoder, self.input, self.vectors, self.longest) = (encoder, input, vectors, longest)
    }

    /// The words of a direction's window, and its steps, including marks of the sentence that fall into it.
    private struct Window {
        let words: Range<Int>
        let steps: Int
        let opens, closes: Bool

        var rows: Int { (opens ? 1 : 0) + steps + (closes ? 1 : 0) }
    }

    /// Computes the vectors of a sentence, and calls `deliver` with those of each piece, [tokens, layers x width], in the order of
    /// the text.
    /// - Parameter steps: number of steps of each word, at most those of a window.
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

    /// Maximum number of steps of a piece, unless it is a single word.
    private var most: Int { max(1, longest / 2 - 1) }

    /// Returns the end of the words from `start` on that take at most `most` steps, but at least one word.
    private func end(from start: Int, _ steps: [Int], most: Int) -> Int {
        var end = start + 1, length = steps[start]
        while end < steps.count, length + steps[end] <= most {
            length += steps[end]
            end += 1
        }
        return end
    }

    /// Returns the window in which a direction reads a piece: for a language model the text before the piece, for a network that
    /// sees both sides as much of either side as fits.
    ///
    /// Before a short last piece, the forward direction reads no more than before others, so that its vectors do not depend on the
    /// number of following words.
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

    /// Returns the rows of a window's steps in the order of the text.
    private func rows(_ window: Window, _ direction: Direction) -> StepRows {
        let first = direction.step(of: 0, length: window.steps)
        return StepRows(
            first: (window.opens ? 1 : 0) + first, stride: direction.step(of: 1, length: window.steps) - first)
    }
}
