import Files
import Kernels
public import Shards

/// The tensors of a table as they come from its shard, and the generator made of them.
struct GeneratorTensors {
    private var tensors: [String: (shape: [Int], values: [Float])] = [:]

    /// Takes the next piece of a tensor; pieces must follow one another.
    mutating func append(_ piece: TableShardReader.TensorPiece, file: String) throws {
        var tensor = tensors.removeValue(forKey: piece.name) ?? (piece.shape, [])
        guard piece.shape == tensor.shape, piece.offset == tensor.values.count else {
            throw ToolError.data(file, "tensor \(piece.name)", "its pieces are missing, repeated or out of order")
        }
        piece.withValues { tensor.values.append(contentsOf: $0) }
        tensors[piece.name] = tensor
    }

    /// A tensor that must be there, whole, with this shape where one is given.
    func values(_ name: String, shape: [Int]? = nil, file: String) throws -> (shape: [Int], values: [Float]) {
        guard let tensor = tensors[name], tensor.shape.reduce(1, *) == tensor.values.count,
            shape == nil || tensor.shape == shape
        else { throw ToolError.data(file, "tensor \(name)", "is missing, not whole or of the wrong shape") }
        return tensor
    }

    /// The generator that a table's header names; `nil` if it has none.
    func generator(_ fields: ShardFields, dimension: Int, file: String) throws -> (any OutOfVocabularyGenerator)? {
        switch fields["generator"] {
        case nil, "none": return nil
        case "mimick": return try MimickModel(self, dimension: dimension, file: file)
        case "ngrams": return try NGramGenerator(self, fields, dimension: dimension, file: file)
        case .some(let other):
            throw ToolError.data(file, "", "the table's generator \"\(other)\" is not known to this version")
        }
    }
}

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

extension NGramGenerator {
    public var source: VectorSource { .ngrams }

    public var fields: ShardFields {
        [
            "generator": "ngrams",
            "ngrams": "\(hash.minimum) \(hash.maximum) \(hash.buckets) \(rows.count) \(prunedBuckets?.count ?? -1)",
        ]
    }

    /// Rows in a tensor: a matrix of gigabytes is written and read in pieces of some megabytes.
    private static func chunk(_ dimension: Int) -> Int { max(1, (1 << 22) / dimension) }

    public func forEachTensor(_ body: (String, [Int], UnsafeBufferPointer<Float>) throws -> Void) throws {
        let chunk = Self.chunk(dimension)
        for (number, first) in stride(from: 0, to: rows.count, by: chunk).enumerated() {
            let copy = RowMatrix(count: min(chunk, rows.count - first), dimension: dimension)
            for row in 0..<copy.count { rows.add(first + row, to: copy.row(row)) }
            try body("ngrams.rows.\(number)", [copy.count, dimension], UnsafeBufferPointer(copy.elements))
        }
        if let prunedBuckets {
            // Halves of 16 bits, which Float32 holds exactly.
            let pairs = prunedBuckets.sorted { $0.key < $1.key }.flatMap { key, value in
                [key >> 16, key & 0xFFFF, value >> 16, value & 0xFFFF].map { Float($0) }
            }
            try pairs.withUnsafeBufferPointer { try body("ngrams.pruned", [pairs.count / 4, 4], $0) }
        }
    }

    convenience init(_ tensors: GeneratorTensors, _ fields: ShardFields, dimension: Int, file: String) throws {
        let numbers = (fields["ngrams"] ?? "").split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 5, numbers[0] >= 0, numbers[1] >= 1, numbers[2] >= 1, numbers[2] <= Int(Int32.max),
            numbers[3] >= 0, let rows = RowMatrix(claimed: numbers[3], dimension: dimension)
        else { throw ToolError.data(file, "", "the table's description of its n-grams cannot be") }
        let chunk = Self.chunk(dimension)
        for (number, first) in stride(from: 0, to: rows.count, by: chunk).enumerated() {
            let count = min(chunk, rows.count - first)
            let values = try tensors.values("ngrams.rows.\(number)", shape: [count, dimension], file: file).values
            values.withUnsafeBufferPointer {
                guard let start = $0.baseAddress else { return }
                (rows.pointer + first * dimension).update(from: start, count: $0.count)
            }
        }
        var pruned: [Int32: Int32]?
        if numbers[4] >= 0 {
            let halves = try tensors.values("ngrams.pruned", shape: [numbers[4], 4], file: file).values
            guard halves.allSatisfy({ $0 >= 0 && $0 < 65536 }) else {
                throw ToolError.data(file, "tensor ngrams.pruned", "holds numbers that cannot be")
            }
            var index: [Int32: Int32] = [:]
            for entry in 0..<numbers[4] {
                let halves = halves[(4 * entry)..<(4 * entry + 4)].map { UInt32($0) }
                index[Int32(bitPattern: halves[0] << 16 | halves[1])] = Int32(bitPattern: halves[2] << 16 | halves[3])
            }
            pruned = index
        }
        guard pruned.map({ $0.values.allSatisfy { $0 >= 0 && $0 < rows.count } }) ?? (rows.count >= numbers[2]) else {
            throw ToolError.data(file, "tensor ngrams.rows", "has fewer rows than the n-grams need")
        }
        self.init(
            hash: SubwordHash(minimum: numbers[0], maximum: numbers[1], buckets: numbers[2]), prunedBuckets: pruned,
            rows: UnalignedRows(
                bytes: UnsafeRawBufferPointer(UnsafeBufferPointer(rows.elements)), count: rows.count,
                dimension: dimension, owner: rows))
    }
}
