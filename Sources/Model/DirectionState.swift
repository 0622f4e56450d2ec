public import Kernels
internal import Layers

// The state that a recurrent encoder carries from window to window: saved, and gone on from.
extension DirectionModel {
    /// True if a sequence may go on in a later pass.
    public var carriesState: Bool { network.state != nil }

    public func resetState() { memory.startsAtZero = true }

    /// Floats of the state that a window takes over from the one before it, for `batch` sequences.
    public func stateCount(batch: Int) -> Int { (network.state?.stateWidths.reduce(0, +) ?? 0) * batch }

    /// Calls `body` with each matrix of the state, [batch, width], and its part of `buffer`.
    private func forEachState(_ buffer: FloatBuffer, batch: Int, _ body: (Matrix, Matrix) -> Void) {
        var first = 0
        network.state?.forEachState(batch: batch, run()) { state in
            body(state, Matrix(buffer, at: first, rows: batch, columns: state.columns))
            first += batch * state.columns
        }
    }

    /// The state the next window begins with, for `batch` sequences.
    public func savedState(batch: Int) -> FloatBuffer {
        let saved = backend.allocate(stateCount(batch: batch))
        if !memory.startsAtZero { forEachState(saved, batch: batch) { backend.copy($0, to: $1) } }
        return saved
    }

    public func restoreState(_ state: FloatBuffer, batch: Int) {
        precondition(state.count == stateCount(batch: batch))
        forEachState(state, batch: batch) { backend.copy($1, to: $0) }
        // Without a state every window begins in the same way.
        memory.startsAtZero = network.state == nil
    }

    /// A state that was saved for `batch` sequences, held by all who will go on from one of them.
    public final class SavedState {
        public let state: FloatBuffer
        let batch: Int
        /// True if it is the state that a text begins with, whatever the floats are.
        fileprivate var isZero: Bool

        public init(_ model: DirectionModel, batch: Int) {
            state = model.savedState(batch: batch)
            self.batch = batch
            isZero = model.memory.startsAtZero
        }

        /// Says that the floats were written to by others than a model.
        public func wasRead() { isZero = false }
    }

    /// Saves the state in memory that is there.
    public func saveState(in saved: SavedState) {
        saved.isZero = memory.startsAtZero
        if !saved.isZero { forEachState(saved.state, batch: saved.batch) { backend.copy($0, to: $1) } }
    }

    /// Goes on from a state with all its sequences.
    public func restoreState(_ saved: SavedState) {
        if saved.isZero { resetState() } else { restoreState(saved.state, batch: saved.batch) }
    }

    /// Goes on from sequences of states that were saved: each the row of one.
    public func restoreState(_ sequences: some Collection<(saved: SavedState, row: Int)>) {
        var before = 0
        network.state?.forEachState(batch: sequences.count, run()) { state in
            for (row, sequence) in sequences.enumerated() {
                let saved = sequence.saved
                let source = Matrix(
                    saved.state, at: before * saved.batch + sequence.row * state.columns, rows: 1, columns: state.columns)
                backend.copy(source, to: state.rows(row..<row + 1))
            }
            before += state.columns
        }
        memory.startsAtZero = network.state == nil
    }
}
