import Glibc
import TestSupport
import Testing

/// Text and vectors that other programs unpack, and compressed files where no tool can read them as they are.
struct CompressedInputTests {
    static let programs = ["xz", "zstd", "bzip2"]

    /// Text, vectors and merges, from files and pipes: what comes out is what comes out of them plain.
    @Test(arguments: programs.filter { isInstalled($0) }) func everyTextIsReadCompressed(program: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let result = try await runShell(
            """
            set -e; cd \(directory.path)
            \(program) -c \(fixture.text) > text; \(program) -c \(fixture.vectors) > vectors
            $BIN/build-vocab -q --bpe 20 \(fixture.vocabulary) -o codes; \(program) -c codes > packed-codes
            $BIN/tokenize -q text -o tokens; cmp tokens \(fixture.tokens)
            $BIN/tokenize -q < text > tokens; cmp tokens \(fixture.tokens)
            $BIN/tokenize -q --bpe codes \(fixture.text) -o units; $BIN/tokenize -q --bpe packed-codes text | cmp - units
            $BIN/embed-oov -q --vectors vectors \(fixture.vocabulary) -o table; cmp table \(fixture.table)
            cat vectors | $BIN/embed-oov -q --vectors - \(fixture.vocabulary) -o table; cmp table \(fixture.table)
            encode="$BIN/encode -q --model \(fixture.model) --table \(fixture.table)"
            $encode \(fixture.text) -o plain; $encode text -o packed; cmp plain packed
            """)
        #expect(result.status == 0, "\(result.text) \(result.errors)")
    }

    @Test(arguments: [("xz", "xz-utils"), ("zstd", "zstd"), ("bzip2", "bzip2")].filter { isInstalled($0.0) })
    func withoutTheProgramItIsNamed(program: String, package: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let packed = directory.file("packed")
        let result = try await runShell(
            "\(program) -c \(fixture.text) > \(packed); PATH= $BIN/tokenize -q \(packed) -o \(directory.file("output"))")
        #expect(result.status == 69 && isOneLine(result.errors, naming: packed), "\(result.errors)")
        #expect(result.errors.contains("compressed with \(program)") && result.errors.contains("apt install \(package)\n"))
        #expect(directory.entries() == ["packed"])
    }

    /// Programs that are not what they should be: each is an error with the file's name, and nothing is made.
    @Test(.enabled(if: isInstalled("xz")), arguments: [
        ("kill -9 $$", 71, "ended by signal 9"), ("exit 3", 65, "status 3"), ("echo 'xz: (stdin): broken' >&2; exit 1", 65, "(xz: broken)"),
        ("i=0; while [ $i -lt 20000 ]; do echo many words >&2; i=$((i + 1)); done; exit 1", 65, "(xz: many words)"),
        ("echo a line; exec 0<&-; exit 2", 65, "damaged or cut short"), ("exit 0", 65, "no text"),
    ])
    func aProgramThatFails(script: String, status: Int, hint: String) async throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write("xz", "#!/bin/sh\n\(script)\n")
        chmod(program, 0o755)
        let packed = directory.file("packed")
        // More than fits between two processes.
        let result = try await runShell(
            """
            head -c 1000000 /dev/urandom | xz -c > \(packed)
            PATH=\(directory.path):$PATH $BIN/tokenize -q \(packed) -o \(directory.file("output"))
            """)
        #expect(result.status == status && isOneLine(result.errors, naming: packed), "\(result.status) \(result.errors)")
        #expect(result.errors.contains(hint), "\(result.errors)")
        #expect(directory.entries() == ["packed", "xz"])
    }

    /// Many files in a row, with room for few descriptors.
    @Test(.enabled(if: isInstalled("xz"))) func descriptorsAreGivenBack() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd \(directory.path); xz -c \(fixture.text) > packed
            ulimit -n 24; $BIN/tokenize -q $(for i in $(seq 60); do echo packed; done) | $BIN/tokenize --print - | wc -l
            """)
        #expect(result.text == "36000\n" && result.errors == "", "\(result.errors)")
    }

    /// A parent that does not want to hear of its children must not make a cut file whole.
    @Test(.enabled(if: isInstalled("xz") && isInstalled("python3"))) func ignoredChildrenAreHeardOf() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let cut = directory.file("cut")
        let result = try await runShell(
            """
            xz -c \(fixture.text) | head -c 400 > \(cut)
            python3 -c 'import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])' \
                $BIN/tokenize -q \(cut) -o \(directory.file("output"))
            """)
        #expect(result.status == 65 && isOneLine(result.errors, naming: cut), "\(result.errors)")
        #expect(directory.entries() == ["cut"])
    }

    /// What must be a plain file: its compression is named, and the command that undoes it.
    @Test(arguments: ["gzip", "xz", "zstd", "bzip2"].filter { isInstalled($0) })
    func plainFilesThatAreCompressed(program: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        // The beginning of a fastText .bin is enough to know one.
        let binary: [UInt8] = [0xBA, 0x16, 0x4F, 0x2F, 12, 0, 0, 0] + [UInt8](repeating: 0, count: 200_000)
        for (name, content) in [
            ("model", try contents(of: fixture.model)), ("table", try contents(of: fixture.table)),
            ("tokens", try contents(of: fixture.tokens)), ("vocabulary", try contents(of: fixture.vocabulary)), ("bin", binary),
        ] {
            let packed = try await runShell("\(program) -c", input: content)
            try directory.write(name, packed.output)
        }
        let (model, table, tokens) = (directory.file("model"), directory.file("table"), directory.file("tokens"))
        let (vocabulary, binaryFile) = (directory.file("vocabulary"), directory.file("bin"))
        for (tool, arguments, file) in [
            ("encode", ["--model", model, "--table", fixture.table, fixture.text], model),
            ("encode", ["--model", fixture.model, "--table", table, fixture.text], table),
            ("encode", ["--model", fixture.model, "--table", fixture.table, tokens], tokens),
            ("train", ["--preset", "tiny", "--table", table, fixture.tokens], table),
            ("train", ["--preset", "tiny", "--table", fixture.table, tokens], tokens),
            ("build-vocab", [tokens], tokens),
            ("embed-oov", ["--vectors", fixture.vectors, vocabulary], vocabulary),
            ("embed-oov", ["--vectors", binaryFile, fixture.vocabulary], binaryFile),
            ("embed-oov", ["--model", binaryFile, "--words", fixture.text], binaryFile),
            ("embed-oov", ["--model", table, "--words", fixture.text], table),
        ] {
            let result = try await runTool(tool, ["-q"] + arguments + ["-o", directory.file("output")])
            #expect(result.status == 65 && isOneLine(result.errors, naming: file), "\(tool): \(result.errors)")
            // A shard is compressed inside.
            let advice = result.errors.contains("compressed twice") ? "first with lz4 and then with \(program); unpack it once first: " : "with \(program); unpack it first: "
            #expect(result.errors.contains("\(advice)\(program) -dc \(file) > "), "\(result.errors)")
            #expect(!directory.entries().contains { $0.contains("output") })
        }
    }

    /// Text where a shard is needed is followed by the command that makes one of it.
    @Test func textWhereAShardIsNeeded() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let text = try directory.write("text", "\u{DC}ber dem Fluss liegt eine Bank.\n")
        let table = "embed-oov --vectors \(fixture.vectors) vocab.shard -o table.shard"
        for (tool, arguments, command) in [
            ("build-vocab", [text], "tokenize \(text) -o corpus.tok"),
            ("train", ["--preset", "tiny", "--table", fixture.table, text], "tokenize \(text) -o corpus.tok"),
            ("tokenize", ["--print", text], "tokenize \(text) -o corpus.tok"),
            ("embed-oov", ["--vectors", fixture.vectors, text], "tokenize \(text) | build-vocab -o vocab.shard"),
            ("train", ["--preset", "tiny", "--table", fixture.vectors, fixture.tokens], table),
            ("encode", ["--model", fixture.model, "--table", fixture.vectors, fixture.tokens], table),
            ("encode", ["--model", fixture.model, "--table", fixture.table, "--neighbours", "2", "--query", "the [cat]", text],
             "encode --model model.safetensors --table table.shard \(text) -o vectors.shard"),
        ] {
            let result = try await runTool(tool, arguments)
            #expect(result.status == 65 && result.errors.hasSuffix("it looks like text; make one of it: \(command)\n"), "\(result.errors)")
        }
        let piped = try await runShell("$BIN/build-vocab -q < \(text)")
        #expect(piped.errors.hasSuffix("make one of it: tokenize -o corpus.tok\n"), "\(piped.errors)")
    }
}
