import Files
import Kernels
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
            let values = UnsafeBufferPointer(start: parameters.value(parameter).start, count: parameter.count)
            try body("mimick.\(parameter.name)", parameter.shape, values)
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
            try tensors.values("mimick.\($0.name)", shape: $0.shape, file: file).values
        }
        let parameters = ParameterStore(network.layout, training: nil)
        for (parameter, values) in zip(network.layout.parameters, stored) {
            values.withUnsafeBufferPointer {
                if let start = $0.baseAddress { parameters.value(parameter).start.update(from: start, count: $0.count) }
            }
        }
        self.init(
            network, parameters, characters: characters,
            standard: TargetStandard(mean: mean, scale: standard[0], norm: standard[1], isDirection: standard[2] != 0))
    }
}
