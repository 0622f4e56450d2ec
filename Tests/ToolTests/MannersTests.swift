import TestSupport
import Testing

/// What every tool owes its user, whatever it does.
struct MannersTests {
    static let tools = ["tokenize", "build-vocab", "embed-oov", "train", "encode", "bench"]

    @Test(arguments: tools)
    func helpHasAnExample(tool: String) async throws {
        let result = try await runTool(tool, ["--help"])
        #expect(result.status == 0 && result.errors == "")
        let example = result.text.split(separator: "Example: ").dropFirst().joined()
        #expect(example.prefix(200).contains(tool), "\(result.text)")
        #expect(result.text.contains("USAGE: \(tool)"))
    }

    @Test(arguments: tools)
    func versionNamesTheTool(tool: String) async throws {
        let result = try await runTool(tool, ["--version"])
        #expect(result.status == 0 && result.text.hasPrefix("\(tool) (Contour) "))
    }

    @Test(arguments: tools)
    func aWrongOptionIsAUsageError(tool: String) async throws {
        let result = try await runTool(tool, ["--no-such-option"])
        #expect(result.status == 64 && result.output == [], "\(result.errors)")
        #expect(isOneLine(result.errors, naming: tool), "\(result.errors)")
    }

    @Test(arguments: tools, ["bash", "zsh", "fish"])
    func completionsAreGenerated(tool: String, shell: String) async throws {
        let result = try await runTool(tool, ["--generate-completion-script", shell])
        #expect(result.status == 0 && result.text.contains(tool))
    }

    @Test func aClosedPipeEndsToolsSilently() async throws {
        let fixture = try await Fixture.shared.value
        let result = try await runShell(
            """
            for i in $(seq 3000); do cat \(fixture.text); done | $BIN/tokenize -q | head -c 10 > /dev/null
            echo ${PIPESTATUS[1]}
            """)
        #expect(result.text == "141\n" && result.errors == "", "\(result.text) \(result.errors)")
    }

    /// A signal in the middle: the tool dies of it, the temporary file is gone, and an earlier output is as it was.
    @Test(arguments: [("INT", "130"), ("TERM", "143"), ("HUP", "129"), ("QUIT", "131")])
    func aSignalLeavesNothingBehind(signal: String, status: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        try directory.write("output", "earlier")
        // set -m: without job control a shell starts background jobs with SIGINT ignored. The pipe stays open, so the tool
        // waits for more text.
        let result = try await runShell(
            """
            set -m; cd \(directory.path) && mkfifo slow && exec 3<> slow && cat \(fixture.text) >&3
            $BIN/tokenize -q slow -o output & tool=$!
            for i in $(seq 200); do ls -a | grep -q tmp && break; sleep 0.05; done
            kill -\(signal) $tool; wait $tool 2>/dev/null; echo $?; rm slow
            """)
        #expect(result.text == "\(status)\n", "\(result.errors)")
        #expect(directory.entries() == ["output"])
        #expect(try contents(of: directory.file("output")) == Array("earlier".utf8))
    }
}
