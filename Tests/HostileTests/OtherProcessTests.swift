import TestSupport
import Testing

/// What other processes do to files while a tool works with them.
struct OtherProcessTests {
    /// Two runs with one log would mix their lines. The lock stands for that of the other run.
    @Test func aLogHasOneWriter() async throws {
        let fixture = try await Fixture.shared.value, folder = try TemporaryDirectory()
        let train = "$BIN/train -q --preset tiny --steps 3 --batch 4 --window 5 --table \(fixture.table) \(fixture.tokens)"
        let result = try await runShell(
            """
            cd '\(folder.path)'; exec 3> log; flock 3; echo a line >&3
            \(train) --log log -o model; echo $?
            cat log; ls; exec 3>&-
            \(train) --log log -o model; echo $?
            grep -c '"event":"train".*"step":3,' log; grep -c line log
            \(train) --log /dev/null -o second & second=$!
            \(train) --log /dev/null -o first; echo $?
            wait $second; echo $?
            """)
        #expect(result.text == "75\na line\nlog\n0\n1\n0\n0\n0\n", "\(result.text) \(result.errors)")
        #expect(result.errors == "train: log: another process is writing this file\n")
    }

    /// A model that is mapped and changes meanwhile: no vectors of two models appear. The sentences come when the model has been
    /// mapped.
    @Test(arguments: [
        ("touch model", [65]), ("printf X | dd of=model conv=notrunc bs=1 seek=20000 2> /dev/null", [65]), (": > model", [65, 74]),
    ])
    func aModelThatChanges(change: String, statuses: [Int]) async throws {
        let fixture = try await Fixture.shared.value, folder = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(folder.path)'; mkfifo pipe; cp '\(fixture.model)' model
            $BIN/encode -q --model model --table '\(fixture.table)' pipe -o vectors & encode=$!
            exec 3> pipe
            await $encode grep -q '/model$' /proc/$encode/maps
            \(change)
            echo 'the cat sees a bird .' >&3; exec 3>&-
            wait $encode; status=$?
            ls -A >&2; exit $status
            """)
        #expect(statuses.contains(result.status), "\(result.status) \(result.errors)")
        #expect(result.errors.hasSuffix("\nmodel\npipe\n") && result.errors.hasPrefix("encode: "), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 3, "\(result.errors)")
    }

    /// A model of which threads read rows when their words come, cut short: SIGBUS comes in one of them, or in all.
    @Test func aModelThatIsCutShort() async throws {
        let folder = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(folder.path)'; mkfifo pipe; set -e
            seq -f 'word%g stands here' 40000 > text
            $BIN/tokenize -q text -o tokens; $BIN/build-vocab -q tokens | $BIN/build-vocab -q --bpe 9000 -o codes
            $BIN/tokenize -q --bpe codes text -o units; $BIN/build-vocab -q units -o vocabulary
            $BIN/train -q --preset tiny --input subwords --output subword-softmax --tie --vocab vocabulary --steps 1 units -o model
            $BIN/encode -q --threads 8 --model model --bpe codes pipe -o vectors & encode=$!
            exec 3> pipe
            await $encode grep -q '/model$' /proc/$encode/maps
            : > model
            set +e; cat text >&3; exec 3>&-
            wait $encode; status=$?
            ls -A | grep vectors; exit $status
            """)
        #expect(result.status == 74 && result.text == "", "\(result.status) \(result.text) \(result.errors)")
        #expect(result.errors.hasSuffix("encode: a file that is being read has become shorter, or cannot be read; unfinished outputs are removed\n"))
    }

    /// A table of which rows are read when their words come, and a model that is mapped. Other tables have right checksums too.
    @Test(arguments: [
        ("table", "dd if=copy of=table conv=notrunc 2> /dev/null"), ("table", "echo >> table"), ("model", "echo >> model"),
    ])
    func anInputThatChanges(_ input: String, _ change: String) async throws {
        let fixture = try await Fixture.shared.value, folder = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(folder.path)'; mkfifo pipe; cp '\(fixture.table)' table; cp table copy; cp '\(fixture.model)' model
            $BIN/encode -q --model model --table table pipe -o vectors & encode=$!
            exec 3> pipe
            \(change)
            echo 'the cat sees a bird .' >&3; exec 3>&-
            wait $encode; status=$?
            ls -A >&2; exit $status
            """)
        #expect(result.status == 65, "\(result.status)")
        let message = "encode: \(input): was changed while it was being read; run this again"
        #expect(result.errors == "\(message)\ncopy\nmodel\npipe\ntable\n", "\(result.errors)")
    }

    /// A run that goes on from a checkpoint forgets lines of its log, but not while another run writes it.
    @Test func aLogThatIsGoneOnWith() async throws {
        let fixture = try await Fixture.shared.value, folder = try TemporaryDirectory()
        let train = "$BIN/train -q --preset tiny --steps 4 --batch 4 --window 5 --table \(fixture.table) \(fixture.tokens) --checkpoints kept"
        let result = try await runShell(
            """
            cd '\(folder.path)'; \(train) --log log -o model; cp log before
            exec 3>> log; flock 3
            \(train) --resume --log log -o model; echo $?
            cmp log before; exec 3>&-
            \(train) --resume --log log -o model; echo $?
            """)
        #expect(result.text == "75\n0\n" && result.errors == "train: log: another process is writing this file\n", "\(result.text) \(result.errors)")
    }

    /// Descriptors that a tool has opened for itself are no outputs: a checkpoint folder's lock, for example.
    @Test func descriptorsOfTheToolItself() async throws {
        let fixture = try await Fixture.shared.value, folder = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(folder.path)'
            for number in 3 4 5 6; do
                $BIN/train -q --preset tiny --steps 1 --batch 4 --window 5 --table '\(fixture.table)' --checkpoints kept \
                    '\(fixture.tokens)' -o /dev/fd/$number
                echo $? $(stat -c %s kept/lock 2> /dev/null); rm -rf kept
            done
            echo a | $BIN/tokenize -q -o /dev/stderr 2>&-; echo $?
            echo a | $BIN/tokenize -q -o /dev/fd/3 3> tokens; echo $?; $BIN/tokenize --print tokens
            """)
        #expect(result.text == "73 0\n73 0\n73 0\n73 0\n73\n0\na\n", "\(result.text) \(result.errors)")
    }

    /// What killed processes have left beside an output is cleared away by the next run, and a live process loses nothing.
    @Test func whatTheKilledLeave() async throws {
        let folder = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(folder.path)'; mkfifo pipe other
            $BIN/tokenize -q pipe -o tokens & killed=$!
            exec 3> pipe; kill -9 $killed; wait $killed 2> /dev/null; exec 3>&-
            ls -A | grep -c '^[.]tokens[.].*[.]tmp$'
            $BIN/tokenize -q other -o tokens & live=$!
            exec 4> other; echo 'a b' >&4
            ls -A | grep -c '^[.]tokens[.].*[.]tmp$'
            echo 'c d e' | $BIN/tokenize -q -o tokens; $BIN/tokenize --print tokens
            exec 4>&-; wait $live; $BIN/tokenize --print tokens
            ls -A
            """)
        #expect(result.text == "1\n1\nc d e\na b\nother\npipe\ntokens\n", "\(result.text) \(result.errors)")
    }
}
