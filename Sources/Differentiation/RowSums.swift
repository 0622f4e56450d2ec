// Sums of rows into rows that several of them share. Each thread handles some columns, so that no two add to the same number, and
// the order of the sums is that of the rows.

/// target += factor * source
@inline(__always)
func addRow(_ source: UnsafePointer<Float>, times factor: Float, to target: UnsafeMutablePointer<Float>, _ columns: Range<Int>) {
    for index in columns { target[index] += factor * source[index] }
}

/// target += one * other
@inline(__always)
func addProduct(
    _ one: UnsafePointer<Float>, _ other: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, _ columns: Range<Int>
) {
    for index in columns { target[index] += one[index] * other[index] }
}

extension Range<Int> {
    /// Returns the range in pieces of at most `size`.
    func pieces(of size: Int) -> [Range<Int>] {
        stride(from: lowerBound, to: upperBound, by: size).map { $0..<Swift.min(upperBound, $0 + size) }
    }
}

/// Number of columns that a thread handles at a time.
let columnsTogether = 32
