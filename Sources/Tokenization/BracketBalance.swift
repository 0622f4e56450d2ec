/// How many brackets are opened and closed in a range whose end moves to the left.
///
/// Each place of the range is looked at twice at most, however often the end moves.
package struct BracketBalance {
    private var stop: Int
    private var balance = 0

    /// - Parameter step: what stands at a place: 1 for a bracket that opens, -1 for one that closes, 0 for anything else.
    package init(_ range: Range<Int>, _ step: (Int) -> Int) {
        stop = range.upperBound
        for place in range { balance += step(place) }
    }

    /// Moves the end to `newStop`, which is not behind it.
    package mutating func shorten(to newStop: Int, _ step: (Int) -> Int) {
        while stop > newStop {
            stop -= 1
            balance -= step(stop)
        }
    }

    /// Whether at least as many brackets are opened as closed, so that one that closes at the end was opened before.
    package var opensInside: Bool { balance >= 0 }
}
