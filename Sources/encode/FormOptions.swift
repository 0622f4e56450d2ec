public import ArgumentParser
public import Encoding
public import Shards

extension LayerChoice: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
    public var defaultValueDescription: String { description }
}

extension VectorForm.Format: ExpressibleByArgument {}
extension PoolingWriter.Pooling: ExpressibleByArgument {}
extension RowStorage: ExpressibleByArgument {}

/// The options of the vectors and of their form.
struct FormOptions: ParsableArguments {
    @Option(help: "Which layers: all (the input layer is the first), the top one, their average, or one by its number from 0.")
    var layers = LayerChoice.all

    @Option(
        help: ArgumentHelp(
            """
            The sum of the layers with weights that a task learned, softmax-normalised and times gamma: a JSON object such as \
            {"weights": [0.1, 0.3, -0.2], "gamma": 1.1}.
            """,
            valueName: "file"),
        completion: .file())
    var mix: String?

    @Option(help: "One vector a sentence instead of one a token: the mean of its tokens', or the greatest values.")
    var pool: PoolingWriter.Pooling?

    @Option(
        help: """
            The form of the output: a shard; NumPy's x.npy and x.offsets.npy, or a folder with a file a sentence; HDF5 as \
            AllenNLP's elmo makes it; JSON Lines; text, a line a token.
            """)
    var format = VectorForm.Format.shard

    @Option(help: "How numbers are stored: float32, or rounded to float16.")
    var storage = RowStorage.float32

    @Flag(help: "Write each sentence's vectors before the next line is read (json, text), for programs that ask and wait.")
    var lineBuffered = false

    @Option(
        help: ArgumentHelp(
            """
            Also write the tokens, with any form: a line a sentence, a space between tokens, an empty line for an empty sentence. \
            Token by token (--pool: line by line) they are the rows of the vectors.
            """,
            valueName: "file"),
        completion: .file())
    var tokens: String?

    var form: VectorForm { VectorForm(format, storage: storage, pooling: pool, isFlushed: lineBuffered) }

    /// True if no option was given.
    var isDefault: Bool { layers == .all && mix == nil && form == VectorForm() && tokens == nil }

    /// Throws `ValidationError` for options that exclude each other.
    func check(output: String) throws {
        if mix != nil && layers != .all { throw ValidationError("--mix adds all layers up: leave --layers out") }
        if let complaint = form.complaint(output: output, tokens: tokens) { throw ValidationError(complaint) }
    }

    /// Returns the choice of layers. Throws `ToolError` if the mix cannot be read.
    func choice() throws -> LayerChoice { try mix.map { .mix(try LayerMix(path: $0)) } ?? layers }
}
