import ArgumentParser
import Benchmarking
import Files
import ToolSupport

/// `bench text`
struct BenchText: Tool {
    static let name = "bench text"
    static let configuration = CommandConfiguration(
        commandName: "text", abstract: "Write the synthetic text that the stages are measured on.",
        discussion: """
            English-like lines, a sentence each: words by Zipf's law, and capitals, marks, numbers and contractions about as \
            often as in news.

            Example: bench text --megabytes 1000 | tokenize | build-vocab | wc -c
            """)

    @Option(help: ArgumentHelp("How much.", valueName: "n"))
    var megabytes = 64

    @OptionGroup var seed: SeedOption
    @OptionGroup var output: OutputOption

    func validate() throws {
        guard (1...1_000_000).contains(megabytes) else { throw ValidationError("--megabytes must be from 1 to 1000000") }
    }

    func perform() throws {
        let file = try output.open(binary: false)
        var text = SyntheticText(seed: seed.seed)
        try text.write(bytes: megabytes * 1_000_000, to: file)
        try file.commit()
    }
}
