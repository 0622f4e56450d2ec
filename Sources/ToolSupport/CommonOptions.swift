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

    /// Where the tool talks to the user.
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
        var digits = argument[...]
        if digits.last == "B" || digits.last == "b" { digits = digits.dropLast() }
        let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30, "T": 40]
        var shift = 0
        if let last = digits.last, let found = shifts[Character(last.uppercased())] {
            shift = found
            digits = digits.dropLast()
        }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
            let number = Double(digits), number >= 0, number * Double(1 << shift) < 9e18
        else { return nil }
        bytes = Int(number * Double(1 << shift))
    }

    public var description: String {
        for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] where bytes >= 1 << shift && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return String(bytes)
    }

    public var defaultValueDescription: String { description }
}

/// A length of time: `90s`, `15m`, `2h`, `1.5d`; a plain number is seconds. A negative one can be read, so that whoever gives it is
/// told the least that is allowed; its options parse `.unconditional`, or it would be taken for another option.
public struct TimeSpan: ExpressibleByArgument, Sendable, Equatable, CustomStringConvertible {
    public let seconds: Double

    public init(seconds: Double) { self.seconds = seconds }

    private static let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]

    public init?(argument: String) {
        var digits = argument[...]
        var factor = 1.0
        if digits.first == "-" {
            factor = -1
            digits = digits.dropFirst()
        }
        if let last = digits.last, let unit = Self.units[last] {
            factor *= unit
            digits = digits.dropLast()
        }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
            let number = Double(digits), number * abs(factor) < 1e10
        else { return nil }
        seconds = number * factor
    }

    public var description: String {
        for (unit, length) in [("d", 86400.0), ("h", 3600), ("m", 60)]
        where seconds >= length && seconds.truncatingRemainder(dividingBy: length) == 0 {
            return "\(Int(seconds / length))\(unit)"
        }
        return seconds == seconds.rounded() ? "\(Int(seconds))s" : "\(seconds)s"
    }

    public var defaultValueDescription: String { description }
}

/// Throws `ValidationError` if standard input, which can be read once, is named more often.
/// - Parameters:
///   - what: the inputs, as the user knows them: `merges and text`.
///   - paths: their names; `-` is standard input.
public func requireOneStandardInput(_ what: String, _ paths: [String?]) throws {
    guard paths.count(where: { $0 == "-" }) <= 1 else {
        throw ValidationError("of \(what) only one can come from standard input")
    }
}

/// The names of inputs for a message; `-` is standard input.
public func inputNames(_ paths: [String]) -> String { paths.map { $0 == "-" ? "standard input" : $0 }.joined(separator: ", ") }
