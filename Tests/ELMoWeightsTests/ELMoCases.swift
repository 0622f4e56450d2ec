import ELMoWeights
import Files
import Glibc

/// Small models of bilm-tf's layout. Their weights are a wave, so that no file is needed: bilm-tf and AllenNLP were given the
/// same ones.
enum ELMoCase: String, CaseIterable {
    /// As published: two layers, two highway layers, bounds of 3.
    case plain
    /// One layer, tanh, bounds that are met at every step.
    case clipped
    /// No highway layers, three layers, no bounds.
    case deep
    /// tanh, no skip connections.
    case straight
    /// Three layers without skip connections, bounds that are met, the number of characters as training writes it.
    case straightClipped
    /// No projections, neither of the features nor of the cells; words of 20 characters; what may be left out is.
    case square

    var options: String {
        switch self {
        case .plain: Self.options(characters: "\"relu\", \"n_highway\": 2", "2, \"cell_clip\": 3, \"proj_clip\": 3")
        case .clipped: Self.options(characters: "\"tanh\", \"n_highway\": 1", "1, \"cell_clip\": 0.25, \"proj_clip\": 0.1")
        case .deep: Self.options(characters: "\"relu\", \"n_highway\": 0", "3, \"cell_clip\": null, \"proj_clip\": null")
        case .straight:
            Self.options(characters: "\"tanh\", \"n_highway\": 2", "2, \"cell_clip\": 3, \"proj_clip\": 3", skips: false)
        case .straightClipped:
            Self.options(
                characters: "\"relu\", \"n_highway\": 1", "3, \"cell_clip\": 0.3, \"proj_clip\": 0.1", skips: false,
                alphabet: 261)
        case .square:
            """
            {"lstm": {"dim": 12, "projection_dim": 12, "cell_clip": 0.3, "proj_clip": 0.1, "use_skip_connections": false},
             "char_cnn": {"activation": "tanh", "filters": [[1, 3], [2, 4], [3, 5]], "embedding": {"dim": 4},
                          "n_characters": 262, "max_characters_per_token": 20}, "n_epochs": 10, "bidirectional": true}
            """
        }
    }

    private static func options(characters: String, _ layers: String, skips: Bool = true, alphabet: Int = 262) -> String {
        """
        {"lstm": {"dim": 6, "projection_dim": 5, "use_skip_connections": \(skips), "n_layers": \(layers)},
         "char_cnn": {"activation": \(characters), "filters": [[1, 3], [2, 4], [3, 5]], "embedding": {"dim": 4},
                      "n_characters": \(alphabet), "max_characters_per_token": 50}}
        """
    }

    /// AllenNLP reads models with skip connections only, and with all projections.
    var programs: [ELMoReference.Program] {
        switch self {
        case .plain, .clipped, .deep: ELMoReference.Program.allCases
        case .straight, .straightClipped, .square: [.bilm]
        }
    }

    /// Letters of other scripts; a sentence of one word; marks in the text; a word that is cut within a letter; a sentence
    /// that has been there.
    static let sentences: [[String]] = [
        ["The", "b\u{e4}nk", "of", "the", "\u{6c34}", "\u{1f600}", "river", "."],
        ["Hello"],
        ["a", "<S>", "b", "</S>", "c"],
        ["Eine", String(repeating: "x", count: 47) + "\u{e9}" + String(repeating: "ylophon", count: 4), "zahl"],
        ["The", "b\u{e4}nk", "of", "the", "\u{6c34}", "\u{1f600}", "river", "."],
    ]

    func parsedOptions() throws -> ELMoOptions { try ELMoOptions(TextSource(options)) }
    func weights() throws -> WaveWeights { WaveWeights(try parsedOptions()) }
}

/// Options that are no file.
final class TextSource: ByteSource {
    let name = "options.json"
    private var bytes: ArraySlice<UInt8>

    init(_ text: String) { bytes = ArraySlice(text.utf8) }
    init(_ bytes: [UInt8]) { self.bytes = ArraySlice(bytes) }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let part = bytes.prefix(buffer.count)
        buffer.copyBytes(from: part)
        bytes = bytes.dropFirst(part.count)
        return part.count
    }
}

/// Weights by a formula: number i of a data set is a sin(i / 2 + 0.013 i² + phase), a being 0.6 in matrices and 0.3 in biases,
/// and the phase the sum of the path's bytes behind the first slash, each times its place from 1, modulo 1000.
struct WaveWeights: WeightFile {
    let name = "weights.hdf5"
    var shapes: [String: [Int]]
    /// One number to be replaced.
    var spoiled: (path: String, value: Float)?

    init(_ options: ELMoOptions) {
        let features = options.filters.reduce(0) { $0 + $1[1] }
        var shapes = ["/char_embed": [261, options.characterSize]]
        for (index, filter) in options.filters.enumerated() {
            shapes["/CNN/W_cnn_\(index)"] = [1, filter[0], options.characterSize, filter[1]]
            shapes["/CNN/b_cnn_\(index)"] = [filter[1]]
        }
        for index in 0..<options.highways {
            for part in ["carry", "transform"] {
                shapes["/CNN_high_\(index)/W_\(part)"] = [features, features]
                shapes["/CNN_high_\(index)/b_\(part)"] = [features]
            }
        }
        if features != options.projection {
            shapes["/CNN_proj/W_proj"] = [features, options.projection]
            shapes["/CNN_proj/b_proj"] = [options.projection]
        }
        for direction in 0..<2 {
            for layer in 0..<options.layers {
                let cell = "/RNN_\(direction)/RNN/MultiRNNCell/Cell\(layer)/LSTMCell"
                shapes["\(cell)/W_0"] = [2 * options.projection, 4 * options.cell]
                shapes["\(cell)/B"] = [4 * options.cell]
                if options.projection < options.cell { shapes["\(cell)/W_P_0"] = [options.cell, options.projection] }
            }
        }
        self.shapes = shapes
    }

    func values(_ path: String) -> [Float] {
        let shape = shapes[path] ?? []
        let sum = path.utf8.dropFirst().enumerated().reduce(0) { $0 + ($1.offset + 1) * Int($1.element) }
        let phase = Double(sum % 1000), scale = shape.count > 1 ? 0.6 : 0.3
        var values = (0..<shape.reduce(1, *)).map { index in
            let place = Double(index)
            return Float(scale * sin(0.5 * place + 0.013 * place * place + phase))
        }
        if let spoiled, spoiled.path == path { values[values.count / 2] = spoiled.value }
        return values
    }
}
