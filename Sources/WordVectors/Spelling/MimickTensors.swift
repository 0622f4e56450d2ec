import Files
import Kernels
public import Shards

/// How a MIMICK model travels in a table.
extension MimickModel {
    public var source: VectorSource { .mimick }
    public var fields: ShardFields { ["generator": "mimick"] }

    public func forEachTensor(_ body: (String, [Int], UnsafeBufferPointer<Float>) throws -> Void) throws {
        // Unicode scalars are below 2^21, so Float32 holds them exactly.
        try characters.scalars.map { Float($0) }.withUnsafeBufferPointer {
            try body("mimick.characters", [$0.count], $0)
        }
        try standard.mean.withUnsafeBufferPointer { try body("mimick.mean", [$0.count], $0) }
        try [standard.scale, standard.norm].withUnsafeBufferPointer { try body("mimick.standard", [2], $0) }
        for (name, shape, values) in parameters.named {
            let values = UnsafeBufferPointer(start: values.start, count: values.rows * values.columns)
            try body("mimick.\(name)", shape, values)
        }
    }

    convenience init(_ tensors: GeneratorTensors, dimension: Int, file: String) throws {
        let scalars = try tensors.values("mimick.characters", file: file).values
        guard scalars.allSatisfy({ $0 >= 0 && $0 <= 0x10FFFF }),
            zip(scalars, scalars.dropFirst()).allSatisfy({ $0 < $1 })
        else { throw ToolError.data(file, "tensor mimick.characters", "does not hold characters in order") }
        let characters = CharacterTable(scalars: scalars.map { UInt32($0) })
        let embedding = try tensors.values("mimick.embedding", file: file).shape
        let recurrent = try tensors.values("mimick.forward.recurrent", file: file).shape
        let mean = try tensors.values("mimick.mean", shape: [dimension], file: file).values
        let standard = try tensors.values("mimick.standard", shape: [2], file: file).values
        guard embedding.count == 2, embedding[0] == characters.count, embedding[1] > 0, recurrent.count == 2,
            recurrent[1] > 0, standard[0] > 0
        else { throw ToolError.data(file, "tensor mimick.embedding", "has the wrong shape") }
        // The largest tensor first: no memory is taken for shapes that the table does not hold.
        _ = try tensors.values("mimick.output.weight", shape: [dimension, dimension], file: file)
        let parameters = MimickParameters(
            MimickShape(
                characters: characters.count, embedding: embedding[1], hidden: recurrent[1], dimension: dimension))
        for (name, shape, values) in parameters.named {
            let stored = try tensors.values("mimick.\(name)", shape: shape, file: file).values
            stored.withUnsafeBufferPointer {
                if let start = $0.baseAddress { values.start.update(from: start, count: $0.count) }
            }
        }
        self.init(
            parameters: parameters, characters: characters,
            standard: TargetStandard(mean: mean, scale: standard[0], norm: standard[1]))
    }
}
