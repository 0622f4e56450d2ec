import TestSupport
import Testing

/// pipelines/cluster.mk on hosts that are all this machine: the `ssh` on the PATH is a script that runs the command here, or fails as an
/// ssh does whose host is lost. pipelines/cluster-check.sh loses real ones.
@Suite(.enabled(if: isInstalled("parallel") && isInstalled("perl"), "GNU parallel is not installed"))
struct ClusterTests {
    /// A folder with twelve texts, compressed ones, one of white space and one in a folder among them; what one machine makes of all
    /// (`alone.shard`), and of each (`alone.N.tok`); a file of hosts, and the `ssh`.
    private struct Run {
        let directory: TemporaryDirectory

        /// Hosts of `ssh`: `lost` answers when it is looked at, and then no more; `dying` begins its work and ends in the midst of it;
        /// `halting` does one job and never ends the second; `silent` says nothing; `blind` sees no folder of this machine, and `old`
        /// has other tools; the others are sound. Each job leaves a line in the file `calls`.
        private static let ssh = #"""
            #!/bin/bash
            while [ "${1:0:1}" = - ]; do shift 2; done
            host=$1
            shift 2
            if [ "$1 $2" = "bash -s" ]; then
                case $host in
                    absent) echo "ssh: connect to host absent port 22: No route to host" >&2; exit 255 ;;
                    silent) exec sleep 1000 ;;
                    blind) sed 's#^run=.*#run=/nowhere#' | bash -s ;;
                    old) sed "s#^tool=.*#tool=$PWD/old-#" | bash -s ;;
                    *) exec bash -s ;;
                esac
                exit
            fi
            echo "$host" >> calls
            case $host in
                lost) exit 255 ;;
                halting) [ "$(wc -l < calls)" = 1 ] || exec sleep 1000 ;&
                sound) exec bash -c "$*" ;;
                dying) timeout -s KILL 0.05 bash -c "$*"; exit 255 ;;
                *) exec bash -c "$*" ;;
            esac
            """#

        init(hosts: String) async throws {
            let fixture = try await Fixture.shared.value
            directory = try TemporaryDirectory()
            try directory.write("ssh", Self.ssh)
            try directory.write("hosts", hosts)
            let version = "#!/bin/sh\necho 'tokenize (Contour) 0.0.1'\n"
            for tool in ["old-tokenize", "old-build-vocab"] { try directory.write(tool, version) }
            let prepared = try await runShell(
                """
                pipelines=$PWD/pipelines; cd \(directory.path) && ln -s $pipelines pipelines
                mkdir bin text text/more && mv ssh bin && chmod +x bin/ssh old-*
                split -d -a 2 -n l/11 --additional-suffix .txt \(fixture.text) text/ && mv text/03.txt text/more && gzip text/04.txt
                printf ' \\n\\n' > text/11.txt
                \(Self.alone)
                """)
            #expect(prepared.status == 0, "\(prepared.errors)")
        }

        /// What one machine makes of all texts.
        static let alone = """
            $BIN/tokenize -q --lowercase text/*.* text/more/* | $BIN/build-vocab -q --min-count 2 -o alone.shard
            $BIN/tokenize -q --lowercase text/00.txt -o alone.00.tok
            """

        func shell(_ command: String) async throws -> ToolResult {
            try await runShell("cd \(directory.path); export PATH=$PWD/bin:$PATH; \(command)")
        }

        static let texts = "TEXT='text/*.* text/more/*' OUT=run TOKENIZE_FLAGS=--lowercase VOCAB_FLAGS='--min-count 2'"

        func cluster(_ arguments: String = "", texts: String = Self.texts) async throws -> ToolResult {
            try await shell("pipelines/cluster.mk HOSTS=hosts BIN=$BIN \(texts) \(arguments)")
        }

        /// The run succeeds, and its files are those of one machine.
        func succeeds(_ arguments: String = "", texts: String = Self.texts) async throws -> ToolResult {
            let result = try await cluster(arguments, texts: texts)
            #expect(result.status == 0, "\(result.errors)")
            let compared = try await shell("cmp run/vocab.shard alone.shard && cmp run/tokens/text-00.txt.tok alone.00.tok")
            #expect(compared.status == 0, "\(compared.text) \(compared.errors)")
            return result
        }

        /// How many texts were made on each host, as the run says at its end.
        static func made(_ result: ToolResult) -> [String] {
            result.errors.split(separator: "\n").filter { $0.contains(" texts on ") }.map { String($0.dropFirst("cluster: ".count)) }
        }
    }

    @Test func theBytesOfOneMachineAndThenOnlyWhatHasChanged() async throws {
        let run = try await Run(hosts: "# a comment\n2/one # one job for each processor\n\nssh -p 2222 two\n1/:\n")
        let first = try await run.succeeds()
        #expect(first.errors.hasPrefix("cluster: 12 texts, 0 done before\n"))
        #expect(Run.made(first).count == 3, "\(first.errors)")
        let names = try await run.shell("ls run/tokens")
        let (number, some) = (names.text.split(separator: "\n").count, "text-04.txt.gz.tok\ntext-05.txt.tok")
        #expect(number == 11 && names.text.contains(some), "\(names.text)")

        #expect(try await run.shell("ls run run/stages").text.contains("run.") == false)

        // No host is needed where nothing is to be done.
        _ = try await run.shell("echo absent > absent")
        let second = try await run.succeeds("HOSTS=absent")
        #expect(second.errors.hasPrefix("cluster: 12 texts, 12 done before\n") && second.errors.contains("up to date"), "\(second.errors)")
        // A text that has changed, one whose counts have gone, and one whose tokens have gone.
        _ = try await run.shell("touch text/00.txt; rm run/counts/text-01.txt.vocab run/tokens/text-02.txt.tok calls")
        #expect(try await run.succeeds().errors.contains("12 texts, 9 done before"))
        // Other options of the vocabulary merge anew, other options of the tokens make all anew.
        let merged = try await run.cluster("VOCAB_FLAGS=")
        #expect(Run.made(merged) == [] && merged.errors.contains("their words in"), "\(merged.errors)")
        let all = try await run.cluster("TOKENIZE_FLAGS=")
        #expect(all.errors.contains("12 texts, 0 done before"), "\(all.errors)")
        #expect(try await run.shell("cmp -s run/tokens/text-00.txt.tok alone.00.tok").status == 1)
        // What is no option destroys nothing.
        let refused = try await run.cluster("TOKENIZE_FLAGS=--nonsense")
        #expect(refused.status == 64 && refused.errors.contains("--nonsense") && refused.errors.contains("TOKENIZE_FLAGS"))
        #expect(try await run.shell("[ -f run/tokens/text-00.txt.tok ]").status == 0)
        _ = try await run.succeeds()
        // Variables of the environment, or of a make that has started this one, are its user's.
        let others = try await run.shell(
            "export HOST=x MAKEFLAGS=' -- TOKENISE_FLAGS=x'; pipelines/cluster.mk HOSTS=hosts BIN=$BIN \(Run.texts)")
        #expect(others.status == 0, "\(others.errors)")
        // Without a text there are no tokens of it, and its words are not counted.
        _ = try await run.shell("rm text/09.txt text/1*.txt; \(Run.alone)")
        let fewer = try await run.succeeds()
        #expect(fewer.errors.contains("files of 3 texts that TEXT does not name are removed"), "\(fewer.errors)")
    }

    /// One host answers at first and never again; the jobs of another are killed again and again. The third does what they do not.
    @Test(arguments: ["lost", "dying"]) func aHostIsLostMidway(host: String) async throws {
        let run = try await Run(hosts: "2/\(host)\n1/sound\n")
        let result = try await run.succeeds()
        #expect(Run.made(result).contains("12 texts on sound"), "\(result.errors)")
        #expect(result.errors.contains("cluster: \(host) was lost or did not answer"), "\(result.errors)")
    }

    @Test func allHostsAreLostMidway() async throws {
        let run = try await Run(hosts: "2/lost\n")
        let result = try await run.cluster()
        #expect(result.status == 75 && result.errors.contains("run again to go on"), "\(result.status) \(result.errors)")
        #expect(try await run.shell("[ -e run/vocab.shard ]").status == 1)
        try run.directory.write("hosts", "sound\n")
        _ = try await run.succeeds()
    }

    @Test(arguments: [
        ("absent", "cannot be reached: ssh: connect to host absent port 22: No route to host"),
        ("silent", "cannot be reached: no answer in 1 seconds"), ("blind", "does not see OUT: there is no folder /nowhere"),
        ("old", "has another version of the tools: tokenize (Contour) 0.0.1"),
    ]) func aHostCannotBeUsed(host: String, reason: String) async throws {
        let run = try await Run(hosts: "1/sound\n\(host)\n")
        let result = try await run.cluster("HOST_TIMEOUT=1")
        #expect(result.status == 69, "\(result.status)")
        let lines = result.errors.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].hasPrefix("cluster: host \(host) \(reason)"), "\(result.errors)")
        #expect(lines.last?.contains("SKIP_UNUSABLE=1") == true)
        #expect(try await run.shell("ls run/tokens run/counts; [ -e run/vocab.shard ] || [ -e calls ]").status == 1)
        let hosts = try await run.cluster("hosts HOST_TIMEOUT=1 SKIP_UNUSABLE=1", texts: "OUT=run")
        #expect(hosts.status == 0 && hosts.errors.hasSuffix("jobs on each host: 1/sound\n"), "\(hosts.errors)")
        let without = try await run.succeeds("HOST_TIMEOUT=1 SKIP_UNUSABLE=1")
        #expect(Run.made(without) == ["12 texts on sound"], "\(without.errors)")
    }

    /// A text that is at fault is named, and tried once; the others are done.
    @Test func aTextThatIsDamaged() async throws {
        let run = try await Run(hosts: "1/one\n1/two\n")
        _ = try await run.shell("head -c 200 text/04.txt.gz > text/bad.gz; printf 'caf\\xe9\\n' > text/latin.txt")
        let result = try await run.cluster()
        #expect(result.status == 65, "\(result.status)")
        #expect(result.errors.contains("text/bad.gz: byte 200: the gzip stream is cut short\n"), "\(result.errors)")
        #expect(result.errors.contains("text/latin.txt: line 1: byte 4 is not UTF-8"), "\(result.errors)")
        #expect(try await run.shell("wc -l < calls").text == "14\n")
        _ = try await run.shell("rm text/bad.gz text/latin.txt")
        #expect(Run.made(try await run.succeeds()) == [])
    }

    /// The jobs that Slurm would run are run by the stub, one after the other; one of them is killed once and begins again.
    @Test func anArrayOfSlurm() async throws {
        let run = try await Run(hosts: "")
        let sbatch = #"""
            #!/bin/bash
            array=0
            for word; do case $word in --array=1-*) array=${word#--array=1-} ;; esac; done
            echo "$*" >> submitted
            for ((task = array ? 1 : 0; task <= array; task++)); do
                if [ $task = 2 ]; then SLURM_ARRAY_TASK_ID=2 timeout -s KILL 0.05 bash "${!#}"; fi
                SLURM_ARRAY_TASK_ID=$task bash "${!#}" >> output 2>&1
            done
            echo "$((++array));cluster"
            """#
        try run.directory.write("sbatch", sbatch)
        _ = try await run.shell("mv sbatch bin; chmod +x bin/sbatch")
        let written = try await run.cluster("slurm ARRAY=5 SUBMIT=")
        #expect(written.status == 0 && written.text.hasPrefix("sbatch --array=1-5 ") && written.text.contains("--dependency=afterany:JOB"))
        #expect(try await run.shell("[ -e submitted ]").status == 1)
        let result = try await run.succeeds("slurm ARRAY=5 SBATCH_FLAGS=--partition=short")
        #expect(result.errors.contains("array 6: 12 texts in 5 jobs"), "\(result.errors)")
        let submitted = try await run.shell("cat submitted")
        let lines = submitted.text.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].hasPrefix("--parsable --array=1-5 --partition=short "), "\(submitted.text)")
        #expect(lines.last?.hasPrefix("--parsable --dependency=afterany:6 --partition=short ") == true, "\(submitted.text)")
        // The job that merges says what is missing.
        _ = try await run.shell("printf 'caf\\xe9\\n' > text/latin.txt; touch text/00.txt; rm output")
        #expect(try await run.cluster("slurm").errors.contains("2 texts in 2 jobs"))
        #expect(try await run.shell("cat output").text.contains("text/latin.txt: line 1: byte 4 is not UTF-8"))
    }

    @Test(arguments: [
        ("HOSTS=none", 66, "HOSTS=none: there is no such file"), ("HOSTS=empty", 65, "names no host"),
        ("HOSTS=group", 65, "cluster: group, line 1: '@group/one' must be host, jobs/host"),
        ("HOSTS=zero", 65, "cluster: zero, line 3: '0/:' must be"),
        ("HOST=hosts", 64, "cluster.mk: there is no variable HOST; the nearest is HOSTS"),
        ("TOKENISE_FLAGS=--lowercase", 64, "there is no variable TOKENISE_FLAGS; the nearest is TOKENIZE_FLAGS"),
        ("HOST_TIMEOUT=soon", 64, "HOST_TIMEOUT=soon must be a whole number from 1 to 999999"),
        ("TEXT=", 64, "TEXT is not set"), ("TEXT='text/*.txt nothing'", 66, "there is no file nothing"),
        ("TEXT='text/a/b text/a-b'", 64, "text/a-b and text/a/b would have files of the same name"),
        ("OUT=/proc/none", 73, "OUT=/proc/none cannot be made"), ("OUT='a b'", 64, "without blanks: a b"),
        ("VOCAB_FLAGS='-o x'", 64, "VOCAB_FLAGS holds -o"), ("VOCAB_FLAGS='--bpe 9'", 64, "learn the merges afterwards"),
        ("BIN=/nowhere", 69, "the tools are not in BIN=/nowhere"), ("nonsense", 64, "No rule to make target 'nonsense'"),
    ]) func refusals(arguments: String, status: Int, hint: String) async throws {
        let run = try await Run(hosts: "sound\n")
        _ = try await run.shell(
            """
            echo '# none' > empty; echo @group/one > group; printf '# none\\n\\n0/:\\n' > zero
            mkdir text/a; touch text/a/b text/a-b
            """)
        let result = try await run.cluster(arguments)
        #expect(result.status == status && isOneLine(result.errors, naming: hint), "\(result.status) \(result.errors)")
        #expect(try await run.shell("[ -e run/vocab.shard ] || [ -e calls ]").status == 1)
    }

    /// An interrupted run leaves nothing running, and the next one goes on.
    @Test(arguments: ["TERM", "INT"]) func anInterruptedRun(signal: String) async throws {
        let run = try await Run(hosts: "1/halting\n")
        let result = try await run.shell(
            """
            set -m; pipelines/cluster.mk HOSTS=hosts BIN=$BIN \(Run.texts) & run=$!
            await $run filled 'run/counts/*.vocab'
            \(signal == "INT" ? "kill -INT -- -$run" : "kill $run"); wait $run; status=$?
            while kill -0 -- -$run 2> /dev/null; do sleep 0.05; done; exit $status
            """)
        #expect(result.status == (signal == "INT" ? 130 : 143), "\(result.status) \(result.errors)")
        try run.directory.write("hosts", "sound\n")
        let again = try await run.succeeds()
        #expect(!again.errors.contains(" 0 done before"), "\(again.errors)")
    }
}
