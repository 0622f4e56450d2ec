/// Rows as a table's tensors hold them, in pieces that are kept as they came: [count, dimension].
struct ChunkedRows: SummableRows {
    let count: Int
    let dimension: Int
    private let chunks: [[Float]]
    /// Rows in a chunk, but for the last, which may have fewer.
    private let size: Int

    init(_ chunks: [[Float]], size: Int, count: Int, dimension: Int) {
        precondition(chunks.reduce(0) { $0 + $1.count } == count * dimension)
        self.chunks = chunks
        self.size = size
        self.count = count
        self.dimension = dimension
    }

    func add(_ numbers: UnsafeBufferPointer<Int>, to sum: UnsafeMutableBufferPointer<Float>) {
        precondition(sum.count == dimension && numbers.allSatisfy { $0 >= 0 && $0 < count })
        for number in numbers {
            chunks[number / size].withUnsafeBufferPointer { chunk in
                let first = number % size * dimension
                for place in 0..<dimension { sum[place] += chunk[first + place] }
            }
        }
    }
}
