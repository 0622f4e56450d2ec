#if HDF5
import TestSupport
import Testing

/// `encode` with the files of an ELMo model, which h5py makes.
@Suite(.enabled("h5py or numpy is not installed") { try await Python.has("h5py", "numpy") }) struct ELMoToolTests {
    private static let options = """
        {"lstm": {"dim": 8, "projection_dim": 4, "n_layers": 2, "cell_clip": 3, "proj_clip": 3, "use_skip_connections": true},
         "char_cnn": {"activation": "relu", "filters": [[1, 3], [2, 5]], "n_highway": 1, "embedding": {"dim": 3},
                      "n_characters": 262, "max_characters_per_token": 50}}
        """

    /// A small model whose weights are a wave, by h5py.
    private static let program = """
        import h5py, numpy as n
        f, at = h5py.File("weights.hdf5", "w"), 0
        def put(name, *shape):
            global at
            f[name] = (0.4 * n.sin(0.7 * n.arange(at, at + n.prod(shape)))).reshape(shape).astype("f4")
            at += n.prod(shape)
        put("char_embed", 261, 3)
        for i, (width, count) in enumerate([(1, 3), (2, 5)]):
            put(f"CNN/W_cnn_{i}", 1, width, 3, count); put(f"CNN/b_cnn_{i}", count)
        for part in ["carry", "transform"]:
            put(f"CNN_high_0/W_{part}", 8, 8); put(f"CNN_high_0/b_{part}", 8)
        put("CNN_proj/W_proj", 8, 4); put("CNN_proj/b_proj", 4)
        for cell in [f"RNN_{r}/RNN/MultiRNNCell/Cell{c}/LSTMCell/" for r in (0, 1) for c in (0, 1)]:
            put(cell + "W_0", 8, 32); put(cell + "B", 32); put(cell + "W_P_0", 8, 4)
        """

    /// A folder with both files and a text.
    private func folder() async throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        try directory.write("options.json", Self.options)
        try directory.write("text", "the bank of the river\n\n<S> Großbank\nthe bank of the river\n")
        let made = try await Python.run(Self.program, in: directory)
        try #require(made.status == 0, "\(made.errors)")
        return directory
    }

    private func encode(_ directory: TemporaryDirectory, _ arguments: String) async throws -> ToolResult {
        try await runShell("cd '\(directory.path)' && $BIN/encode -q \(arguments)")
    }

    @Test func weightsRunAsTheyAreAndAsAModel() async throws {
        let directory = try await folder()
        let weights = "--elmo-options options.json --elmo-weights weights.hdf5"
        let converted = try await encode(directory, "\(weights) --convert -o model")
        #expect(converted.status == 0 && converted.errors == "", "\(converted.errors)")
        for form in ["", "--stateful", "--int8", "--format json", "--format json --layers top --threads 1"] {
            let one = try await encode(directory, "\(weights) \(form) text"), other = try await encode(directory, "--model model \(form) text")
            #expect(one.status == 0 && one.errors == "" && one.output == other.output && !one.output.isEmpty, "\(form): \(one.errors)")
        }
        let described = try await runShell("cd '\(directory.path)' && $BIN/train --print model")
        #expect(described.text.contains("input characters, output none, shared by the directions"))
        // A sentence that comes again has other vectors only where state is carried.
        for (flags, areSame) in [("", true), ("--stateful", false)] {
            let lines = try await encode(directory, "\(weights) --format json --layers top \(flags) text").text.split(separator: "\n")
            #expect(lines.count == 4 && (lines[0] == lines[3]) == areSame)
        }
        // Occurrences are found in what the weights made, with the model, too.
        #expect(try await encode(directory, "\(weights) --layers top text -o vectors").status == 0)
        let near = try await encode(directory, "--model model --neighbours 1 --query 'the [bank] of the river' vectors")
        #expect(near.text == "1.0000\tthe [bank] of the river\n", "\(near.errors)")
    }

    /// The process that reads for `encode` is `encode` itself, wherever it is, and its end is seen even where a parent ignores such.
    @Test func oneProgramReadsAlone() async throws {
        let directory = try await folder()
        let result = try await runShell(
            """
            cd '\(directory.path)' && cp $BIN/encode alone && \(Python.path) -c 'import os, signal
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            os.execv("./alone", "alone -q --elmo-options options.json --elmo-weights weights.hdf5 --convert -o model".split())'
            """)
        #expect(result.status == 0 && result.errors == "", "\(result.errors)")
        #expect(directory.entries().contains("model"))
    }

    @Test(arguments: [
        ("sed -i 's/\"dim\": 8/\"dim\": 9/' options.json", 65, "weights.hdf5: data set /RNN_"),
        ("sed -i 's/\"n_highway\": 1/\"n_highways\": 1/' options.json", 65, "options.json: field char_cnn.n_highways: is unknown"),
        ("sed -i 's/\"dim\": 8, //' options.json", 65, "options.json: field lstm.dim"),
        ("sed -i 's/\"dim\": 8/\"dim\": 8, \"dim\": 8/' options.json", 65, "options.json: field dim: stands twice"),
        ("truncate -s 3000 weights.hdf5", 65, "weights.hdf5: "), ("echo > weights.hdf5", 65, "weights.hdf5: is not an HDF5 file"),
        ("rm weights.hdf5", 66, "weights.hdf5: "), ("rm options.json", 66, "options.json: "),
    ])
    func filesThatCannotBe(damage: String, status: Int, message: String) async throws {
        let directory = try await folder()
        #expect(try await runShell("cd '\(directory.path)' && \(damage)").status == 0)
        let before = directory.entries()
        for last in ["text -o vectors", "--convert -o model"] {
            let result = try await encode(directory, "--elmo-options options.json --elmo-weights weights.hdf5 \(last)")
            #expect(result.status == status && isOneLine(result.errors, naming: message), "\(result.status) \(result.errors)")
            #expect(directory.entries() == before)
        }
    }
}
#endif
