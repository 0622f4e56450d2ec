import Kernels
import Parallel

/// Pieces of memory that the host fills in turn: one while a device reads those filled before.
final class Turns<Piece> {
    /// Seconds that the host has waited for a piece that the device was still reading.
    private(set) var waited = 0.0
    private let pieces: [Piece]
    /// For each piece, the work that reads its last contents.
    private var readers: [[any WorkMark]]
    private var place = 0

    init(_ pieces: [Piece]) {
        self.pieces = pieces
        readers = pieces.map { _ in [] }
    }

    /// The piece whose turn it is.
    var current: Piece { pieces[place] }

    /// Moves to the next piece. Everything requested from backends so far, and nothing else, may read the current one.
    func advance(_ backends: [any Backend]) {
        readers[place] = backends.map { $0.mark() }
        place = (place + 1) % pieces.count
        let start = monotonicSeconds()
        for mark in readers[place] { mark.wait() }
        waited += monotonicSeconds() - start
    }
}
