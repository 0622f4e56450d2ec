import Files
import HDF5
import Kernels
public import Layers
public import Model
public import Parallel

/// Reader of ELMo's published weights (Peters et al. 2018; bilm-tf) into Contour's network. docs/elmo.md describes the layout.
public enum ELMoWeights {
    /// Returns the encoder defined by an options file and an HDF5 file of weights, with memory for batches of `capacity`. It has no
    /// output layer.
    ///
    /// Throws `ToolError`: what `ELMoOptions` and `HDF5File` throw for unreadable files, and `dataError` for a data set that is
    /// missing, unknown, of another shape than the options require, or that contains a number that is not finite.
    public static func read(
        options: String, weights: String, capacity: WindowCapacity, pool: ThreadPool
    ) throws -> ContextualEncoder {
        let options = try ELMoOptions(openInput(options))
        return try read(options: options, weights: HDF5File(path: weights), capacity: capacity, pool: pool)
    }

    /// Returns the encoder for options already read and any file of tensors.
    public static func read(
        options: ELMoOptions, weights file: some WeightFile, capacity: WindowCapacity, pool: ThreadPool
    ) throws -> ContextualEncoder {
        // Check before memory is allocated.
        try ELMoTensors(options).check(file, options)
        let configuration = options.configuration
        if let complaint = configuration.complaint { throw ToolError.data(options.file, "", complaint) }
        let encoder = ContextualEncoder(configuration, capacity: capacity, training: nil, pool: pool)
        try Loader(options, file, encoder).load()
        return encoder
    }
}

/// Copies the data sets, rearranged for Contour's layers.
private struct Loader<File: WeightFile> {
    private let options: ELMoOptions
    private let file: File
    private let encoder: ContextualEncoder
    private let parameters: [String: Matrix]

    init(_ options: ELMoOptions, _ file: File, _ encoder: ContextualEncoder) {
        self.options = options
        self.file = file
        self.encoder = encoder
        parameters = Dictionary(
            uniqueKeysWithValues: encoder.stores.flatMap { store in
                store.layout.parameters.map { ($0.name, store.value($0)) }
            })
    }

    func load() throws {
        try copy("/char_embed", to: "input.characters")
        for (index, filter) in options.filters.enumerated() {
            try loadFilter(index, width: filter[0])
            try copy(ELMoTensors.filterBias(index), to: "input.width\(filter[0]).bias")
        }
        for index in 0..<options.highways {
            for (theirs, ours) in [("carry", "gate"), ("transform", "transform")] {
                try copy(ELMoTensors.highway(index, "W_\(theirs)"), to: "input.highway\(index + 1).\(ours).weight")
                try copy(ELMoTensors.highway(index, "b_\(theirs)"), to: "input.highway\(index + 1).\(ours).bias")
            }
        }
        if options.projectsFeatures {
            try copy("/CNN_proj/W_proj", to: "input.projection.weight")
            try copy("/CNN_proj/b_proj", to: "input.projection.bias")
        } else {
            setIdentity()
        }
        for (number, model) in encoder.directions.enumerated() {
            for layer in 0..<options.layers { try loadLayer(number, layer, "\(model.direction.rawValue).layer\(layer + 1)") }
        }
    }

    /// Their filters are [1, width, characterSize, count], ours [count, width * characterSize].
    private func loadFilter(_ index: Int, width: Int) throws {
        let values = try values(ELMoTensors.filter(index)), target = parameter("input.width\(width).weight")
        target.copy(
            from: (0..<values.count).map { values[$0 % target.columns * target.rows + $0 / target.columns] })
    }

    private func setIdentity() {
        let weight = parameter("input.projection.weight")
        weight.fill(0)
        for index in 0..<weight.rows { weight.rows(index..<index + 1).columns(index..<index + 1).fill(1) }
        parameter("input.projection.bias").fill(0)
    }

    /// One matrix holds the rows of the input above those of the state.
    private func loadLayer(_ direction: Int, _ layer: Int, _ name: String) throws {
        let weights = try values(ELMoTensors.layer(direction, layer, "W_0"))
        var first = 0
        for matrix in [parameter("\(name).input.weight"), parameter("\(name).recurrent.weight")] {
            for row in 0..<matrix.rows {
                matrix.rows(row..<row + 1).copy(from: gates(weights[first..<first + matrix.columns]))
                first += matrix.columns
            }
        }
        var bias = gates(try values(ELMoTensors.layer(direction, layer, "B"))[...])
        // TensorFlow's cell adds 1 when it runs.
        for index in options.cell..<2 * options.cell { bias[index] += 1 }
        parameter("\(name).bias").copy(from: bias)
        if options.projectsCells { try copy(ELMoTensors.layer(direction, layer, "W_P_0"), to: "\(name).projection.weight") }
    }

    /// Reorders the gates of a row from input, candidate, forget, output (TensorFlow) to input, forget, candidate, output.
    private func gates(_ row: ArraySlice<Float>) -> [Float] {
        [0, 2, 1, 3].flatMap { row.dropFirst($0 * options.cell).prefix(options.cell) }
    }

    private func copy(_ path: String, to name: String) throws { parameter(name).copy(from: try values(path)) }

    private func values(_ path: String) throws -> [Float] {
        let values = try file.values(path)
        guard values.allSatisfy(\.isFinite) else { throw ToolError.data(file.name, "data set \(path)", "holds a number that is not finite") }
        return values
    }

    private func parameter(_ name: String) -> Matrix {
        guard let matrix = parameters[name] else { preconditionFailure("\(name) is no parameter of the encoder") }
        return matrix
    }
}
