import Encoding
import Files
import Glibc
import Layers
import Model
import Parallel
import Shards
import Subwords
import TestSupport
import Testing
import WordVectors

/// Models with what they read, and the outputs of each form.
struct FormTargetTests {
    private let directory: TemporaryDirectory
    private let pool = WorkerPool(threads: 1)
    private static let dimension = 5

    init() throws { directory = try TemporaryDirectory() }

    private func encoder(_ input: InputKind = .embeddings, tableDigest: String = "") -> ContextualEncoder {
        var configuration = EncoderConfiguration(vectorSize: input == .embeddings ? Self.dimension : 0, cell: 7, projection: 3)
        configuration.input = input
        configuration.tableDigest = tableDigest
        if input != .embeddings {
            configuration.output = input == .subwords ? .subwordSoftmax : .softmax
            configuration.vocabularySize = 20
            configuration.filters = [[1, 4], [2, 4]]
        }
        let encoder = ContextualEncoder(
            configuration, capacity: SentenceEncoder.capacity, training: nil, pool: ThreadPool(threads: 1))
        encoder.initialize(seed: 4)
        return encoder
    }

    /// A table of six words and the marks, and its path.
    private func table(_ name: String = "table", dimension: Int = dimension, scale: Float = 1) throws -> String {
        let output = try OutputFile(path: directory.file(name), binary: true)
        let words = (0..<6).map { "w\($0)" } + ["<s>", "</s>"]
        let writer = try TableShardWriter(
            output, tool: "test 1", dimension: dimension, count: words.count, fields: ["generator": "none"], pool: pool)
        for (index, word) in words.enumerated() {
            let row = (0..<dimension).map { scale * Float((index * 7 + $0 * 3) % 11 - 5) + 0.5 }
            try row.withUnsafeBufferPointer { row in
                try Array(word.utf8).withUnsafeBytes { try writer.append($0, count: 1, source: .pretrained, row: row) }
            }
        }
        let mean = [Float](repeating: 0.01, count: dimension)
        try writer.append(tensor: "mean", shape: [dimension], values: mean)
        try writer.finish()
        try output.commit()
        return directory.file(name)
    }

    private func merges() throws -> String { try directory.write("merges", Merges([]).text) }

    private func model(tableDigest: String = "", table name: String = "table") throws -> LoadedModel {
        try LoadedModel(encoder(tableDigest: tableDigest), name: "m", table: table(name), merges: nil, pool: pool)
    }

    // MARK: Models

    @Test(arguments: [
        (InputKind.embeddings, false, false, "--table is missing: m reads vectors of words"),
        (.embeddings, true, true, "--bpe is not used: m reads embeddings"),
        (.characters, true, false, "--table is not used: m reads characters"),
        (.characters, false, true, "--bpe is not used: m reads characters"),
        (.subwords, false, false, "--bpe is missing: m reads units of words"),
        (.subwords, true, true, "--table is not used: m reads subwords"),
    ])
    func aModelIsGivenWhatItReads(_ input: InputKind, _ hasTable: Bool, _ hasMerges: Bool, _ message: String) throws {
        let table = hasTable ? try table() : nil, merges = hasMerges ? try merges() : nil
        let error = #expect(throws: ToolError.self) {
            try LoadedModel(encoder(input), name: "m", table: table, merges: merges, pool: pool)
        }
        #expect(error?.status == .usage && error?.description == message)
    }

    @Test func aModelIsGivenTheTableItWasTrainedWith() throws {
        let path = try table()
        let digest = hexadecimal(try EmbeddingTable(FileSource(path: path), pool: pool).digest)
        _ = try LoadedModel(encoder(tableDigest: digest), name: "m", table: path, merges: nil, pool: pool)
        let other = encoder(tableDigest: "0123456789abcdef")
        let error = #expect(throws: ToolError.self) { try LoadedModel(other, name: "m", table: path, merges: nil, pool: pool) }
        #expect(error?.status == .configuration)
        #expect(
            error?.description
                == "\(path): is not the table that the model was trained with; if its vectors come from the same source, say --other-table")
        _ = try LoadedModel(other, name: "m", table: path, takesOtherTable: true, merges: nil, pool: pool)
    }

    /// A table of vectors of another size is no table for the model whatever the user says.
    @Test func anotherDimensionIsRefused() throws {
        let path = try table(dimension: 4)
        let model = try LoadedModel(
            encoder(tableDigest: "0123456789abcdef"), name: "m", table: path, takesOtherTable: true, merges: nil, pool: pool)
        let error = #expect(throws: ToolError.self) { try model.stage(.all, to: SentenceCollector { _ in }) }
        #expect(error?.description == "\(path): has vectors of 4 numbers, and the model was trained on vectors of 5")
    }

    // MARK: Forms

    @Test(arguments: [
        (VectorForm(.text, storage: .float16), "v", nil, "--storage float16 is for binary forms, not for --format text"),
        (VectorForm(.npy, isFlushed: true), "v", nil, "--line-buffered needs --format json or text"),
        (VectorForm(), "v", "v", "--tokens and -o name the same file, v"),
        (VectorForm(.npy), "v.npy", "v.offsets.npy", "--tokens and -o name the same file, v.offsets.npy"),
        (VectorForm(.json), "-", "-", "--tokens and -o name the same file, standard output"),
        (VectorForm(.npy), "-", nil, "NumPy arrays begin with their size: --format npy needs -o FILE"),
        (VectorForm(.npyFolder), "-", nil, "--format npy-folder needs -o FOLDER"),
        (VectorForm(.hdf5), "-", nil, "HDF5 needs a file: --format hdf5 needs -o FILE"),
        (VectorForm(.json, isFlushed: true), "-", "t", nil), (VectorForm(.npy, storage: .float16), "v.npy", "t", nil),
    ] as [(VectorForm, String, String?, String?)])
    func formsThatCannotBe(_ form: VectorForm, _ output: String, _ tokens: String?, _ complaint: String?) {
        #expect(form.complaint(output: output, tokens: tokens) == complaint)
    }

    /// Encodes three sentences, one of them empty, and returns what is there before and after they are committed.
    private func write(_ form: VectorForm, to name: String, _ model: LoadedModel) throws -> (before: Set<String>, after: Set<String>) {
        let choice = LayerChoice.top
        let target = try form.open(output: directory.file(name), tokens: directory.file("tokens"))
        let writer = try target.writer(model, choice, tool: "test 1", pool: pool)
        let stage = try model.stage(choice, to: writer)
        for sentence in [["w0", "w1"], [], ["w2"]] { try stage.encode(sentence) }
        try stage.flush()
        try writer.finish()
        func visible() -> Set<String> {
            Set(["table", "tokens", "v", "v.offsets.npy"].filter { access(directory.file($0), F_OK) == 0 })
        }
        let before = visible()
        try target.commit()
        return (before, visible())
    }

    @Test(arguments: [
        (VectorForm.Format.shard, ["v"]), (.npy, ["v", "v.offsets.npy"]), (.npyFolder, ["v"]), (.json, ["v"]), (.text, ["v"]),
    ])
    func outputsAppearTogether(_ format: VectorForm.Format, _ names: [String]) throws {
        let model = try model()
        let (before, after) = try write(VectorForm(format), to: "v", model)
        #expect(before == ["table"])
        #expect(after == Set(names + ["table", "tokens"]))
        #expect(try contents(of: directory.file("tokens")) == Array("w0 w1\n\nw2\n".utf8))
        switch format {
        case .npyFolder:
            for number in 0..<3 { #expect(try contents(of: directory.file("v/\(number).npy")).starts(with: [0x93, 0x4E])) }
        case .npy: #expect(try contents(of: directory.file("v.offsets.npy")).count == 128 + 8 * 4)
        case .text: #expect(try contents(of: directory.file("v")).starts(with: "w0 ".utf8))
        case .json: #expect(try contents(of: directory.file("v")).starts(with: "{\"tokens\": [\"w0\", \"w1\"]".utf8))
        default: break
        }
    }

    /// The header of a shard says what made its vectors, and decides where they are searched.
    @Test func aShardKnowsItsModel() throws {
        let model = try model()
        _ = try write(VectorForm(), to: "v", model)
        let fields = try VectorShardReader(FileSource(path: directory.file("v")), pool: pool).header.fields
        #expect(fields["layer-choice"] == "top" && fields["model"] == model.digest && fields["pool"] == nil)
        #expect(fields["table"] == model.table.map { hexadecimal($0.table.digest) } && fields["precision"] == nil)
        let query = try MarkedSentence.parse("w0 [w1]")
        let found = try model.neighbours(of: query, count: 2, in: [directory.file("v")], pool: pool)
        #expect(found.first?.marked == "w0 [w1]" && found.first.map { abs($0.cosine - 1) < 1e-6 } == true)

        _ = try write(VectorForm(pooling: .mean), to: "pooled", model)
        let other = try LoadedModel(encoder(), name: "m", table: table("other", scale: 2), merges: nil, pool: pool)
        for (searched, path, complaint) in [
            (model, "pooled", "its vectors are not of this model's top layer; encode --layers top makes them"),
            (other, "v", "its vectors were made with another table than this one"),
        ] {
            let file = directory.file(path)
            let error = #expect(throws: ToolError.self) { try searched.neighbours(of: query, count: 2, in: [file], pool: pool) }
            #expect(error?.status == .configuration && error?.description == "\(file): \(complaint)")
        }
    }

    /// The plan is of the outputs as they are written.
    @Test(arguments: [VectorForm.Format.npy, .shard]) func thePlanIsTheSize(_ format: VectorForm.Format) throws {
        let model = try model(), form = VectorForm(format)
        _ = try write(form, to: "v", model)
        var input = InputSize()
        (input.sentences, input.emptySentences, input.tokens, input.wordBytes) = (3, 1, 3, 6)
        let plan = form.plan(
            input, layers: 1, width: model.encoder.layerWidth, output: directory.file("v"), tokens: directory.file("tokens"))
        let summary = try #require(plan.summary)
        let files = ["v", "tokens"] + (format == .npy ? ["v.offsets.npy"] : [])
        let size = try files.reduce(0) { $0 + (try contents(of: directory.file($1)).count) }
        let digits = summary.split(separator: " ").first { $0.first?.isNumber == true }.map { $0.filter(\.isNumber) }
        let planned = try #require(digits.flatMap { Int($0) })
        if format == .npy { #expect(planned == size) } else { #expect(planned >= size) }
    }
}
