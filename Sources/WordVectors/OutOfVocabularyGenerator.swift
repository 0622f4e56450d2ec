/// Makes vectors for words that the pre-trained vectors do not have, from their spelling.
public protocol OutOfVocabularyGenerator: AnyObject, Sendable {
    /// Numbers in each vector.
    var dimension: Int { get }

    /// Writes the vector of `word` into `row`, [dimension]. False, with `row` undefined, if there is nothing to make one
    /// from. May be called from several threads at once.
    func vector(for word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) -> Bool
}
