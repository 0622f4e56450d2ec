@_spi(HostMemory) import Kernels
import Parallel

/// Finds the known words whose vectors are nearest, by the cosine of unit vectors less their mean.
struct VectorNeighbours {
    private let ids: [Int]
    private let mean: [Float]
    /// The known words' directions, [ids, dimension].
    private let directions: RowMatrix
    private let compute: Compute

    /// Vectors looked at together.
    private static let block = 64

    init(_ rows: RowMatrix, ids: [Int], mean: [Float], threads: Int) {
        self.ids = ids
        self.mean = mean
        compute = Compute(pool: ThreadPool(threads: threads))
        directions = RowMatrix(count: ids.count, dimension: rows.dimension)
        for (index, id) in ids.enumerated() {
            _ = directions.row(index).update(from: rows.row(id))
            Self.direct(directions.row(index), mean)
        }
    }

    struct Nearest {
        /// Where the excepted word comes among the known words.
        var rank = 1
        /// The ten nearest words but the excepted one.
        var ids: [Int] = []
    }

    /// For each vector its nearest words, and the rank of the word `except` of the same position.
    func nearest(_ vectors: [[Float]], except: [Int]) -> [Nearest] {
        let places = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
        var results = [Nearest](repeating: Nearest(), count: vectors.count)
        let asked = RowMatrix(count: Self.block, dimension: mean.count)
        let scores = FloatBuffer(count: Self.block * ids.count)
        let known = Matrix(directions.pointer, rows: ids.count, columns: mean.count)
        for first in stride(from: 0, to: vectors.count, by: Self.block) {
            let count = min(Self.block, vectors.count - first)
            for index in 0..<count {
                _ = asked.row(index).update(fromContentsOf: vectors[first + index])
                Self.direct(asked.row(index), mean)
            }
            let block = Matrix(scores, rows: count, columns: ids.count)
            compute.multiply(
                Matrix(asked.pointer, rows: count, columns: mean.count), known.transposed, into: block)
            results.withUnsafeMutableBufferPointer { results in
                nonisolated(unsafe) let results = results
                compute.pool.forEach(count) { index in
                    results[first + index] = rank(block.row(index), place: places[except[first + index]] ?? -1)
                }
            }
        }
        return results
    }

    private func rank(_ scores: UnsafeMutablePointer<Float>, place: Int) -> Nearest {
        var result = Nearest()
        let own = place >= 0 ? scores[place] : -.infinity
        // The best ten so far in descending order: most words are turned away by the last.
        var best: [(score: Float, index: Int)] = []
        for index in ids.indices where index != place {
            if scores[index] > own { result.rank += 1 }
            if best.count == 10 && scores[index] <= best[9].score { continue }
            if best.count == 10 { best.removeLast() }
            let position = best.firstIndex { $0.score < scores[index] } ?? best.count
            best.insert((scores[index], index), at: position)
        }
        result.ids = best.map { ids[$0.index] }
        return result
    }

    /// Makes a vector the direction that is left of it without the mean.
    private static func direct(_ row: UnsafeMutableBufferPointer<Float>, _ mean: [Float]) {
        guard let start = row.baseAddress, Vector.normalize(start, count: row.count) > 0 else { return }
        for index in row.indices { row[index] -= mean[index] }
        Vector.normalize(start, count: row.count)
    }
}
