public import ArgumentParser
import Shards
import WordVectors

extension RowStorage: ExpressibleByArgument {}

/// What is done to the vectors, and how the table stores them.
struct TableOptions: ParsableArguments {
    @Option(help: "How vectors are stored: float16 takes half the room, and rounds to 11 binary digits.")
    var storage = RowStorage.float32

    @Flag(inversion: .prefixedNo, help: "Subtract the mean of the vectors from each.")
    var centre = false

    @Option(help: ArgumentHelp(
        "Subtract the mean, and what lies in the n leading principal directions (Mu and Viswanath 2018).", valueName: "n"))
    var removeDirections = 0

    @Flag(inversion: .prefixedNo, help: "Make all vectors unit vectors, after centring and removal.")
    var normalise = false

    func validate() throws {
        guard removeDirections >= 0 else { throw ValidationError("--remove-directions must be 0 or more") }
    }

    var transform: TransformConfiguration {
        var transform = TransformConfiguration()
        transform.centre = centre
        transform.directions = removeDirections
        transform.normalise = normalise
        return transform
    }
}
