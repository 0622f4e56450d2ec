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
