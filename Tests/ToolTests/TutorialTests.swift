import TestSupport
import Testing

/// The commands of the README and of the tutorials, as they stand there, on a small text with a small network.
@Suite struct TutorialTests {
    /// The commands of a page: lines that are indented as code.
    private static func commands(of page: String) throws -> [String] {
        String(decoding: try contents(of: page), as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("    ") }
            .map { String($0.dropFirst(4)) }
    }

    /// A folder with the files that the commands name.
    private func folder() async throws -> TemporaryDirectory {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        _ = try directory.write("news.txt", contents(of: fixture.text))
        _ = try directory.write("sentences.txt", "the cat sees the house\nmoney\n")
        _ = try directory.write("words.vec", Fixture.wordVectors())
        let columns = (0..<12).map { "the X\ncat \($0 % 2 == 0 ? "Y" : "Z")\n\n" }.joined()
        for name in ["train.conll", "test.conll"] { _ = try directory.write(name, columns) }
        return directory
    }

    private func run(_ commands: [String], in directory: TemporaryDirectory) async throws {
        let script = commands.joined(separator: "\n").replacing("--preset small", with: "--preset tiny --batch 4")
            .replacing("pipelines/", with: "\"$here\"/pipelines/")
        let result = try await runShell(
            "here=$PWD; PATH=\"$BIN:$PATH\"; cd '\(directory.path)' && set -e -o pipefail\n\(script)")
        #expect(result.status == 0, "\(script)\n\(result.errors)")
    }

    @Test(.enabled(if: isInstalled("fasttext") && isInstalled("gnuplot"), "fasttext or gnuplot is not installed"))
    func fromOwnTextToVectors() async throws {
        let directory = try await folder()
        let commands = try Self.commands(of: "docs/tutorials/own-text.md").filter { !$0.hasPrefix("make ") }
        #expect(commands.count > 12)
        try await run(commands, in: directory)
        for file in ["model.safetensors", "vectors.npy", "vectors.offsets.npy", "tokens.txt", "vectors.shard", "training.svg"] {
            #expect(directory.entries().contains(file), "\(file)")
        }
    }

    @Test func ownTextOfTheReadme() async throws {
        let directory = try await folder()
        let section = String(decoding: try contents(of: "README.md"), as: UTF8.self).split(separator: "## Your own text\n")[1]
        let commands = section.split(separator: "\n").prefix { !$0.hasPrefix("`train") }.filter { $0.hasPrefix("    ") }
            .map { String($0.dropFirst(4)) }.filter { !$0.hasPrefix("make ") }
        #expect(commands.count == 5)
        try await run(
            commands.map { $0.replacing("news.txt.gz", with: "news.txt").replacing("crawl-300d-2M.vec.gz", with: "words.vec") }, in: directory)
        #expect(directory.entries().contains("vectors.npy"))
    }
}
