import Files
@_spi(HostMemory) import Kernels
import Layers
public import Shards

/// How a MIMICK model travels in a table.
extension MimickModel {
    public var source: VectorSource { .mimick }
    public var fields: ShardFields { ["generator": "mimick", "mimick": network.shape.text] }

    public func forEachTensor(_ body: (String, [Int], UnsafeBufferPointer<Float>) throws -> Void) throws {
        // Unicode scalars are below 2^21, so Float32 holds them exactly.
        try characters.scalars.map { Float($0) }.withUnsafeBufferPointer {
            try body("mimick.characters", [$0.count], $0)
        }
        try standard.mean.withUnsafeBufferPointer { try body("mimick.mean", [$0.count], $0) }
        try [standard.scale, standard.norm, standard.isDirection ? 1 : 0].withUnsafeBufferPointer {
            try body("mimick.standard", [3], $0)
        }
        for parameter in network.layout.parameters {
            let shape = network.storedShape(parameter)
            var values = Array(parameters.value(parameter).floats)
            if shape != parameter.shape { values = transposed(values, rows: parameter.shape[0]) }
            try values.withUnsafeBufferPointer { try body("mimick.\(parameter.name)", shape, $0) }
        }
    }

    convenience init(_ tensors: GeneratorTensors, _ fields: ShardFields, dimension: Int, file: String) throws {
        let scalars = try tensors.values("mimick.characters", file: file).values
        guard scalars.allSatisfy({ $0 >= 0 && $0 <= 0x10FFFF }),
            zip(scalars, scalars.dropFirst()).allSatisfy({ $0 < $1 })
        else { throw ToolError.data(file, "tensor mimick.characters", "does not hold characters in order") }
        let characters = CharacterTable(scalars: scalars.map { UInt32($0) })
        let mean = try tensors.values("mimick.mean", shape: [dimension], file: file).values
        let standard = try tensors.values("mimick.standard", shape: [3], file: file).values
        guard let shape = MimickShape(fields["mimick"] ?? "", dimension: dimension), shape.characters == characters.count,
            standard[0] > 0
        else { throw ToolError.data(file, "", "the table's description of its character model cannot be") }
        let network = MimickNetwork(shape)
        // All tensors before any memory: none is taken for shapes that the table does not hold.
        let stored = try network.layout.parameters.map {
            try tensors.values("mimick.\($0.name)", shape: network.storedShape($0), file: file).values
        }
        let backend = Compute(), parameters = ParameterStore(network.layout, training: nil, backend: backend)
        for (parameter, values) in zip(network.layout.parameters, stored) {
            let shape = network.storedShape(parameter)
            backend.write(
                shape == parameter.shape ? values : transposed(values, rows: shape[0]), to: parameters.value(parameter))
        }
        self.init(
            network, parameters, characters: characters,
            standard: TargetStandard(mean: mean, scale: standard[0], norm: standard[1], isDirection: standard[2] != 0))
    }
}

extension MimickNetwork {
    /// The shape of a parameter's tensor in a file: filters lie there as [width * inputs, count].
    fileprivate func storedShape(_ parameter: Parameter) -> [Int] {
        (reader as? ConvolutionEncoder)?.filterWeights.contains(parameter) == true
            ? parameter.shape.reversed() : parameter.shape
    }
}

/// The transpose of a matrix of so many rows.
private func transposed(_ values: [Float], rows: Int) -> [Float] {
    let columns = values.count / rows
    return values.indices.map { values[$0 % rows * columns + $0 / rows] }
}
