import Kernels
import Layers
import Model

/// The vectors of tokens, taken from the layers of an encoder that has just run.
///
/// A device combines those of a batch in its own memory, and sends them to the host while it computes the next batch.
final class TokenVectors {
    let layers: Int
    var width: Int { encoder.layerWidth }
    /// Seconds that the host has waited for a device.
    var waited: Double { numbers.waited }

    private let encoder: ContextualEncoder
    /// Factor of each layer in their sum; `nil` if they are not added.
    private let factors: [Float]?
    /// Memory for the rows of each direction's steps, and for the number of each word's last step.
    private let numbers: Turns<FloatBuffer>
    /// The vectors of two batches in a device's memory, [tokens, layers x width], and the work that sends them to the host.
    private var collected: [(memory: FloatBuffer, delivery: (any WorkMark)?)]
    private var batches = 0
    /// Maximum number of rows and of tokens in a batch.
    private let rows, tokens: Int
    /// Number of values of a small batch, 4 MiB; memory for a larger batch has the maximum size.
    private static let few = 1 << 20

    init(_ encoder: ContextualEncoder, _ choice: LayerChoice, _ limits: BatchLimits) {
        self.encoder = encoder
        layers = choice.count(of: encoder.layerCount)
        factors = choice.factors(layers: encoder.layerCount)
        rows = limits.capacity.rows
        tokens = min(rows, limits.groupTokens + SentenceEncoder.longestPiece)
        collected = (0..<2).map { _ in (FloatBuffer(count: 0), nil) }
        numbers = Turns((0..<limits.turns).map { [rows] _ in
            encoder.directions[0].backend.allocateShared((encoder.directions.count + 1) * rows)
        })
    }

    /// Writes the vectors of the words of sentences to `target`, [words, layers x width] in memory that the host sees, and returns
    /// the work that does so. A word of several steps gets their mean.
    /// - Parameters:
    ///   - sentences: number of steps of each word, and rows of the steps in each direction's pass.
    ///   - shapes: shape of each direction's pass.
    func collect(
        _ sentences: [(steps: ArraySlice<Int>, rows: [StepRows])], _ shapes: [WindowShape], into target: Matrix
    ) -> any WorkMark {
        let backend = encoder.directions[0].backend
        numbers.advance(encoder.backends)
        guard !backend.computesInHostMemory else {
            putTogether(sentences, shapes, in: target)
            return backend.mark()
        }
        let turn = batches % collected.count, size = target.rows * target.columns
        batches += 1
        if collected[turn].memory.count < size {
            collected[turn].delivery?.wait()
            // Zeroed before another direction writes it.
            collected[turn].memory = backend.allocate(max(size, size > Self.few ? tokens * target.columns : Self.few))
            collected[turn].delivery = backend.mark()
        }
        for backend in encoder.backends { if let delivery = collected[turn].delivery { backend.follow(delivery) } }
        let vectors = Matrix(collected[turn].memory, rows: target.rows, columns: target.columns)
        putTogether(sentences, shapes, in: vectors)
        let delivery = backend.deliver(vectors, to: target, after: encoder.backends.map { $0.mark() })
        collected[turn].delivery = delivery
        return delivery
    }

    private func putTogether(
        _ sentences: [(steps: ArraySlice<Int>, rows: [StepRows])], _ shapes: [WindowShape], in target: Matrix
    ) {
        let part = encoder.configuration.width, directions = encoder.directions.count
        let ends = Numbers(numbers.current, at: directions * rows, count: target.rows)
        var word = 0, count = 0, isOneStepEach = true
        for sentence in sentences {
            for steps in sentence.steps {
                count += steps
                isOneStepEach = isOneStepEach && steps == 1
                ends[word] = Int32(count)
                word += 1
            }
        }
        for (direction, model) in encoder.directions.enumerated() {
            let rows = Numbers(numbers.current, at: direction * rows, count: count)
            var place = 0
            for sentence in sentences {
                let own = sentence.rows[direction]
                for step in 0..<sentence.steps.reduce(0, +) {
                    rows[place] = Int32(own[step])
                    place += 1
                }
            }
            for index in 0..<layers {
                let first = index * width + direction * part, columns = target.columns(first..<first + part)
                let summed = factors.map { factors in factors.indices.filter { factors[$0] != 0 } } ?? [index]
                func output(_ layer: Int) -> Matrix { model.layerOutput(layer, shape: shapes[direction]) }
                func factor(_ layer: Int) -> Float { factors?[layer] ?? 1 }
                if isOneStepEach && summed.count == 1 && factor(summed[0]) == 1 {
                    model.backend.gather(rows, of: output(summed[0]), into: columns)
                    continue
                }
                model.backend.fill(columns, with: 0)
                for layer in summed {
                    model.backend.addRuns(rows, ends: ends, of: output(layer), times: factor(layer), to: columns)
                }
                if !isOneStepEach { model.backend.divideByRuns(columns, ends: ends) }
            }
        }
    }
}
