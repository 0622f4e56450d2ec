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

    /// Its standard input holds more than a pipe does: whoever writes to the tool finds the pipe closed, these tests too.
    @Test(arguments: tools)
    func aWrongOptionIsRefusedBeforeTheInputIsRead(tool: String) async throws {
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20)
        for _ in 0..<4 {
            let result = try await runTool(tool, ["--no-such-option"], input: text)
            #expect(result.status == 64 && result.output == [], "\(result.errors)")
        }
    }

    @Test(arguments: tools, ["bash", "zsh", "fish"])
    func completionsAreGenerated(tool: String, shell: String) async throws {
        let result = try await runTool(tool, ["--generate-completion-script", shell])
        #expect(result.status == 0 && result.text.contains(tool))
    }

    /// Megabytes come out, many times what a pipe holds, so that the tool cannot have written all before the pipe is closed.
    @Test func aClosedPipeEndsToolsSilently() async throws {
        let result = try await runShell(
            """
            seq 1000000 2>/dev/null | $BIN/tokenize -q | head -c 10 > /dev/null
            echo ${PIPESTATUS[1]}
            """)
        #expect(result.text == "141\n" && result.errors == "", "\(result.text) \(result.errors)")
    }

    /// A limit on the size of files is as a full disk: one line, and nothing left.
    @Test(arguments: MannersTests.tools.dropLast())
    func aLimitOnTheSizeOfFiles(tool: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let large = try directory.write("large", (0..<20_000).map { "w\($0 &* 7919)\n" }.joined())
        let words = directory.file("words"), output = directory.file("output")
        let vocabulary = directory.file("vocabulary")
        #expect(try await runTool("tokenize", ["-q", large, "-o", words]).status == 0)
        #expect(try await runTool("build-vocab", ["-q", words, "-o", vocabulary]).status == 0)
        let arguments = [
            "tokenize": large, "build-vocab": words, "embed-oov": "--random \(vocabulary)",
            "train": "--preset tiny --steps 1 --table \(fixture.table) \(fixture.tokens)",
            "encode": "--model \(fixture.model) --table \(fixture.table) \(fixture.tokens)",
        ]
        let before = directory.entries()
        let result = try await runShell("ulimit -f 8; exec $BIN/\(tool) -q -o \(output) \(arguments[tool] ?? "")")
        #expect(result.status == 74 && isOneLine(result.errors, naming: output), "\(result.status) \(result.errors)")
        #expect(directory.entries() == before)
    }

    /// What a terminal would obey is shown as a number.
    @Test(arguments: tools)
    func argumentsDoNotCommandTheTerminal(tool: String) async throws {
        let result = try await runTool(tool, ["--no-such\u{1B}[31m\u{7}\u{9B}31m"])
        #expect(result.status == 64 && isOneLine(result.errors, naming: tool))
        #expect(!result.errors.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || (0x7F..<0xA0).contains($0.value) }, "\(result.errors)")
    }

    /// Help that cannot be written is no success.
    @Test(arguments: tools)
    func aFullDeviceIsNoPlaceForHelp(tool: String) async throws {
        let result = try await runShell("$BIN/\(tool) --help > /dev/full")
        #expect(result.status == 74 && isOneLine(result.errors, naming: "standard output"), "\(result.errors)")
    }

    /// Names of descriptors are those that are open, and not links to replace; a link to a file stays.
    @Test(arguments: ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-", "link"])
    func outputsThatAreOpenAlready(name: String) async throws {
        let directory = try TemporaryDirectory()
        let expected = try await runShell("echo two words | $BIN/tokenize -q")
        let result = try await runShell(
            """
            cd '\(directory.path)'; ln -s /proc/self/fd/1 link; printf earlier > file
            echo two words | $BIN/tokenize -q -o \(name) >> file; echo $?
            test -L /dev/stdout && test -L link && echo links
            """)
        #expect(result.text == "0\nlinks\n", "\(result.errors)")
        #expect(try contents(of: directory.file("file")) == Array("earlier".utf8) + expected.output)
        #expect(directory.entries() == ["file", "link"])
    }

    /// A terminal is one by any name.
    @Test(.enabled(if: isInstalled("script"), "script is not installed"), arguments: ["-", "/dev/stdout", "/dev/tty"])
    func noBinaryOntoATerminal(name: String) async throws {
        let directory = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(directory.path)'
            SHELL=/bin/sh script -qec "$BIN/tokenize -q -o \(name) /dev/null; echo status \\$?" screen < /dev/null
            """)
        #expect(result.text.contains("is a terminal and the output is binary") && result.text.contains("status 64"), "\(result.text)")
    }

    @Test(arguments: [
        ("tokenize", ["-", "-"]), ("tokenize", ["--bpe", "-"]), ("tokenize", ["--print", "-", "-"]), ("build-vocab", ["-", "-"]),
        ("embed-oov", ["--print", "-", "-"]), ("encode", ["--model", "m", "-", "-"]), ("encode", ["--print", "-", "-"]),
        ("encode", ["--model", "m", "--bpe", "-"]), ("train", ["--table", "-"]),
    ])
    func standardInputNamedTwice(tool: String, arguments: [String]) async throws {
        let result = try await runTool(tool, arguments)
        #expect(result.status == 64 && result.output.isEmpty)
        #expect(isOneLine(result.errors, naming: "standard input"), "\(result.errors)")
    }

    /// A crash leaves nothing behind either, and one line says what it was.
    @Test(arguments: [("BUS", "74"), ("ABRT", "134"), ("SEGV", "139"), ("ILL", "132"), ("TRAP", "133")])
    func aCrashLeavesNothingBehind(signal: String, status: String) async throws {
        let directory = try TemporaryDirectory()
        let result = try await runShell(
            """
            ulimit -c 0; set -m; cd \(directory.path) && mkfifo slow && exec 3<> slow
            $BIN/tokenize -q slow -o output 2> errors & tool=$!
            await $tool compgen -G '.output.*.tmp' > /dev/null
            kill -\(signal) $tool; wait $tool 2>/dev/null; echo $?; cat errors; rm slow errors
            """)
        let lines = result.text.split(separator: "\n")
        #expect(lines.count == 2 && lines.first == Substring(status) && lines.last?.hasPrefix("tokenize: ") == true, "\(result.text)")
        #expect(directory.entries().isEmpty)
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
            await $tool compgen -G '.output.*.tmp' > /dev/null
            kill -\(signal) $tool; wait $tool 2>/dev/null; echo $?; rm slow
            """)
        #expect(result.text == "\(status)\n", "\(result.errors)")
        #expect(directory.entries() == ["output"])
        #expect(try contents(of: directory.file("output")) == Array("earlier".utf8))
    }
}
