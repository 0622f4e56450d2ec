internal import Kernels

/// The sentences of a batch, which differ in length. Rows of matrices over them are words, one sentence after another, without
/// padding.
public struct Sequences {
    /// Number of words of each sentence.
    public let lengths: [Int]
    /// Row of the first word of each sentence.
    public let starts: [Int]
    /// Number of words in all.
    public let rows: Int
    /// Number of sentences with a word at each step, when the longest come first.
    let active: [Int]
    /// First row of each step in the step-by-step order.
    let offsets: [Int]
    /// Row of the word at each row of the step-by-step order, for reading from the start and from the end.
    let rowsFromBeginning, rowsFromEnd: Numbers
    /// Number of sentences.
    public var count: Int { lengths.count }
    /// Number of words of the longest sentence.
    public var longest: Int { active.count }

    /// Creates a batch.
    /// - `lengths`: number of words of each sentence, at least 1.
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

    /// Returns the rows of a sentence.
    public func rows(of sentence: Int) -> Range<Int> { starts[sentence]..<starts[sentence] + lengths[sentence] }
}
