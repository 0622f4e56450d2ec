import Kernels
import Shards
import Synchronization

/// The generator of a table, made when it is first asked for: its tensors may be gigabytes, and a text whose words are all in
/// the table needs none of them.
final class TableGenerator: Sendable {
    typealias Generator = any OutOfVocabularyGenerator

    private enum State: Sendable {
        case unmade(@Sendable () throws -> Generator?)
        case made(Generator?)
    }

    private let state: Mutex<State>

    init(_ make: @escaping @Sendable () throws -> Generator?) { state = Mutex(.unmade(make)) }

    /// The generator, whose vectors are transformed as the table's are; `nil` if the table has none. Throws `ToolError`
    /// (`ioError`; `dataError` where its tensors are damaged or missing).
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

/// Vectors that took some work, kept for the next time a word is met.
final class MadeVectors: Sendable {
    private let state = Mutex(State())
    private let dimension: Int

    private struct State: Sendable {
        var words = WordTable()
        var sources: [VectorSource] = []
        /// The vectors, some at a time.
        var pieces: [RowMatrix] = []

        func row(_ id: Int) -> Matrix { pieces[id / MadeVectors.pieceRows].row(id % MadeVectors.pieceRows) }
    }

    private static let pieceRows = 1 << 10
    /// About 100 MB of vectors of 300 numbers; then everything starts anew.
    private static let most = 1 << 16

    init(dimension: Int) { self.dimension = dimension }

    /// Writes the vector of `word` into `row`, [1, dimension]: the one kept, or what `make` writes there. Threads may ask at
    /// once; `make` must give the same to all.
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
