import ArgumentParser
import Benchmarking
import Files
import ToolSupport

/// Where results go: options of every benchmark. The files are made before anything is measured.
struct ResultOptions: ParsableArguments {
    @OptionGroup var output: OutputOption

    @Option(
        help: ArgumentHelp("Write the results to this file too, in JSON Lines; - prints them instead of the table.",
                           valueName: "file"),
        completion: .file())
    var json: String?

    func validate() throws { try checkDifferent() }

    /// Throws `ValidationError` if two results go to the same file.
    func checkDifferent(from other: String? = nil) throws {
        let files = [output.output, json, other].compactMap { $0 }.filter { $0 != "-" }
        guard Set(files).count == files.count else { throw ValidationError("two results cannot go to one file") }
        guard other != "-" || json != "-" else { throw ValidationError("two results cannot go to standard output") }
    }

    /// Opens both files. Throws `ToolError` with status `cannotCreate`.
    func open() throws -> Results {
        let jsonOnly = json == "-" && output.output == "-"
        return Results(
            table: jsonOnly ? nil : try output.open(binary: false),
            json: try json.map { try OutputFile(path: $0, binary: false) })
    }
}

/// The open files of a benchmark's results.
struct Results {
    let table: OutputFile?
    let json: OutputFile?

    func print(_ text: String) throws { try table?.write(text) }

    func log(_ record: some Encodable) throws {
        if let json { try ResultLog(json).write(record) }
    }

    /// What SIGINT or SIGTERM has ended is kept, and says so.
    func commit() throws {
        if StopRequest.isMade { try print("interrupted: what stands here is what was measured\n") }
        try table?.commit()
        try json?.commit()
    }
}

/// Numbers with three digits or more, as many as a noisy measurement deserves.
func rounded(_ number: Double) -> String {
    number >= 1000 ? grouped(Int(number)) : fixed(number, number >= 100 ? 0 : number >= 10 ? 1 : 2)
}

/// Bytes in megabytes.
func megabytes(_ bytes: Int) -> String {
    bytes < 10_000_000 ? fixed(1e-6 * Double(bytes), 2) + " MB" : grouped((bytes + 500_000) / 1_000_000) + " MB"
}

func percent(_ share: Double) -> String { fixed(100 * share, 1) + "%" }
