import ArgumentParser
import WordVectors

/// Where the vectors come from.
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

    /// Whether the user has said where they come from.
    var isGiven: Bool { random || vectors != nil }

    /// Throws `ToolError` as `openVectors` does.
    func open(seed: UInt64) throws -> any VectorFile {
        random ? RandomVectors(dimension: dimension ?? 300, seed: seed) : try openVectors(vectors ?? "-")
    }
}
