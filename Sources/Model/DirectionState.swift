public import Kernels
internal import Layers

// The state that a recurrent encoder carries from window to window: saving and restoring.
extension DirectionModel {
    /// True if a sequence may continue in a later pass.
    public var carriesState: Bool { network.state != nil }

    /// Makes the next window start from the zero state.
    public func resetState() { memory.startsAtZero = true }

    /// Returns the floats of the state that a window inherits, for `batch` sequences.
    public func stateCount(batch: Int) -> Int { (network.state?.stateWidths.reduce(0, +) ?? 0) * batch }

    /// Calls `body` with each matrix of the state, [batch, width], and its part of `buffer`.
    private func forEachState(_ buffer: FloatBuffer, batch: Int, _ body: (Matrix, Matrix) -> Void) {
        var first = 0
        network.state?.forEachState(batch: batch, run()) { state in
            body(state, Matrix(buffer, at: first, rows: batch, columns: state.columns))
            first += batch * state.columns
        }
    }

    /// Returns the state in which the next window starts, for `batch` sequences.
    public func savedState(batch: Int) -> FloatBuffer {
        let saved = backend.allocate(stateCount(batch: batch))
        if !memory.startsAtZero { forEachState(saved, batch: batch) { backend.copy($0, to: $1) } }
        return saved
    }

    /// Makes the next window start from a saved state of `batch` sequences.
    public func restoreState(_ state: FloatBuffer, batch: Int) {
        precondition(state.count == stateCount(batch: batch))
        forEachState(state, batch: batch) { backend.copy($1, to: $0) }
        // Without a state, every window starts in the same way.
        memory.startsAtZero = network.state == nil
    }

    /// A saved state of `batch` sequences, held by everyone who will continue one of them.
    public final class SavedState {
        /// The floats of the state.
        public let state: FloatBuffer
        let batch: Int
        /// True if this is the initial state of a text, whatever the floats are.
        fileprivate var isZero: Bool

        /// Allocates memory for a state.
        public init(_ model: DirectionModel, batch: Int) {
            state = model.savedState(batch: batch)
            self.batch = batch
            isZero = model.memory.startsAtZero
        }

        /// Records that others than a model have written the floats.
        public func wasRead() { isZero = false }
    }

    /// Saves the state to existing memory.
    public func saveState(in saved: SavedState) {
        saved.isZero = memory.startsAtZero
        if !saved.isZero { forEachState(saved.state, batch: saved.batch) { backend.copy($0, to: $1) } }
    }

    /// Restores a state with all its sequences.
    public func restoreState(_ saved: SavedState) {
        if saved.isZero { resetState() } else { restoreState(saved.state, batch: saved.batch) }
    }

    /// Restores sequences of saved states, each a row of one of them.
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
