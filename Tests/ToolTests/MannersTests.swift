import TestSupport
import Testing

/// What every tool owes its user, whatever it does.
struct MannersTests {
    static let tools = ["tokenize", "build-vocab", "embed-oov", "train", "encode", "bench"]

    @Test(arguments: tools)
    func helpHasAnExample(tool: String) async throws {
        let result = try await runTool(tool, ["--help"])
        #expect(result.status == 0 && result.errors == "")
        #expect(result.text.contains("Example: \(tool)"), "\(result.text)")
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
        #expect(result.status == 64 && result.output == [] && result.errors.contains("--no-such-option"))
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

    /// SIGINT in the middle: the tool dies of it, the temporary file is gone, and an earlier output is as it was.
    @Test(arguments: ["INT", "TERM"])
    func aSignalLeavesNothingBehind(signal: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        try directory.write("output", "earlier")
        let status = signal == "INT" ? 130 : 143
        let result = try await runShell(
            """
            cd \(directory.path) && mkfifo slow && (cat \(fixture.text); sleep 30) > slow & feeder=$!
            cd \(directory.path) && until [ -p slow ]; do sleep 0.05; done
            bash -c 'trap - INT; exec '$BIN'/tokenize -q slow -o output' & tool=$!
            until ls -a | grep -q tmp; do sleep 0.05; done
            kill -\(signal) $tool; wait $tool; echo $?
            kill $feeder 2>/dev/null; pkill -P $feeder 2>/dev/null; rm slow
            """)
        // A shell without job control starts background jobs with SIGINT ignored, and an ignored signal stays so.
        guard !(signal == "INT" && result.text != "130\n") else {
            print("skipped: this shell ignores SIGINT in background jobs: \(result.text)")
            return
        }
        #expect(result.text == "\(status)\n", "\(result.errors)")
        #expect(directory.entries() == ["output"])
        #expect(try contents(of: directory.file("output")) == Array("earlier".utf8))
    }
}
