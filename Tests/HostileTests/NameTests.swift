import TestSupport
import Testing

/// Names of files are bytes: what is not UTF-8, or begins with a mark that joins the letter before it, names a file all the same.
struct NameTests {
    /// The bytes as printf knows them: bytes of no UTF-8, a lone surrogate, an overlong slash, a scalar that stands for such a byte
    /// inside of the tools, a combining mark, a joiner, a prepended letter, an option's look, and a line break.
    static let names = [
        #"a\377"#, #"a\376"#, #"\355\240\200"#, #"\300\257"#, #"\364\217\237\277"#, #"\314\201a"#, #"\342\200\215j"#, #"\330\200p"#,
        #"./-o"#, #"a\nb"#, #"e\314\201"#, #"\303\251"#,
    ]

    @Test(arguments: names)
    func aNameIsWrittenAndReadAsItIs(name: String) async throws {
        let folder = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(folder.path)' && set -e
            name=$(printf '\(name)'; echo .); name=${name%.}
            echo 'a few words' > text; $BIN/tokenize -q text -o expected
            same() { cmp -s expected "$1" || { echo "$2" >&2; exit 1; }; rm "$1"; }
            $BIN/tokenize -q text -o "$name"; same "$name" '-o NAME'
            $BIN/tokenize -q text -o"$name"; same "$name" '-oNAME'
            $BIN/tokenize -q text --output "$name"; same "$name" '--output NAME'
            $BIN/tokenize -q text --output="$name"; same "$name" '--output=NAME'
            ln -s "$name" link; $BIN/tokenize -q text -o link; same "$name" 'a link to NAME'; rm link
            mkdir "$name"; $BIN/tokenize -q text -o "$name/$name"; same "$name/$name" 'NAME/NAME'; rmdir "$name"
            cp text "$name"; $BIN/tokenize -q "$name" > shard; same shard 'reads NAME'; rm "$name"
            # Each option that takes a file, in every tool.
            printf 'a 1 2\\nfew 3 4\\nwords 5 6\\n' > "$name"
            $BIN/build-vocab -q expected -o words
            $BIN/embed-oov -q --unknown none --vectors "$name" words -o table; rm "$name"
            mkdir logs kept models folders
            cp table "$name"
            $BIN/train -q --preset tiny --steps 1 --batch 1 --window 2 --table="$name" --log "logs/$name" --checkpoints "kept/$name" \\
                expected -o "models/$name"
            $BIN/encode -q --model "models/$name" --table "$name" --format npy-folder text -o "folders/$name"
            $BIN/encode -q --model="models/$name" --table="$name" --format npy text -o "vectors"
            test -s "logs/$name"; test -s "folders/$name/0.npy"; test -e "kept/$name/lock"; test -s vectors
            """)
        #expect(result.status == 0, "\(result.status) \(result.errors)")
    }

    /// Two names that differ in bytes of no UTF-8 are two files.
    @Test func namesThatLookAlikeAreApart() async throws {
        let folder = try TemporaryDirectory()
        let result = try await runShell(
            #"""
            cd '\#(folder.path)' && echo one > a && echo two words > b
            for last in '\377' '\376' '\357\277\275' '\364\217\237\277'; do
                for text in a b; do $BIN/tokenize -q $text -o "$(printf "$text$last")" || exit 1; done
            done
            $BIN/tokenize -q a -oc=d && rm c=d && ls | wc -l
            """#)
        #expect(result.status == 0 && result.text == "10\n", "\(result.text) \(result.errors)")
    }

    /// An error shows such a name so that it can be typed.
    @Test func errorsShowTheBytes() async throws {
        let result = try await runShell(#"$BIN/tokenize -q "$(printf 'no\377')""#)
        #expect(result.status == 66 && result.errors.hasPrefix(#"tokenize: no\xFF"#), "\(result.errors)")
    }
}
