public import ArgumentParser
public import Files
public import Parallel

/// `--threads` and `--quiet`: options of every tool.
public struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Threads to use; what is written is the same for any number.", valueName: "n"))
    public var threads: Int = availableProcessors()

    @Flag(name: .shortAndLong, help: "Print nothing on stderr but errors.")
    public var quiet = false

    public init() {}

    public func validate() throws {
        guard (1...1024).contains(threads) else { throw ValidationError("--threads must be from 1 to 1024") }
    }

    /// The pool on which streaming stages work.
    public func workerPool() -> WorkerPool { WorkerPool(threads: threads) }

    /// The messages to the user.
    public var report: Report { Report(quiet: quiet) }
}

/// `-o`: where the result goes.
public struct OutputOption: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write to this file, which appears when it is whole; - is standard output.", valueName: "file"),
        completion: .file())
    public var output = "-"

    public init() {}

    /// Opens the output of binary data, or of text.
    public func open(binary: Bool) throws -> OutputFile { try OutputFile(path: output, binary: binary) }

    /// Opens the output, has `body` write it, and gives it its name.
    public func write(binary: Bool, _ body: (OutputFile) throws -> Void) throws {
        let file = try open(binary: binary)
        try body(file)
        try file.commit()
    }
}

/// `--seed`: for tools that draw random numbers.
public struct SeedOption: ParsableArguments {
    @Option(help: ArgumentHelp("Seed of all random numbers; the same seed gives the same bytes.", valueName: "n"))
    public var seed: UInt64 = 1

    public init() {}
}

/// A number of bytes, written as GNU sort does: `500M`, `2G`, `1.5G`, `4096`; K, M, G and T are powers of 1024.
public struct ByteSize: ExpressibleByArgument, Sendable, Equatable, CustomStringConvertible {
    public let bytes: Int

    public init(bytes: Int) { self.bytes = bytes }

    public init?(argument: String) {
        let text = argument.last == "B" || argument.last == "b" ? argument.dropLast() : argument[...]
        let units: [Character: Double] = [
            "K": 0x1p10, "k": 0x1p10, "M": 0x1p20, "m": 0x1p20, "G": 0x1p30, "g": 0x1p30, "T": 0x1p40, "t": 0x1p40,
        ]
        guard let bytes = amount(text, in: units), bytes < 9e18 else { return nil }
        self.bytes = Int(bytes)
    }

    public var description: String {
        for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] where bytes >= 1 << shift && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return String(bytes)
    }
}

/// The amount that digits, with a point or not, and the letter of a unit make; without a letter the number. `nil` for anything
/// else.
private func amount(_ text: Substring, in units: [Character: Double]) -> Double? {
    let unit = text.last.flatMap { units[$0] }, digits = text.dropLast(unit == nil ? 0 : 1)
    guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }) else { return nil }
    return Double(digits).map { $0 * (unit ?? 1) }
}

/// A length of time: `90s`, `15m`, `2h`, `1.5d`; a plain number is seconds. A negative one can be read, so that whoever gives it is
/// told the least that is allowed; its options parse `.unconditional`, or it would be taken for another option.
public struct TimeSpan: ExpressibleByArgument, Sendable, Equatable, CustomStringConvertible {
    public let seconds: Double

    public init(seconds: Double) { self.seconds = seconds }

    public init?(argument: String) {
        let isNegative = argument.first == "-"
        let units = ["s": 1.0, "m": 60, "h": 3600, "d": 86400] as [Character: Double]
        guard let seconds = amount(argument.dropFirst(isNegative ? 1 : 0), in: units), seconds < 1e10 else { return nil }
        self.seconds = isNegative ? -seconds : seconds
    }

    public var description: String {
        for (unit, length) in [("d", 86400.0), ("h", 3600), ("m", 60)]
        where seconds >= length && seconds.truncatingRemainder(dividingBy: length) == 0 {
            return "\(Int(seconds / length))\(unit)"
        }
        return seconds == seconds.rounded() ? "\(Int(seconds))s" : "\(seconds)s"
    }
}

/// Throws `ValidationError` if more than one of `paths` is standard input, `-`, which can be read once.
/// - Parameter what: the inputs, as the user knows them: `merges and text`.
public func requireOneStandardInput(_ what: String, _ paths: [String?]) throws {
    guard paths.count(where: { $0 == "-" }) <= 1 else {
        throw ValidationError("of \(what) only one can come from standard input")
    }
}

/// The names of inputs for a message; `-` is standard input.
public func inputNames(_ paths: [String]) -> String { paths.map { $0 == "-" ? "standard input" : $0 }.joined(separator: ", ") }
