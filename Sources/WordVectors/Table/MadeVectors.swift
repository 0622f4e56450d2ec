import Shards
import Synchronization

/// Vectors that took some work, kept for the next time a word is met.
final class MadeVectors: Sendable {
    private let state = Mutex(State())
    private let dimension: Int

    private struct State: Sendable {
        var words = WordTable()
        var sources: [VectorSource] = []
        var values: [Float] = []
    }

    /// About 100 MB of vectors of 300 numbers; then everything starts anew.
    private static let most = 1 << 16

    init(dimension: Int) { self.dimension = dimension }

    /// Writes the vector of `word` into `row`, [dimension]: the one kept, or what `make` writes there. Threads may ask at
    /// once; `make` must give the same to all.
    func vector(
        of word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>, make: () throws -> VectorSource
    ) rethrows -> VectorSource {
        let kept: VectorSource? = state.withLock { state in
            guard let id = state.words.find(word) else { return nil }
            for index in row.indices { row[index] = state.values[id * dimension + index] }
            return state.sources[id]
        }
        if let kept { return kept }
        let source = try make()
        state.withLock { state in
            if state.words.count == Self.most { state = State() }
            // Another thread may have been faster; its vector is the same.
            guard state.words.insert(word) == state.sources.count else { return }
            state.sources.append(source)
            state.values.append(contentsOf: row)
        }
        return source
    }
}
