@_spi(HostMemory) import Kernels
import Layers
import Parallel
public import Shards
import Synchronization

/// Vectors from spelling: the character model MIMICK (Pinter, Guthrie and Eisenstein 2017), fitted on words that have a
/// vector, then asked for those that have none.
///
/// The network predicts directions: unit vectors less their mean, scaled to unit variance. A generated vector is that
/// undone, times the mean norm of the vectors it was fitted on.
public final class MimickModel: OutOfVocabularyGenerator, @unchecked Sendable {
    public var dimension: Int { network.shape.dimension }
    let network: MimickNetwork
    let parameters: ParameterStore
    let characters: CharacterTable
    let standard: TargetStandard
    /// Workspaces at rest.
    private let spare = Mutex<[MimickWorkspace]>([])

    init(_ network: MimickNetwork, _ parameters: ParameterStore, characters: CharacterTable, standard: TargetStandard) {
        self.network = network
        self.parameters = parameters
        self.characters = characters
        self.standard = standard
    }

    public func vector(for word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) -> Bool {
        let spelling = WordSpellings(word, longest: MimickNetwork.longestWord)
        guard spelling.length(0) > 0 else { return false }
        predict(spelling, [0]) { _, values in standard.restore(values, into: row) }
        return true
    }

    /// Batches of equal length on all threads.
    public func fill(_ ids: [Int], of words: WordTable, into rows: RowMatrix, threads: Int) -> [Bool] {
        let spellings = WordSpellings(words, ids: ids, longest: MimickNetwork.longestWord)
        let groups = WordGroups(spellings, Array(ids.indices)).groups
        ThreadPool(threads: threads).forEach(groups.count) { number in
            predict(spellings, groups[number]) { index, values in
                standard.restore(values, into: rows.row(ids[index]))
            }
        }
        return ids.indices.map { spellings.length($0) > 0 }
    }

    /// Calls `body` with each index of the group and the network's output for it, [dimension].
    func predict(_ spellings: WordSpellings, _ group: [Int], _ body: (Int, UnsafePointer<Float>) -> Void) {
        let workspace = spare.withLock { $0.popLast() } ?? MimickWorkspace(network)
        let numbers = characters.numbers(spellings, group)
        let target = workspace.characters(parameters, count: numbers.count)
        for (index, number) in numbers.enumerated() { target[index] = number }
        let result = workspace.predict(parameters, words: group.count, length: numbers.count / group.count)
        for (row, index) in group.enumerated() { body(index, result.row(row)) }
        spare.withLock { $0.append(workspace) }
    }
}

/// What the network's targets are in terms of vectors: target = (vector / |vector| - mean) * scale.
struct TargetStandard: Sendable, Equatable {
    /// The mean of the unit vectors, [dimension].
    let mean: [Float]
    /// One over the root of the mean square of what is left.
    let scale: Float
    /// The mean norm of the vectors.
    let norm: Float
    /// Whether outputs are directions alone, as a fit by cosine leaves them: they get the targets' mean norm.
    var isDirection = false

    init(mean: [Float], scale: Float, norm: Float, isDirection: Bool = false) {
        self.isDirection = isDirection
        self.mean = mean
        self.scale = scale
        self.norm = norm
    }

    /// Measures the rows `ids`, none of which is zero.
    init(_ rows: RowMatrix, ids: [Int]) {
        let dimension = rows.dimension
        var sums = [Double](repeating: 0, count: dimension)
        var norms = 0.0
        for id in ids {
            let row = rows.row(id)
            let norm = row.baseAddress.map { Vector.norm($0, count: dimension) } ?? 0
            norms += norm
            for index in 0..<dimension { sums[index] += Double(row[index]) / norm }
        }
        let count = Double(max(1, ids.count))
        // Unit vectors have a mean square of 1, of which the mean vector takes its own.
        let variance = 1 - sums.reduce(0) { $0 + ($1 / count) * ($1 / count) }
        mean = sums.map { Float($0 / count) }
        scale = variance > 1e-6 ? Float((Double(dimension) / variance).squareRoot()) : 1
        norm = Float(norms / count)
    }

    func target(_ row: UnsafeMutableBufferPointer<Float>, into target: UnsafeMutableBufferPointer<Float>) {
        guard let start = row.baseAddress else { return }
        let norm = Float(Vector.norm(start, count: row.count))
        for index in row.indices { target[index] = (row[index] / norm - mean[index]) * scale }
    }

    func restore(_ values: UnsafePointer<Float>, into row: UnsafeMutableBufferPointer<Float>) {
        var factor = 1 / scale
        if isDirection {
            let length = Vector.norm(values, count: row.count)
            // Targets have unit variance in each number.
            if length > 0 { factor *= Float(Double(row.count).squareRoot() / length) }
        }
        for index in row.indices { row[index] = (values[index] * factor + mean[index]) * norm }
    }
}
