internal import Kernels

/// The sentences of a batch, of different lengths. The rows of a matrix over them are their words, one sentence behind the other, without
/// padding.
public struct Sequences {
    public let lengths: [Int]
    /// The row of the first word of each sentence.
    public let starts: [Int]
    public let rows: Int
    /// The sentences that have a word at each step, when the longest come first.
    let active: [Int]
    /// The row, step by step, with which each step begins.
    let offsets: [Int]
    /// The row of the word that each row of the step-by-step order holds, for reading from the beginning and from the end.
    let rowsFromBeginning, rowsFromEnd: Numbers
    public var count: Int { lengths.count }
    public var longest: Int { active.count }

    /// - Parameter lengths: words of each sentence, at least one each.
    public init(_ lengths: [Int], on tape: Tape) {
        precondition(lengths.allSatisfy { $0 > 0 }, "a sentence has a word at least")
        self.lengths = lengths
        var starts: [Int] = [], rows = 0
        for length in lengths {
            starts.append(rows)
            rows += length
        }
        (self.starts, self.rows) = (starts, rows)
        let order = lengths.indices.sorted { (lengths[$0], $1) > (lengths[$1], $0) }
        let longest = lengths.max() ?? 0
        var active = [Int](repeating: 0, count: longest), offsets: [Int] = []
        for length in lengths { active[length - 1] += 1 }
        for step in active.indices.dropLast().reversed() { active[step] += active[step + 1] }
        rowsFromBeginning = tape.numbers(rows)
        rowsFromEnd = tape.numbers(rows)
        var row = 0
        for step in 0..<longest {
            offsets.append(row)
            for place in 0..<active[step] {
                let sentence = order[place]
                rowsFromBeginning[row] = Int32(starts[sentence] + step)
                rowsFromEnd[row] = Int32(starts[sentence] + lengths[sentence] - 1 - step)
                row += 1
            }
        }
        (self.active, self.offsets) = (active, offsets)
    }

    /// The rows of a sentence.
    public func rows(of sentence: Int) -> Range<Int> { starts[sentence]..<starts[sentence] + lengths[sentence] }
}
