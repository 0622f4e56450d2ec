public import ArgumentParser
public import Files
public import Parallel

/// The options `--threads` and `--quiet`, which every tool has.
public struct CommonOptions: ParsableArguments {
    /// Number of threads.
    @Option(help: ArgumentHelp("Threads to use; what is written is the same for any number.", valueName: "n"))
    public var threads: Int = availableProcessors()

    /// True if messages on stderr are suppressed.
    @Flag(name: .shortAndLong, help: "Print nothing on stderr but errors.")
    public var quiet = false

    /// Creates the options with their defaults.
    public init() {}

    /// Throws `ValidationError` for an invalid number of threads.
    public func validate() throws {
        guard (1...1024).contains(threads) else { throw ValidationError("--threads must be from 1 to 1024") }
    }

    /// Returns a pool for the stages that process streams.
    public func workerPool() -> WorkerPool { WorkerPool(threads: threads) }

    /// Messages to the user.
    public var report: Report { Report(quiet: quiet) }
}

/// The option `-o`: where the result goes.
public struct OutputOption: ParsableArguments {
    /// Path of the output; `-` is standard output.
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write to this file, which appears when it is whole; - is standard output.", valueName: "file"),
        completion: .file())
    public var output = "-"

    /// Creates the option with its default.
    public init() {}

    /// Opens the output for binary data or text. Throws `ToolError`.
    public func open(binary: Bool) throws -> OutputFile { try OutputFile(path: output, binary: binary) }

    /// Opens the output, has `body` write it, and commits it. Throws `ToolError`, and what `body` throws.
    public func write(binary: Bool, _ body: (OutputFile) throws -> Void) throws {
        let file = try open(binary: binary)
        try body(file)
        try file.commit()
    }
}

/// The option `--seed`, for tools that draw random numbers.
public struct SeedOption: ParsableArguments {
    /// Seed of random numbers.
    @Option(help: ArgumentHelp("Seed of all random numbers; the same seed gives the same bytes.", valueName: "n"))
    public var seed: UInt64 = 1

    /// Creates the option with its default.
    public init() {}
}

/// A number of bytes in the notation of GNU sort: `500M`, `2G`, `1.5G`, `4096`. K, M, G and T are powers of 1024.
public struct ByteSize: ExpressibleByArgument, Sendable, Equatable, CustomStringConvertible {
    /// The number of bytes.
    public let bytes: Int

    /// Creates a size.
    public init(bytes: Int) { self.bytes = bytes }

    /// Parses a size.
    public init?(argument: String) {
        let text = argument.last == "B" || argument.last == "b" ? argument.dropLast() : argument[...]
        let units: [Character: Double] = [
            "K": 0x1p10, "k": 0x1p10, "M": 0x1p20, "m": 0x1p20, "G": 0x1p30, "g": 0x1p30, "T": 0x1p40, "t": 0x1p40,
        ]
        guard let bytes = amount(text, in: units), bytes < 9e18 else { return nil }
        self.bytes = Int(bytes)
    }

    /// The size in the notation of GNU sort.
    public var description: String {
        for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] where bytes >= 1 << shift && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return String(bytes)
    }
}

/// Parses digits with an optional decimal point and unit letter; `nil` for anything else.
private func amount(_ text: Substring, in units: [Character: Double]) -> Double? {
    let unit = text.last.flatMap { units[$0] }, digits = text.dropLast(unit == nil ? 0 : 1)
    guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }) else { return nil }
    return Double(digits).map { $0 * (unit ?? 1) }
}

/// A duration: `90s`, `15m`, `2h`, `1.5d`; a plain number is seconds. Negative ones are accepted, so that users are told the
/// minimum; their options parse `.unconditional`, or the value would be taken for another option.
public struct TimeSpan: ExpressibleByArgument, Sendable, Equatable, CustomStringConvertible {
    /// The duration in seconds.
    public let seconds: Double

    /// Creates a duration.
    public init(seconds: Double) { self.seconds = seconds }

    /// Parses a duration.
    public init?(argument: String) {
        let isNegative = argument.first == "-"
        let units = ["s": 1.0, "m": 60, "h": 3600, "d": 86400] as [Character: Double]
        guard let seconds = amount(argument.dropFirst(isNegative ? 1 : 0), in: units), seconds < 1e10 else { return nil }
        self.seconds = isNegative ? -seconds : seconds
    }

    /// The duration in the notation of options.
    public var description: String {
        for (unit, length) in [("d", 86400.0), ("h", 3600), ("m", 60)]
        where seconds >= length && seconds.truncatingRemainder(dividingBy: length) == 0 {
            return "\(Int(seconds / length))\(unit)"
        }
        return seconds == seconds.rounded() ? "\(Int(seconds))s" : "\(seconds)s"
    }
}

/// Throws `ValidationError` if more than one of `paths` is standard input, `-`, which can be read only once.
/// - `what`: the inputs as users know them, such as `merges and text`.
public func requireOneStandardInput(_ what: String, _ paths: [String?]) throws {
    guard paths.count(where: { $0 == "-" }) <= 1 else {
        throw ValidationError("of \(what) only one can come from standard input")
    }
}

/// Returns the names of inputs for a message, with `standard input` for `-`.
public func inputNames(_ paths: [String]) -> String { paths.map { $0 == "-" ? "standard input" : $0 }.joined(separator: ", ") }
