import Kernels
import Shards
import Synchronization

/// The generator of a table, created when first needed: its tensors may take gigabytes, and a text whose words are all in the table
/// needs none of them.
final class TableGenerator: Sendable {
    typealias Generator = any OutOfVocabularyGenerator

    private enum State: Sendable {
        case unmade(@Sendable () throws -> Generator?)
        case made(Generator?)
    }

    private let state: Mutex<State>

    init(_ make: @escaping @Sendable () throws -> Generator?) { state = Mutex(.unmade(make)) }

    /// Returns the generator, whose vectors are transformed like the table's; `nil` if the table has none. Throws `ToolError`:
    /// `ioError`, or `dataError` if its tensors are damaged or missing.
    func get() throws -> Generator? {
        try state.withLock { state in
            switch state {
            case .made(let generator): return generator
            case .unmade(let make):
                let generator = try make()
                state = .made(generator)
                return generator
            }
        }
    }
}

/// A cache of vectors that took some work.
final class MadeVectors: Sendable {
    private let state = Mutex(State())
    private let dimension: Int

    private struct State: Sendable {
        var words = WordTable()
        var sources: [VectorSource] = []
        /// The vectors, in pieces.
        var pieces: [RowMatrix] = []

        func row(_ id: Int) -> Matrix { pieces[id / MadeVectors.pieceRows].row(id % MadeVectors.pieceRows) }
    }

    private static let pieceRows = 1 << 10
    /// About 100 MB of vectors of size 300; beyond that, the cache is emptied.
    private static let most = 1 << 16

    init(dimension: Int) { self.dimension = dimension }

    /// Writes the vector of `word` to `row` [1, dimension]: the cached one, or what `make` writes there. Several threads may call
    /// it at once; `make` must return the same for all.
    func vector(of word: UnsafeRawBufferPointer, into row: Matrix, make: () throws -> VectorSource) rethrows -> VectorSource {
        let kept: VectorSource? = state.withLock { state in
            guard let id = state.words.find(word) else { return nil }
            row.copy(from: state.row(id))
            return state.sources[id]
        }
        if let kept { return kept }
        let source = try make()
        state.withLock { state in
            if state.words.count == Self.most { state = State() }
            // Another thread may have been faster; its vector is the same.
            let id = state.sources.count
            guard state.words.insert(word) == id else { return }
            if id / Self.pieceRows == state.pieces.count {
                state.pieces.append(RowMatrix(count: Self.pieceRows, dimension: dimension))
            }
            state.sources.append(source)
            state.row(id).copy(from: row)
        }
        return source
    }
}
