import Encoding
import Files
@_spi(HostMemory) import Kernels
import Layers
import Model
import Parallel
import Probing
import Testing

struct ProbeFeaturesTests {
    @Test func standardisedByTheRowsOfTheReference() {
        let (training, test) = (ProbeFeatures(tokens: 4, layers: 2, width: 33), ProbeFeatures(tokens: 2, layers: 2, width: 33))
        for row in 0..<4 {
            for column in 0..<66 { training.matrix.row(row)[column] = column == 65 ? 0.1 : Float(column + row * (column + 1)) }
        }
        // Of the first three rows, column c has the mean 2 c + 1 and the deviation sqrt(2 / 3) (c + 1).
        for column in 0..<66 {
            test.matrix.row(0)[column] = Float(2 * column + 1)
            test.matrix.row(1)[column] = Float(3 * column + 2)
        }
        ProbeFeatures.standardise([training, test], by: training, rows: [0, 1, 2], ProcessorBackend(pool: ThreadPool(threads: 2)))
        let unit: Float = 1.2247449
        for column in 0..<65 {
            for (row, expected) in [-unit, 0, unit, 2 * unit].enumerated() {
                #expect(abs(training.matrix.row(row)[column] - expected) < 1e-5)
            }
            #expect(abs(test.matrix.row(0)[column]) < 1e-5 && abs(test.matrix.row(1)[column] - unit) < 1e-5)
        }
        // A column without deviation says nothing.
        #expect((0..<4).allSatisfy { training.matrix.row($0)[65] == 0 } && test.matrix.row(0)[65] == 0)
    }

    @Test func moreThanTheMemoryHolds() throws {
        try ProbeFeatures.check(tokens: 1000, layers: 3, width: 256, name: "m", available: 3_072_000)
        let error = #expect(throws: ToolError.self) {
            try ProbeFeatures.check(tokens: 1001, layers: 3, width: 256, name: "m", available: 3_072_000)
        }
        #expect(error?.status == .usage && error?.description.hasPrefix("m: 3 x 256 numbers for each of 1001 tokens") == true)
        #expect(error?.description.hasSuffix("--sentences takes fewer") == true)
    }

    @Test func vectorsOfATable() throws {
        let table = try table([("the", [1, 2]), ("alps", [3, 4])])
        let features = try ProbeSystem.words(table, name: "table").features(of: labelled(["The/O Alps/I-LOC x/O", "the/O"]))
        #expect(features.tokens == 4 && features.layers == 1 && features.width == 2)
        let expected: [[Float]] = [[1, 2], [3, 4], [0, 0], [1, 2]]
        for (row, values) in expected.enumerated() { #expect((0..<2).map { features.matrix.row(row)[$0] } == values) }
    }

    /// A table with capitals is asked for words as they are.
    @Test func aTableWithCapitals() throws {
        let table = try table([("the", [1, 2]), ("Alps", [3, 4]), ("alps", [5, 6])])
        let features = try ProbeSystem.words(table, name: "table").features(of: labelled(["The/O Alps/I-LOC"]))
        #expect(features.matrix.row(0)[0] == 0 && features.matrix.row(1)[0] == 3)
    }

    @Test func aTableThatIsNotOfNumbers() throws {
        for value in [Float.nan, .infinity] {
            let table = try table([("the", [1, 2]), ("alps", [3, value])])
            let error = #expect(throws: ToolError.self) {
                try ProbeSystem.words(table, name: "my.table").features(of: labelled(["the/O the/O", "alps/I-LOC"]))
            }
            #expect(error?.status == .dataError && error?.description.contains("table: ") == true, "\(error?.description ?? "")")
        }
    }

    /// Weights are numbers, and what they make of vectors is not.
    @Test func anEncoderThatOverflows() throws {
        var configuration = EncoderConfiguration(vectorSize: 2, cell: 4, projection: 2)
        configuration.lstm.layerNorm = false
        let encoder = ContextualEncoder(
            configuration, capacity: SentenceEncoder.capacity, training: nil, pool: ThreadPool(threads: 1))
        encoder.initialize(seed: 1)
        let table = try table([("<s>", [0, 0]), ("</s>", [0, 0]), ("the", [0, 0]), ("alps", [3, 4])])
        let system = ProbeSystem.encoder(encoder, name: "my.model", table: (table, "table"), merges: nil)
        #expect(try system.features(of: labelled(["the/O alps/I-LOC"])).layers == 3)
        for store in encoder.stores { store.values.fill(3e38) }
        let error = #expect(throws: ToolError.self) { try system.features(of: labelled(["the/O the/O", "alps/I-LOC"])) }
        #expect(error?.status == .dataError && error?.description.hasPrefix("my.model: the vector of '") == true)
    }

    @Test func formsOfWords() {
        var configuration = EncoderConfiguration(vectorSize: 2, cell: 4, projection: 2)
        configuration.tokenizer = "mode=penn lowercase=true normalize=nfkc"
        var forms = WordForms(configuration)
        // Penn's rules would cut the first two, normalisation the third.
        for (word, form) in [
            ("Don't", "don't"), ("U.S.,", "u.s.,"), ("1\u{A0}0", "10"), ("\u{FB01}N", "fin"), ("\u{A0}", "\u{A0}"),
        ] {
            #expect(forms.form(of: word) == form && forms.form(of: word) == form)
        }
        configuration.tokenizer = "mode=penn lowercase=false normalize=none"
        var others = WordForms(configuration)
        #expect(others.form(of: "\u{FB01}N") == "\u{FB01}N")
    }
}
