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

    func commit() throws {
        try table?.commit()
        try json?.commit()
    }
}

/// Numbers with three digits or more, as many as a noisy measurement deserves.
func rounded(_ number: Double) -> String {
    number >= 1000 ? grouped(Int(number)) : fixed(number, number >= 100 ? 0 : number >= 10 ? 1 : 2)
}

/// Bytes in megabytes.
func megabytes(_ bytes: Int) -> String { grouped((bytes + 500_000) / 1_000_000) + " MB" }

func percent(_ share: Double) -> String { fixed(100 * share, 1) + "%" }
