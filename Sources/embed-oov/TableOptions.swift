public import ArgumentParser
import Shards
import WordVectors

extension RowStorage: ExpressibleByArgument {}

/// What is done to the vectors, and how the table stores them. The defaults are what served training best
/// (pipelines/table-options.sh).
struct TableOptions: ParsableArguments {
    @Option(help: "How vectors are stored: float16 takes half the room, and rounds to 11 binary digits.")
    var storage = RowStorage.float16

    @Flag(inversion: .prefixedNo, help: "Subtract the mean of the vectors from each.")
    var centre = false

    @Option(help: ArgumentHelp(
        """
        Subtract the mean, and what lies in the n leading principal directions (Mu and Viswanath 2018). \
        (default: 1; 0 if fewer than ten vectors for each of their numbers were found)
        """, valueName: "n"))
    var removeDirections: Int?

    @Flag(inversion: .prefixedNo, help: "Make all vectors unit vectors, after centring and removal.")
    var normalise = true

    func validate() throws {
        guard removeDirections ?? 0 >= 0 else { throw ValidationError("--remove-directions must be 0 or more") }
    }

    var transform: TransformConfiguration {
        var transform = TransformConfiguration()
        transform.centre = centre
        transform.directions = removeDirections
        transform.normalise = normalise
        return transform
    }
}
