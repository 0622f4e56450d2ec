import TestSupport
import Testing

/// What python/contour.py reads and writes, beside what the tools say of the same files.
struct PythonModuleTests {
    private static let numpy: Comment = "numpy is not installed for \(Python.path)"

    /// A folder with the files of the fixture, a table for each further generator, and what the tools print of them.
    private func folder() async throws -> TemporaryDirectory {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        for (name, file) in [
            ("tokens", fixture.tokens), ("vocabulary", fixture.vocabulary), ("model", fixture.model), ("words.vec", fixture.vectors),
        ] { try directory.write(name, contents(of: file)) }
        try directory.write("some-words", "overshadowed\nnaïveté\n😀zz\nthe\n\(String(repeating: "stone", count: 12))\n")
        let result = try await runShell(
            """
            cd '\(directory.path)' && PATH="$BIN:$PATH"
            embed-oov -q --vectors words.vec --storage float32 vocabulary -o ngrams &&
            embed-oov -q --vectors words.vec --unknown mimick --mimick-epochs 1 --centre --no-normalise vocabulary -o mimick &&
            embed-oov -q --vectors words.vec --unknown cnn --mimick-loss cosine --mimick-epochs 1 --remove-directions 2 vocabulary -o cnn &&
            embed-oov -q --random --dimension 12 vocabulary -o random &&
            cat ngrams ngrams > joined &&
            for table in ngrams mimick cnn random joined; do
                embed-oov --print $table > $table.rows && embed-oov --model $table --words < some-words > $table.made || exit 1
            done &&
            build-vocab -q --bpe 60 vocabulary -o codes && tokenize -q --whitespace --bpe codes \(fixture.text) -o units &&
            tokenize --print tokens > tokens.text && tokenize --print units > units.text && build-vocab --print vocabulary > vocabulary.text
            """)
        try #require(result.status == 0, "\(result.errors)")
        return directory
    }

    /// Reads everything with the package lz4, and with what stands in for it.
    @Test(.enabled("numpy or lz4.frame is not installed for \(Python.path)") { try await Python.has("numpy", "lz4.frame") })
    func readsWhatTheToolsPrint() async throws {
        let result = try await Python.run(
            """
            import contour, numpy as np
            def lines(name): return open(name, encoding="utf-8").read().splitlines()
            for package in contour._lz4, None:
                contour._lz4 = package
                for name in "tokens", "units":
                    assert [" ".join(words) for words in contour.Tokens(name)] == lines(name + ".text"), name
                    assert len(contour.Tokens(name)) == len(lines(name + ".text"))
                assert [" ".join(words) for words in contour.Tokens("units", whole_words=True)] == lines("tokens.text")
                merges = contour.Merges("codes")
                for whole, cut in zip(contour.Tokens("tokens"), contour.Tokens("units")):
                    assert [unit for word in whole for unit in merges.units(word)] == cut, whole
                vocabulary = contour.Vocabulary("vocabulary")
                assert [f"{word}\\t{count}" for word, count in vocabulary.items()] == lines("vocabulary.text"), lines("vocabulary.text")[:2]
                for name in "ngrams", "mimick", "cnn", "random", "joined":
                    table = contour.Table(name)
                    # All rows of joined tables are printed, and the first of a word counts.
                    rows = [line.split(" ") for line in lines(name + ".rows")[1:]][:len(table)]
                    assert [row[0] for row in rows] == table.words and "the" in table and "overshadowed" not in table
                    assert list(table.counts[:3]) == [vocabulary[word] for word in table.words[:3]]
                    numbers = np.array([row[1:] for row in rows], "f4")
                    assert abs(table.matrix() - numbers).max() < 1e-6 and abs(table.vectors(table.words) - numbers).max() < 1e-6, name
                    made = [line.split() for line in lines(name + ".made")]
                    assert len(made) == 5, made
                    for word, *vector in made:
                        ours = table.vectors([word])[0]     # zeros where nothing can be made
                        assert abs(ours - np.array(vector, "f4")).max() < 2e-5 * (1 + abs(ours).max()), (name, word)
                print(package is None)
            """, in: folder())
        #expect(result.text == "False\nTrue\n", "\(result.errors)")
    }

    /// Sentences of vector shards one by one, by their numbers, joined, and longer than a block.
    @Test(.enabled(numpy) { try await Python.has("numpy") }) func vectorsInAnyOrder() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let long = Array(repeating: "the cat sees a bird", count: 12_000).joined(separator: " ")
        try directory.write("text", "the cat\n\n\(long)\nmoney\n" + Fixture.corpus(lines: 300))
        let result = try await runShell(
            """
            cd '\(directory.path)' && encode() { "$BIN/encode" -q --model \(fixture.model) --table \(fixture.table) "$@" text; }
            encode -o one && cat one one > two && encode --format npy --tokens tokens -o vectors.npy && encode --storage float16 -o half
            """)
        try #require(result.status == 0, "\(result.errors)")
        let read = try await Python.run(
            """
            import contour, numpy as np
            array, offsets = np.load("vectors.npy"), np.load("vectors.offsets.npy")
            words = [line.split() for line in open("tokens")]
            for name, times, bound in ("one", 1, 0), ("two", 2, 0), ("half", 1, 2e-3):
                vectors = contour.Vectors(name)
                assert len(vectors) == times * len(words) and len(vectors._index[0]) > times
                def check(number, sentence):
                    first, end = offsets[number % len(words)], offsets[number % len(words) + 1]
                    assert sentence.words == words[number % len(words)], number
                    assert sentence.vectors.shape == array[first:end].shape
                    assert abs(sentence.vectors - array[first:end]).max(initial=0) <= bound * (1 + abs(array).max()), (name, number)
                for number, sentence in enumerate(vectors):
                    check(number, sentence)
                for number in [*range(6), len(vectors) - 1, len(words) - 1, len(words) % len(vectors), 17, 3, 2]:
                    check(number, vectors[number])
                check(len(vectors) - 2, vectors[-2])
                print(name, number)
            """, in: directory)
        #expect(read.text == "one 2\ntwo 2\nhalf 2\n", "\(read.errors)")
    }

    /// A flipped byte, a cut and a file of another kind are errors that name the file.
    @Test(.enabled("numpy or lz4.frame is not installed for \(Python.path)") { try await Python.has("numpy", "lz4.frame") })
    func damageIsNoticed() async throws {
        let folder = try await folder(), fixture = try await Fixture.shared.value
        try folder.write("vectors", contents(of: fixture.encoded))
        let result = try await Python.run(
            """
            import contour, random
            draw = random.Random(1)
            kinds = {"tokens": contour.Tokens, "vocabulary": contour.Vocabulary, "vectors": contour.Vectors, "ngrams": contour.Table}
            def read(kind, name):
                shard = kind(name)
                list(shard.matrix() if kind is contour.Table else shard)
                if kind is contour.Table: shard["unheard"]
            for package in contour._lz4, None:
                contour._lz4 = package
                for name, kind in kinds.items():
                    data = open(name, "rb").read()
                    read(kind, name)
                    flips = 0
                    for trial in range(60):
                        damaged = bytearray(data)
                        if trial % 3 == 0: del damaged[draw.randrange(1, len(data)):]
                        else: damaged[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
                        open("damaged", "wb").write(damaged)
                        try: read(kind, "damaged")
                        except contour.ContourError as error: assert str(error).startswith("damaged: "), error
                        else: flips += 1
                    # Nobody looks at the checksum behind a frame whose blocks are checked one by one.
                    assert flips <= (3 if package is None or name == "ngrams" else 0), (name, flips)
                for kind, name in (contour.Tokens, "vocabulary"), (contour.Table, "model"), (contour.Model, "tokens"), (contour.Merges, "model"):
                    try: kind(name)
                    except contour.ContourError as error: assert str(error).startswith(name + ": "), error
                    else: assert False, name
            print("done")
            """, in: folder)
        #expect(result.text == "done\n", "\(result.errors)")
    }

    /// What `Model.write` writes, the tools take.
    @Test(.enabled(numpy) { try await Python.has("numpy") }) func modelsWithOtherWeights() async throws {
        let folder = try await folder()
        let result = try await Python.run(
            """
            import contour
            model = contour.Model("model")
            model.write("same", {})
            name = "forward.layer1.input.weight"
            model.write("other", {name: 2 * model[name]})
            other = contour.Model("other")
            assert (other[name] == 2 * model[name]).all() and all((other[key] == model[key]).all() for key in model if key != name)
            print(model.kind, model.directions, model.width, model.options["cell"])
            try: model.write("wrong", {name: model[name][1:]})
            except contour.ContourError as error: print(error)
            """, in: folder)
        #expect(result.errors == "")
        #expect(
            result.text == """
                lstm ['forward', 'backward'] 32 32
                model: tensor forward.layer1.input.weight: is not there, or of another shape or type than what is to be written

                """)
        let printed = try await runShell("cd '\(folder.path)' && cmp model same && \"$BIN/train\" --print other && ls")
        #expect(printed.status == 0 && printed.text.contains("forward.layer1.input.weight") && !printed.text.contains("unfinished"))
    }

    /// The vectors of `encode` and of PyTorch, where it is. `pipelines/python-parity.sh` compares all kinds.
    @Test(
        .enabled("PyTorch is not installed for \(Python.torchPath); PYTHON names another Python, and pipelines/python-parity.sh makes one") {
            try await Python.hasTorch()
        },
        arguments: [
            ["--cell", "96", "--projection", "64"], ["--encoder", "gru"], ["--encoder", "qrnn"], ["--encoder", "sru"],
            ["--encoder", "transformer", "--layers", "2"], ["--cell", "96", "--projection", "64", "--objective", "masked"],
            ["--encoder", "transformer", "--layers", "2", "--objective", "masked"],
        ])
    func vectorsInPyTorch(encoder: [String]) async throws {
        let fixture = try await Fixture.shared.value, folder = try TemporaryDirectory()
        try folder.write("text", "the cat sees the house today .\n\noverheard\n" + Fixture.corpus(lines: 40))
        try folder.write("table", contents(of: fixture.table))
        let made = try await runShell(
            """
            cd '\(folder.path)' && PATH="$BIN:$PATH"
            train -q --preset tiny --steps 20 --held-out-every 0 \(encoder.joined(separator: " ")) --table table \(fixture.tokens) -o model &&
            encode -q --model model --table table --format npy --tokens tokens text -o vectors.npy
            """)
        try #require(made.status == 0, "\(made.errors)")
        let result = try await Python.runTorch(
            """
            import contour, numpy as np, torch
            encoder, vectors = contour.Encoder("model", table="table"), np.load("vectors.npy")
            sentences = [line.split() for line in open("tokens")]
            layers, mask = encoder(sentences)
            ours = layers[:, mask].transpose(0, 1).detach().numpy()
            assert ours.shape == vectors.shape and (abs(ours - vectors) <= 1e-5 * np.maximum(1, abs(vectors))).all(), abs(ours - vectors).max()
            layers.square().sum().backward()
            assert all(weight.grad.isfinite().all() for weight in encoder.parameters())
            encoder.save("saved")
            print(open("model", "rb").read() == open("saved", "rb").read())
            """, in: folder)
        #expect(result.text == "True\n", "\(result.errors)")
    }
}
