import Kernels
import Parallel

/// Pieces of memory that the host fills by turns: one of them while a device reads what it filled before.
final class Turns<Piece> {
    /// Seconds that the host has waited for a piece which the device still read.
    private(set) var waited = 0.0
    private let pieces: [Piece]
    /// For each piece the work that reads what it held last.
    private var readers: [[any WorkMark]]
    private var place = 0

    init(_ pieces: [Piece]) {
        self.pieces = pieces
        readers = pieces.map { _ in [] }
    }

    /// The piece whose turn it is.
    var current: Piece { pieces[place] }

    /// Goes on to the next piece. All that backends have been asked for until now may read the current one, and nothing else.
    func advance(_ backends: [any Backend]) {
        readers[place] = backends.map { $0.mark() }
        place = (place + 1) % pieces.count
        let start = monotonicSeconds()
        for mark in readers[place] { mark.wait() }
        waited += monotonicSeconds() - start
    }
}
