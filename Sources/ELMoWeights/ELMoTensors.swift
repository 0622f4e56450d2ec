import Files
public import HDF5

/// The data sets of a file of weights in bilm-tf's layout, with the shapes that the options require.
struct ELMoTensors {
    private(set) var shapes: [(path: String, shape: [Int])] = []

    init(_ options: ELMoOptions) {
        let features = options.features, cell = options.cell, width = options.projection
        // The file does not contain the padding between sentences, which bilm-tf prepends when it reads the file.
        shapes.append(("/char_embed", [261, options.characterSize]))
        for (index, filter) in options.filters.enumerated() {
            shapes.append((Self.filter(index), [1, filter[0], options.characterSize, filter[1]]))
            shapes.append((Self.filterBias(index), [filter[1]]))
        }
        for index in 0..<options.highways {
            for part in ["carry", "transform"] {
                shapes.append((Self.highway(index, "W_\(part)"), [features, features]))
                shapes.append((Self.highway(index, "b_\(part)"), [features]))
            }
        }
        if options.projectsFeatures {
            shapes.append(("/CNN_proj/W_proj", [features, width]))
            shapes.append(("/CNN_proj/b_proj", [width]))
        }
        for direction in 0..<2 {
            for layer in 0..<options.layers {
                shapes.append((Self.layer(direction, layer, "W_0"), [2 * width, 4 * cell]))
                shapes.append((Self.layer(direction, layer, "B"), [4 * cell]))
                if options.projectsCells { shapes.append((Self.layer(direction, layer, "W_P_0"), [cell, width])) }
            }
        }
    }

    static func filter(_ index: Int) -> String { "/CNN/W_cnn_\(index)" }
    static func filterBias(_ index: Int) -> String { "/CNN/b_cnn_\(index)" }
    static func highway(_ index: Int, _ part: String) -> String { "/CNN_high_\(index)/\(part)" }
    static func layer(_ direction: Int, _ layer: Int, _ part: String) -> String {
        "/RNN_\(direction)/RNN/MultiRNNCell/Cell\(layer)/LSTMCell/\(part)"
    }

    /// Throws `ToolError` with status `dataError` for a data set that is missing, unknown, or of another shape. A softmax may be
    /// present, although encoding does not need it.
    func check(_ file: some WeightFile, _ options: ELMoOptions) throws {
        var remaining = file.shapes
        for (path, shape) in shapes {
            guard let found = remaining.removeValue(forKey: path) else {
                throw ToolError.data(file.name, "data set \(path)", "is missing: \(options.file) asks for it")
            }
            guard found == shape else {
                throw ToolError.data(
                    file.name, "data set \(path)", "has shape \(found), and must have \(shape) by \(options.file)")
            }
        }
        if let path = remaining.keys.filter({ !$0.contains("softmax") }).min() {
            throw ToolError.data(file.name, "data set \(path)", "is unknown to a model of \(options.file)")
        }
    }
}

/// A file of named tensors.
public protocol WeightFile {
    /// The name that the user gave.
    var name: String { get }
    /// Shapes of all tensors by path, such as `/CNN/W_cnn_0`.
    var shapes: [String: [Int]] { get }
    /// Returns the numbers of a tensor, row-major. Throws `ToolError` if they cannot be read as floats.
    func values(_ path: String) throws -> [Float]
}

extension HDF5File: WeightFile {
    /// Shapes of all data sets by path.
    public var shapes: [String: [Int]] {
        Dictionary(datasets.map { ($0.path, $0.shape) }, uniquingKeysWith: { first, _ in first })
    }
}
