import TestSupport
import Testing

/// Where the system gives no more memory or threads, a tool says so in one line, with status 71, and leaves nothing behind.
struct ScarceMemoryTests {
    /// Each tool at its ordinary work.
    static let commands = [
        "tokenize -q text", "tokenize -q --whitespace --bpe codes text", "tokenize -q text.gz", "build-vocab -q tokens",
        "build-vocab -q --bpe 50 vocabulary", "embed-oov -q --random vocabulary", "embed-oov -q --vectors vectors vocabulary",
        "train -q --preset tiny --steps 2 --table table tokens", "encode -q --model model --table table tokens",
        "bench products --preset tiny --batch 2 --window 2 --seconds 0.01",
    ]

    /// Some 40 MiB are what the libraries alone take.
    @Test(.enabled(if: mayReserveAnything, "the address space has a limit already"), arguments: commands)
    func withLittleAddressSpace(command: String) async throws {
        let inputs = try await Self.inputs.value, folder = try TemporaryDirectory()
        let step = HostileRun.isThorough ? 10 : 40
        let result = try await runShell(
            """
            cd '\(inputs.path)'
            for mebibytes in {48..320..\(step)}; do
                (ulimit -v $((mebibytes << 10)); exec timeout 60 $BIN/\(command) -o '\(folder.path)/output' < /dev/null) \
                    > '\(folder.path)/messages' 2>&1
                status=$?
                lines=$(wc -l < '\(folder.path)/messages')
                # Below that, the dynamic linker itself ends with 127.
                case $status,$lines in 0,0 | 71,1 | 127,*) ;; *) echo "$mebibytes MiB: $status"; cat '\(folder.path)/messages' ;; esac
                echo $status >> '\(folder.path)/statuses'
                rm -f '\(folder.path)/output'
                [ "$(ls -A '\(folder.path)')" = "$(printf 'messages\\nstatuses')" ] || { echo "left: "; ls -A '\(folder.path)'; }
            done
            sort '\(folder.path)/statuses' | uniq -c >&2
            tail -n 1 '\(folder.path)/statuses'
            """)
        // With all of it, each of them works, but for OpenBLAS, which takes as much for each processor.
        #expect(result.text == "0\n" || command.hasPrefix("bench") && result.text == "71\n", "\(result.text)\(result.errors)")
    }

    /// The version and the help need next to nothing.
    @Test(.enabled(if: mayReserveAnything, "the address space has a limit already"))
    func benchLoadsNoOpenBLAS() async throws {
        for option in ["--version", "--help"] {
            let result = try await runShell("ulimit -v 150000; exec timeout 60 $BIN/bench \(option)")
            #expect(result.status == 0 && result.text.contains("bench") && result.errors == "", "\(result.errors)")
        }
    }

    /// Enough of each that memory is asked for again and again.
    private static let inputs = Task {
        let folder = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(folder.path)'; set -e
            awk 'BEGIN { for (i = 0; i < 40000; i++) { x = (x * 7919 + 104729) % 1000003; printf "w%d s%d%s", x % 9001, x % 77, i % 9 ? " " : "\\n" }; print "" }' > text
            gzip -k text
            $BIN/tokenize -q text -o tokens; $BIN/build-vocab -q tokens -o vocabulary; $BIN/build-vocab -q --bpe 200 vocabulary -o codes
            $BIN/build-vocab --print vocabulary | awk '{ printf "%s", $1; for (i = 1; i <= 50; i++) printf " 0.%d", (NR * i) % 97; print "" }' > vectors
            $BIN/embed-oov -q --unknown none --vectors vectors vocabulary -o table
            $BIN/train -q --preset tiny --steps 2 --table table tokens -o model
            """)
        guard result.status == 0 else { throw TestSupportError.cannotMake("inputs: \(result.errors)") }
        return folder
    }
}
