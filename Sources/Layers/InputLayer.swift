public import Kernels

/// The words at each row of a network's input, in the form its input layer asks for.
public enum InputWords {
    /// Their vectors: [rows, size].
    case vectors(Matrix)
    /// Their numbers in the input layer's table: [rows].
    case numbers(UnsafePointer<Int32>)
    /// Their spellings.
    case spellings(Spellings)
    /// What the input layer gives for them, from an earlier pass: [rows, width].
    case outputs(Matrix)
}

/// The words of a window letter by letter, each distinct word once.
public struct Spellings {
    /// The characters of all distinct words, one word after the other: numbers of an alphabet.
    public let letters: UnsafePointer<UInt16>
    /// Where each of them ends in `letters`: [words].
    public let ends: UnsafePointer<Int32>
    /// Distinct words.
    public let words: Int
    /// Which of them each row is: [rows].
    public let places: UnsafePointer<Int32>

    public init(
        letters: UnsafePointer<UInt16>, ends: UnsafePointer<Int32>, words: Int, places: UnsafePointer<Int32>
    ) {
        self.letters = letters
        self.ends = ends
        self.words = words
        self.places = places
    }

    /// The range of a word's letters.
    func range(_ word: Int) -> Range<Int> { Int(word == 0 ? 0 : ends[word - 1])..<Int(ends[word]) }
}

/// The first layer of a network: from words to the encoder's input.
///
/// A layer plans its memory when it is made; no pass allocates.
public protocol InputLayer: AnyObject {
    /// Matrices that every pass multiplies by: worth packing once where they stay as they are.
    var factors: [Parameter] { get }

    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// Writes `output` [rows, width].
    func forward(_ words: InputWords, into output: Matrix, _ parameters: ParameterStore, _ compute: Compute)

    /// The way back of the last forward pass: adds to the gradients of its parameters. May overwrite `outputGradient`
    /// [rows, width].
    func backward(_ words: InputWords, outputGradient: Matrix, _ parameters: ParameterStore, _ compute: Compute)

    var activationBytes: Int { get }
}
