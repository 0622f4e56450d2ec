import Files
import Glibc

/// Where a run keeps its checkpoints: `step-….safetensors`, the last few of them, and `best.safetensors`, the model of the
/// lowest held-out loss. One run at a time.
public final class CheckpointDirectory {
    private let directory: LockedDirectory
    /// How many checkpoints stay.
    private let keep: Int

    /// Makes the directory, takes its lock, and clears away what a killed run has left half-written. Throws `ToolError`
    /// (`cannotCreate`, `ioError`; `inUse` if another run has it).
    public init(path: String, keep: Int) throws {
        precondition(keep > 0)
        directory = try LockedDirectory(path: path)
        self.keep = keep
        for name in try directory.names() where Self.isLeftOver(name) { directory.remove(name) }
    }

    public var path: String { directory.path }
    var best: String { directory.file("best.safetensors") }

    /// The checkpoints there are, newest first.
    public func checkpoints() throws -> [String] {
        try directory.names().filter { Self.step(of: $0) != nil }
            .sorted { (Self.step(of: $0) ?? 0, $1) > (Self.step(of: $1) ?? 0, $0) }.map(directory.file)
    }

    /// The file of a checkpoint still to be written.
    func output(step: Int) throws -> OutputFile {
        let digits = String(step)
        let padded = String(repeating: "0", count: max(0, 9 - digits.count)) + digits
        return try OutputFile(path: directory.file("step-\(padded).safetensors"), binary: true)
    }

    /// Removes all but the newest checkpoints.
    func prune() throws {
        for path in try checkpoints().dropFirst(keep) { directory.remove(pathParts(path).name) }
    }

    /// Whether a file is a checkpoint, or best model, that a killed run had not finished. Other temporary files are others'.
    private static func isLeftOver(_ name: String) -> Bool {
        name.ends(with: ".tmp") && (name.begins(with: ".step-") || name.begins(with: ".best.safetensors."))
    }

    private static func step(of name: String) -> Int? {
        guard name.begins(with: "step-"), name.ends(with: ".safetensors") else { return nil }
        let digits = name.dropFirst(5).dropLast(12)
        return digits.allSatisfy { $0.isASCII && $0.isNumber } ? Int(digits) : nil
    }
}
