import Layers
import Model

/// Brings the words of a batch of sentences into the form that a model's input layer reads.
protocol SentenceInput: AnyObject {
    /// The steps that a word takes: one, or one for each of its units.
    func steps(_ word: String) -> Int

    /// Begins a batch of at most `rows` rows for each direction: every place is empty.
    func begin(rows: Int)
    /// Puts a mark of the sentence to a direction's row: the one with which the direction begins, or the one with which it ends.
    func putMark(_ direction: Int, row: Int, closing: Bool)
    /// Puts a word; `row` gives the row of each of its steps in a direction, or `nil` if the direction is not to read it.
    /// Throws `ToolError` if the table's file cannot be read.
    /// - Parameter counted: whether the word counts in `madeTokens` and `unknownTokens`: it may be put again.
    func put(_ word: String, counted: Bool, _ row: (_ direction: Int, _ step: Int) -> Int?) throws

    /// The batch, for each direction: its first rows, as many as are asked for.
    func words(rows: [Int]) -> [InputWords]

    /// Words met so far whose vector a table's generator made, and those without any.
    var madeTokens: Int { get }
    var unknownTokens: Int { get }
}
