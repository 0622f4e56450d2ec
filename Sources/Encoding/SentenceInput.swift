import Layers
import Model

/// Brings the words of a batch of sentences into the form that a model's input layer reads.
protocol SentenceInput: AnyObject {
    /// The steps that a word takes: one, or one for each of its units.
    func steps(_ word: String) -> Int

    /// Begins a batch: every place is empty.
    func begin(rows: Int)
    /// Puts the mark of the sentence's beginning, as a direction reads it, to its row.
    func putMark(_ direction: Int, row: Int)
    /// Puts a word; `row` gives the row of each of its steps in a direction. Throws `ToolError` if the table's file cannot be
    /// read.
    func put(_ word: String, _ row: (_ direction: Int, _ step: Int) -> Int) throws

    /// The batch, for each direction.
    func words(rows: Int) -> [InputWords]

    /// Words met so far whose vector a table's generator made, and those without any.
    var madeTokens: Int { get }
    var unknownTokens: Int { get }
}
