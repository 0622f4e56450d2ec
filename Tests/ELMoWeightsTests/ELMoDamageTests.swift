import ELMoWeights
import Files
import Layers
import Model
import Parallel
import Testing

/// Options and weights that make no network: one line that says where.
struct ELMoDamageTests {
    private static let good = """
        {"lstm": {"dim": 6, "projection_dim": 5, "use_skip_connections": true, "n_layers": 2, "cell_clip": 3, "proj_clip": null},
         "char_cnn": {"activation": "relu", "filters": [[1, 3], [2, 4]], "n_highway": 1, "embedding": {"dim": 4},
                      "n_characters": 262, "max_characters_per_token": 50}}
        """

    @Test(arguments: [
        ("\"dim\": 6", "\"dim\": -6", "field lstm.dim: is -6, and must be from 1 to 65536"),
        ("\"dim\": 6", "\"dim\": 0", "field lstm.dim: is 0, and"),
        ("\"dim\": 6", "\"dim\": 1e300", "field lstm.dim: is 1e+300, and"),
        ("\"dim\": 6", "\"dim\": 6.5", "field lstm.dim: is 6.5, and must be a whole number"),
        ("\"dim\": 6", "\"dim\": \"6\"", "field lstm.dim: is \"6\", and must be a whole number"),
        ("\"dim\": 6", "\"dim\": true", "field lstm.dim: is true, and"),
        ("\"dim\": 6", "\"dim\": null", "field lstm.dim: is null, and"),
        ("\"dim\": 6, ", "", "field lstm.dim: is missing"),
        ("\"dim\": 6", "\"dim\": 6, \"peephole\": true", "field lstm.peephole: is unknown"),
        ("\"projection_dim\": 5", "\"projection_dim\": 7", "field lstm.projection_dim: is 7, and may not be above dim, 6"),
        ("\"projection_dim\": 5, ", "", "field lstm.projection_dim: is missing"),
        ("\"n_layers\": 2", "\"n_layers\": 65", "field lstm.n_layers: is 65, and"),
        ("\"n_layers\": 2", "\"n_layers\": []", "field lstm.n_layers: is a list, and"),
        ("\"cell_clip\": 3", "\"cell_clip\": 0", "field lstm.cell_clip: is 0, and must be above 0"),
        ("\"cell_clip\": 3", "\"cell_clip\": -3", "field lstm.cell_clip: is -3, and"),
        ("\"cell_clip\": 3", "\"cell_clip\": 1e30", "field lstm.cell_clip: is 1e+30, and"),
        ("\"proj_clip\": null", "\"proj_clip\": \"none\"", "field lstm.proj_clip: is \"none\", and must be a number"),
        ("_connections\": true", "_connections\": 1", "field lstm.use_skip_connections: is 1, and must be true or false"),
        ("\"lstm\"", "\"gru\"", "field gru: is unknown"),
        ("{\"lstm\": {", "{\"a\": {", "field a: is unknown"),
        ("\"relu\"", "\"gelu\"", "field char_cnn.activation: is \"gelu\", and must be relu or tanh"),
        ("\"activation\": \"relu\", ", "", "field char_cnn.activation: is missing"),
        ("\"relu\"", "1", "field char_cnn.activation: is 1, and must be a word"),
        ("[[1, 3], [2, 4]]", "[]", "field char_cnn.filters: is a list, and must be a list of pairs"),
        ("[[1, 3], [2, 4]]", "[[1, 3], 2]", "field char_cnn.filters[1]: is 2, and must be a pair of numbers"),
        ("[[1, 3], [2, 4]]", "[[1, 3], [2, 4, 5]]", "field char_cnn.filters[1]: is a list, and"),
        ("[[1, 3], [2, 4]]", "[[51, 3]]", "field char_cnn.filters[0][0]: is 51, and must be from 1 to 50"),
        ("[[1, 3], [2, 4]]", "[[1, 0]]", "field char_cnn.filters[0][1]: is 0, and"),
        ("[[1, 3], [2, 4]]", "[[2, 3], [2, 4]]", "field char_cnn.filters[1][0]: is 2, a width that has stood before"),
        ("\"n_highway\": 1", "\"n_highway\": -1", "field char_cnn.n_highway: is -1, and must be from 0 to 64"),
        ("{\"dim\": 4}", "{\"dim\": 4097}", "field char_cnn.embedding.dim: is 4097, and"),
        ("{\"dim\": 4}", "{}", "field char_cnn.embedding.dim: is missing"),
        ("{\"dim\": 4}", "4", "field char_cnn.embedding: is 4, and must be an object"),
        ("{\"dim\": 4}", "{\"dim\": 4, \"file\": \"x\"}", "field char_cnn.embedding.file: is unknown"),
        ("262", "256", "field char_cnn.n_characters: is 256, and must be from 261 to 262"),
        ("per_token\": 50", "per_token\": 2", "field char_cnn.max_characters_per_token: is 2, and must be from 3 to 1024"),
        ("\"char_cnn\"", "\"token_embedding\"", "field token_embedding: is there: this model reads whole words, and"),
        ("{\"lstm\"", "{\"char_cnn2\": 1, \"lstm\"", "field char_cnn2: is unknown"),
        ("50}}", "50}", "is not JSON"),
        ("{\"lstm\"", "[1, 2] {\"lstm\"", "is not JSON"),
    ]) func options(_ old: String, _ new: String, _ expected: String) throws {
        let text = Self.good.replacing(old, with: new, maxReplacements: 1)
        #expect(text != Self.good)
        expectError("options.json: \(expected)") { _ = try ELMoOptions(TextSource(text)) }
    }

    @Test func optionsThatAreNone() throws {
        _ = try ELMoOptions(TextSource(Self.good))
        expectError("options.json: is not JSON") { _ = try ELMoOptions(TextSource("")) }
        expectError("options.json: is not a JSON object, but a list") { _ = try ELMoOptions(TextSource("[1]")) }
        expectError("options.json: is not UTF-8") { _ = try ELMoOptions(TextSource([0x7B, 0xFF, 0x7D])) }
        expectError("options.json: field char_cnn: is missing: this model reads whole words") {
            _ = try ELMoOptions(TextSource(#"{"lstm": {"dim": 3, "projection_dim": 3}, "n_tokens_vocab": 9}"#))
        }
        expectError("options.json: is not JSON") {
            _ = try ELMoOptions(TextSource(String(repeating: "[", count: 100_000)))
        }
        expectError("options.json: is longer than 1 MiB") {
            _ = try ELMoOptions(TextSource(Self.good + String(repeating: " ", count: 1 << 20)))
        }
        #expect(throws: ToolError.self) { _ = try ELMoOptions(openInput("/nonexistent/options.json")) }
    }

    @Test(arguments: [
        ("/char_embed", [262, 4], "has shape [262, 4], and must have [261, 4] by options.json"),
        ("/char_embed", [261 * 4], "has shape [1044], and must have [261, 4]"),
        ("/CNN/W_cnn_1", [2, 4, 4], "has shape [2, 4, 4], and must have [1, 2, 4, 4]"),
        ("/CNN/b_cnn_2", nil, "is missing: options.json asks for it"),
        ("/CNN/b_cnn_3", [5], "is unknown to a model of options.json"),
        ("/CNN_high_1/W_carry", [12, 11], "has shape [12, 11]"),
        ("/CNN_high_2/W_carry", [12, 12], "is unknown"),
        ("/CNN_proj/b_proj", nil, "is missing"),
        ("/RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/W_0", [11, 24], "has shape [11, 24], and must have [10, 24]"),
        ("/RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_P_0", [5, 6], "has shape [5, 6], and must have [6, 5]"),
        ("/RNN_0/RNN/MultiRNNCell/Cell2/LSTMCell/B", [24], "is unknown"),
        ("/embedding", [100, 5], "is unknown"),
    ] as [(String, [Int]?, String)]) func weights(_ path: String, _ shape: [Int]?, _ expected: String) throws {
        var weights = try ELMoCase.plain.weights()
        weights.shapes[path] = shape
        expectError("weights.hdf5: data set \(path): \(expected)") { try read(.plain, weights) }
    }

    /// Where projections are left out, they may not be there either.
    @Test(arguments: ["/CNN_proj/W_proj", "/RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_P_0"])
    func projections(_ path: String) throws {
        var weights = try ELMoCase.square.weights()
        weights.shapes[path] = [12, 12]
        expectError("weights.hdf5: data set \(path): is unknown") { try read(.square, weights) }
    }

    @Test func numbersThatAreNone() throws {
        for path in try ELMoCase.plain.weights().shapes.keys {
            var weights = try ELMoCase.plain.weights()
            weights.spoiled = (path, path.count % 2 == 0 ? .nan : .infinity)
            expectError("weights.hdf5: data set \(path): holds a number that is not finite") { try read(.plain, weights) }
        }
    }

    /// Nothing of a size that the file does not have is allocated.
    @Test func enormousOptions() throws {
        let text = Self.good.replacing("\"dim\": 6", with: "\"dim\": 65536").replacing("[2, 4]", with: "[2, 65536]")
        let options = try ELMoOptions(TextSource(text)), weights = try ELMoCase.plain.weights()
        expectError("weights.hdf5: data set /CNN/W_cnn_1: has shape [1, 2, 4, 4], and must have [1, 2, 4, 65536]") {
            _ = try ELMoWeights.read(
                options: options, weights: weights, capacity: WindowCapacity(batch: 128, rows: 4096),
                pool: ThreadPool(threads: 1))
        }
    }

    /// A softmax in the file is nothing that encoding needs.
    @Test func softmaxIsPassedOver() throws {
        var weights = try ELMoCase.plain.weights()
        weights.shapes["/softmax/W"] = [100, 5]
        weights.shapes["/softmax/b"] = [100]
        try read(.plain, weights)
    }

    private func read(_ model: ELMoCase, _ weights: WaveWeights) throws {
        _ = try ELMoWeights.read(
            options: model.parsedOptions(), weights: weights, capacity: WindowCapacity(batch: 1, rows: 1),
            pool: ThreadPool(threads: 1))
    }

    private func expectError(_ beginning: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void) {
        let error = #expect(throws: ToolError.self, sourceLocation: sourceLocation, performing: body)
        guard let error else { return }
        #expect(error.description.hasPrefix(beginning), "\(error)", sourceLocation: sourceLocation)
        #expect(error.status == .dataError && !error.description.contains("\n"), sourceLocation: sourceLocation)
    }
}
