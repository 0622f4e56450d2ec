public import ArgumentParser
import Shards
import WordVectors

/// The options for the source of the vectors.
struct VectorOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The pre-trained vectors.", valueName: "file"), completion: .file())
    var vectors: String?

    @Flag(help: "Instead of pre-trained vectors, a random one for each word: a control to compare with.")
    var random = false

    @Option(help: ArgumentHelp("Numbers in a random vector. (default: 300)", valueName: "n"))
    var dimension: Int?

    func validate() throws {
        if random && vectors != nil { throw ValidationError("--random and --vectors exclude one another") }
        if dimension != nil && !random { throw ValidationError("--dimension goes with --random") }
        guard (1...65_536).contains(dimension ?? 1) else { throw ValidationError("--dimension must be from 1 to 65536") }
    }

    /// True if the user has given a source.
    var isGiven: Bool { random || vectors != nil }

    /// Opens the vectors. Throws `ToolError` as `openVectors` does.
    func open(seed: UInt64) throws -> any VectorFile {
        random ? RandomVectors(dimension: dimension ?? 300, seed: seed) : try openVectors(vectors ?? "-")
    }
}

extension RowStorage: ExpressibleByArgument {}

/// The options for changes to the vectors, and for the form in which the table stores them. The defaults were the best for training,
/// or harmless, with all vectors that were tried (pipelines/table-options.sh).
struct TableOptions: ParsableArguments {
    @Option(help: """
        How vectors are stored: float16 takes half the room, and rounds to 11 binary digits. (default: float16)
        """)
    var storage: RowStorage?

    @Flag(inversion: .prefixedNo, help: "Subtract the mean of the vectors from each. (default: --no-centre)")
    var centre: Bool?

    @Option(help: ArgumentHelp(
        """
        Subtract the mean, and what lies in the n leading principal directions (Mu and Viswanath 2018): \
        1 serves GloVe vectors, and harms those of fastText. (default: 0)
        """, valueName: "n"))
    var removeDirections: Int?

    @Flag(
        inversion: .prefixedNo,
        help: "Make all vectors unit vectors, after centring and removal. (default: --normalise)")
    var normalise: Bool?

    @Option(help: ArgumentHelp(
        """
        Instead of --vectors: make a smaller table from a larger one, whose rows, transform and generator stay as they \
        are, to the bit.
        """, valueName: "table"), completion: .file())
    var subset: String?

    func validate() throws {
        guard removeDirections ?? 0 >= 0 else { throw ValidationError("--remove-directions must be 0 or more") }
        guard subset == nil || storage == nil && centre == nil && removeDirections == nil && normalise == nil else {
            throw ValidationError("--subset keeps the vectors as they are, so it takes no other option of the table")
        }
    }

    var rowStorage: RowStorage { storage ?? .float16 }

    var transform: TransformConfiguration {
        var transform = TransformConfiguration()
        transform.centre = centre ?? false
        transform.directions = removeDirections ?? 0
        transform.normalise = normalise ?? true
        return transform
    }
}

/// The options for files of the models that make vectors.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Make the vectors of unknown words with this model or table; nothing is fitted. With --words, any model.",
            valueName: "file"),
        completion: .file())
    var model: String?

    @Option(
        help: ArgumentHelp("Write what makes the vectors of unknown words to this file too.", valueName: "file"),
        completion: .file())
    var saveModel: String?

    @Flag(help: "With --model: read words, print their vectors as text, as fasttext print-word-vectors does.")
    var words = false

    func validate() throws {
        if words && model == nil { throw ValidationError("--words needs --model: a fastText .bin, a table or a saved model") }
        if words && saveModel != nil { throw ValidationError("--words writes no model") }
    }
}
