import Files
public import Kernels
import Layers
import Parallel
public import Shards
import Synchronization

/// Vectors from spelling: the character model MIMICK (Pinter, Guthrie and Eisenstein 2017), fitted to words that have a vector,
/// then applied to those that have none.
///
/// The network predicts directions: unit vectors minus their mean, scaled to unit variance. A generated vector reverses that, times
/// the mean norm of the vectors it was fitted to.
public final class MimickModel: OutOfVocabularyGenerator, @unchecked Sendable {
    /// Size of a vector.
    public var dimension: Int { network.shape.dimension }
    private let network: MimickNetwork
    private let parameters: ParameterStore
    private let characters: CharacterTable
    private let standard: DirectionStandard
    /// Idle workspaces.
    private let spare = Mutex<[MimickWorkspace]>([])

    init(_ network: MimickNetwork, _ parameters: ParameterStore, characters: CharacterTable, standard: DirectionStandard) {
        self.network = network
        self.parameters = parameters
        self.characters = characters
        self.standard = standard
    }

    /// Writes the vector of `word` to `row` [1, dimension]; returns false for a word without characters.
    public func vector(for word: UnsafeRawBufferPointer, into row: Matrix) -> Bool {
        let spelling = WordSpellings(word).numbered(by: characters)
        guard spelling.length(0) > 0 else { return false }
        predict(spelling, [0]) { _, values in standard.restore(values, into: row) }
        return true
    }

    /// Makes vectors in batches of words of equal length, on all threads.
    public func fill(_ ids: [Int], of words: WordTable, into rows: RowMatrix, threads: Int) -> [Bool] {
        let spellings = WordSpellings(words, ids: ids).numbered(by: characters), groups = spellings.groups(Array(ids.indices))
        ThreadPool(threads: threads).forEach(groups.count) { number in
            predict(spellings, groups[number]) { index, values in
                standard.restore(values, into: rows.row(ids[index]))
            }
        }
        return ids.indices.map { spellings.length($0) > 0 }
    }

    /// Calls `body` with each index of the group and the network's output for it, [1, dimension].
    private func predict(_ spellings: WordSpellings, _ group: [Int], _ body: (Int, Matrix) -> Void) {
        let workspace = spare.withLock { $0.popLast() } ?? MimickWorkspace(network, parameters, ProcessorBackend())
        workspace.take(group, of: spellings)
        let result = workspace.predict()
        for (row, index) in group.enumerated() { body(index, result.rows(row..<row + 1)) }
        spare.withLock { $0.append(workspace) }
    }
}

/// The form of a MIMICK model in a table.
extension MimickModel {
    /// The source that a table records for vectors of this model.
    public var source: VectorSource { .mimick }
    /// Fields of a table's header that describe the model.
    public var fields: ShardFields { ["generator": "mimick", "mimick": network.shape.text] }

    /// Calls `body` with each tensor of the model.
    public func forEachTensor(_ body: (String, [Int], [Float]) throws -> Void) throws {
        // Unicode scalars are below 2^21, so Float32 represents them exactly.
        try body("mimick.characters", [characters.scalars.count], characters.scalars.map { Float($0) })
        try body("mimick.mean", [standard.mean.count], standard.mean)
        try body("mimick.standard", [3], [standard.scale, standard.norm, standard.isDirection ? 1 : 0])
        let backend = ProcessorBackend()
        for parameter in network.layout.parameters {
            let shape = network.storedShape(parameter)
            let values = backend.read(parameters.value(parameter))
            try body(
                "mimick.\(parameter.name)", shape,
                shape == parameter.shape ? values : transposed(values, rows: parameter.shape[0]))
        }
    }

    /// Restores a model from a table. Throws `ToolError.data`.
    convenience init(_ stored: StoredGenerator) throws {
        let dimension = stored.dimension, scalars = try stored.values("mimick.characters")
        guard scalars.allSatisfy({ $0 >= 0 && $0 <= 0x10FFFF }),
            zip(scalars, scalars.dropFirst()).allSatisfy({ $0 < $1 })
        else { throw stored.error("tensor mimick.characters", "does not hold characters in order") }
        let characters = CharacterTable(scalars: scalars.map { UInt32($0) })
        let mean = try stored.values("mimick.mean", shape: [dimension])
        let standard = try stored.values("mimick.standard", shape: [3])
        guard let shape = MimickShape(stored.fields["mimick"] ?? "", dimension: dimension),
            shape.characters == characters.count, standard[0] > 0
        else { throw stored.error("", "the table's description of its character model cannot be") }
        let backend = ProcessorBackend(), network = MimickNetwork(shape, backend)
        // All tensors are read before memory is allocated, so that no memory is allocated for shapes that the table does not
        // contain.
        let values = try network.layout.parameters.map {
            try stored.values("mimick.\($0.name)", shape: network.storedShape($0))
        }
        let parameters = ParameterStore(network.layout, training: nil, backend: backend)
        for (parameter, values) in zip(network.layout.parameters, values) {
            let shape = network.storedShape(parameter)
            backend.write(
                shape == parameter.shape ? values : transposed(values, rows: shape[0]), to: parameters.value(parameter))
        }
        self.init(
            network, parameters, characters: characters,
            standard: DirectionStandard(mean: mean, scale: standard[0], norm: standard[1], isDirection: standard[2] != 0))
    }
}

extension MimickNetwork {
    /// Returns the shape of a parameter's tensor in a file, where filters are [width * inputs, count].
    fileprivate func storedShape(_ parameter: Parameter) -> [Int] {
        (reader as? ConvolutionEncoder)?.filterWeights.contains(parameter) == true
            ? parameter.shape.reversed() : parameter.shape
    }
}

/// Returns the transpose of a matrix with `rows` rows.
private func transposed(_ values: [Float], rows: Int) -> [Float] {
    let columns = values.count / rows
    return values.indices.map { values[$0 % rows * columns + $0 / rows] }
}
