public import ArgumentParser
import Shards
import WordVectors

extension RowStorage: ExpressibleByArgument {}

/// What is done to the vectors, and how the table stores them. The defaults are what served training best,
/// or did it no harm, with all vectors tried (pipelines/table-options.sh).
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
