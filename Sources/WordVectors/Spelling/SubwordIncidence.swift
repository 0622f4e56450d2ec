@_spi(HostMemory) import Kernels
import Parallel
import Shards

/// Which character n-grams each of some words has: a sparse matrix [words, n-grams] whose rows are means.
///
/// Element (w, g) is how often word w has n-gram g, over the number of its n-grams that count. Kept by rows and by
/// columns, so that products with it and with its transpose are sums that one thread makes in a fixed order.
struct SubwordIncidence: Sendable {
    /// From an n-gram's hash to its column.
    let columns: [Int32: Int32]
    /// Characters of each n-gram, the marks of a word's ends counted.
    let lengths: [Int]
    private let byWord: Entries
    private let byNGram: Entries

    /// Runs of (index, value) one after the other.
    private struct Entries: Sendable {
        /// Where each run ends; the first starts at 0.
        var ends: [Int] = []
        var indices: [Int32] = []
        var values: [Float] = []

        func range(_ run: Int) -> Range<Int> { (run == 0 ? 0 : ends[run - 1])..<ends[run] }
    }

    var words: Int { byWord.ends.count }
    var nGrams: Int { byNGram.ends.count }

    /// - Parameter fewestWords: n-grams that fewer of the words have do not count.
    init(_ words: WordTable, ids: [Int], hash: SubwordHash, fewestWords: Int) {
        var lists: [[(nGram: Int32, length: Int)]] = []
        lists.reserveCapacity(ids.count)
        var occurrences: [Int32: (words: Int32, last: Int32)] = [:]
        for (index, id) in ids.enumerated() {
            var list: [(nGram: Int32, length: Int)] = []
            words.withWord(id) { word in hash.forEachNGram(of: word) { list.append((Int32($0), $1)) } }
            for (nGram, _) in list {
                let seen = occurrences[nGram] ?? (0, -1)
                if seen.last != Int32(index) { occurrences[nGram] = (seen.words + 1, Int32(index)) }
            }
            lists.append(list)
        }
        // Columns in the order in which n-grams first occur, because a dictionary has no order to rely on.
        var columns: [Int32: Int32] = [:]
        var lengths: [Int] = []
        var byWord = Entries()
        for list in lists {
            let counted = list.filter { (occurrences[$0.nGram]?.words ?? 0) >= Int32(fewestWords) }
            for (nGram, length) in counted {
                let column = columns[nGram] ?? Int32(columns.count)
                byWord.indices.append(column)
                if Int(column) == columns.count {
                    columns[nGram] = column
                    lengths.append(length)
                }
                byWord.values.append(1 / Float(counted.count))
            }
            byWord.ends.append(byWord.indices.count)
        }
        self.columns = columns
        self.lengths = lengths
        self.byWord = byWord
        byNGram = Self.transpose(byWord, columns: columns.count)
    }

    private static func transpose(_ rows: Entries, columns: Int) -> Entries {
        var starts = [Int](repeating: 0, count: columns)
        for column in rows.indices { starts[Int(column)] += 1 }
        var total = 0
        for column in 0..<columns {
            let count = starts[column]
            starts[column] = total
            total += count
        }
        var result = Entries(
            ends: [], indices: Array(repeating: 0, count: total), values: Array(repeating: 0, count: total))
        for row in rows.ends.indices {
            for entry in rows.range(row) {
                let place = starts[Int(rows.indices[entry])]
                result.indices[place] = Int32(row)
                result.values[place] = rows.values[entry]
                starts[Int(rows.indices[entry])] += 1
            }
        }
        result.ends = starts
        return result
    }

    /// result = A * right; right is [n-grams, width], result [words, width].
    func multiply(_ right: Matrix, into result: Matrix, pool: ThreadPool) {
        Self.multiply(byWord, right, into: result, pool: pool)
    }

    /// result = A^T * right; right is [words, width], result [n-grams, width].
    func multiplyTransposed(_ right: Matrix, into result: Matrix, pool: ThreadPool) {
        Self.multiply(byNGram, right, into: result, pool: pool)
    }

    /// The diagonal of A^T W A, where W has `weights` on its diagonal.
    func squares(weights: [Float]) -> [Float] {
        (0..<nGrams).map { nGram in
            byNGram.range(nGram).reduce(0) {
                $0 + weights[Int(byNGram.indices[$1])] * byNGram.values[$1] * byNGram.values[$1]
            }
        }
    }

    /// Whether a word has an n-gram that counts.
    func hasNGrams(_ word: Int) -> Bool { !byWord.range(word).isEmpty }

    private static func multiply(_ entries: Entries, _ right: Matrix, into result: Matrix, pool: ThreadPool) {
        let chunk = 256
        entries.indices.withUnsafeBufferPointer { indices in
            entries.values.withUnsafeBufferPointer { values in
                pool.forEach((result.rows + chunk - 1) / chunk) { piece in
                    for row in piece * chunk..<min(result.rows, (piece + 1) * chunk) {
                        let run = entries.range(row), target = result.row(row)
                        var column = 0
                        while column + lanes <= result.columns {
                            // The sum stays in registers.
                            var (a, b) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
                            var (c, d) = (a, b)
                            for entry in run {
                                let value = values[entry], source = right.row(Int(indices[entry])) + column
                                a += value * load(source)
                                b += value * load(source + 8)
                                c += value * load(source + 16)
                                d += value * load(source + 24)
                            }
                            store(a, target + column)
                            store(b, target + column + 8)
                            store(c, target + column + 16)
                            store(d, target + column + 24)
                            column += lanes
                        }
                        (target + column).update(repeating: 0, count: result.columns - column)
                        for entry in run {
                            Vector.add(
                                right.row(Int(indices[entry])) + column, times: values[entry], to: target + column,
                                count: result.columns - column)
                        }
                    }
                }
            }
        }
    }

    /// Columns that are summed at once.
    static let lanes = 32

    @inline(__always)
    private static func load(_ values: UnsafePointer<Float>) -> SIMD8<Float> {
        UnsafeRawPointer(values).loadUnaligned(as: SIMD8<Float>.self)
    }

    @inline(__always)
    private static func store(_ values: SIMD8<Float>, _ target: UnsafeMutablePointer<Float>) {
        UnsafeMutableRawPointer(target).storeBytes(of: values, as: SIMD8<Float>.self)
    }
}
