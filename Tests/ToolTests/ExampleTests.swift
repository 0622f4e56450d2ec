import TestSupport
import Testing

/// The program of docs/example-package, as the root package builds it; `make example` builds the package itself.
@Suite("docs/example-package")
struct ExampleTests {
    @Test("The program learns from a token shard, and gives the same losses each time")
    func learns() async throws {
        let fixture = try await Fixture.shared.value
        let result = try await runTool("ExampleProgram", [fixture.tokens])
        #expect(result.status == 0, "\(result.errors)")
        let losses = result.text.split(separator: "\n").compactMap { line in
            line.hasPrefix("step ") ? line.split(separator: " ").last.flatMap { Double($0) } : nil
        }
        #expect(losses.count == 6)
        let first = try #require(losses.first), last = try #require(losses.last)
        #expect(last < 0.5 * first)
        #expect(try await runTool("ExampleProgram", [fixture.tokens]).output == result.output)
    }

    @Test("A file that is missing, or no token shard, is named in one line")
    func refuses() async throws {
        let fixture = try await Fixture.shared.value
        let missing = try await runTool("ExampleProgram", ["/nowhere.tok"])
        #expect(missing.status == 66)
        #expect(isOneLine(missing.errors, naming: "/nowhere.tok"))
        let other = try await runTool("ExampleProgram", [fixture.vocabulary])
        #expect(other.status == 65)
        #expect(isOneLine(other.errors, naming: fixture.vocabulary))
    }
}
