/// Files as fastText writes them, made byte by byte.
struct FastTextImage {
    var words = ["cat", "dog", "</s>"]
    var dimension: Int32 = 3
    var bucket: Int32 = 5
    var minimum: Int32 = 2
    var maximum: Int32 = 3
    var version: Int32 = 12
    var quantised: UInt8 = 0
    /// With `quantised`, the matrix is really so: numbers in a part of a row, and whether norms are apart.
    var parts: (width: Int, hasNorms: Bool)?
    var pruned: [(Int32, Int32)]?
    var entries: Int32?
    var rows: Int64?
    var values: [Float]?

    var bytes: [UInt8] {
        var bytes = littleEndian(Int32(793_712_314)) + littleEndian(version)
        for argument in [dimension, 5, 1, 1, 5, 1, 2, 2, bucket, minimum, maximum, 100] as [Int32] {
            bytes += littleEndian(argument)
        }
        bytes += littleEndian(Double(1e-4).bitPattern)
        let count = entries ?? Int32(words.count)
        bytes += littleEndian(count) + littleEndian(count) + littleEndian(Int32(0)) + littleEndian(Int64(100))
        bytes += littleEndian(pruned.map { Int64($0.count) } ?? -1)
        for word in words { bytes += Array(word.utf8) + [0] + littleEndian(Int64(1)) + [0] }
        for (bucket, row) in pruned ?? [] { bytes += littleEndian(bucket) + littleEndian(row) }
        let rowCount = rows ?? Int64(words.count) + Int64(pruned?.count ?? Int(bucket))
        if let parts {
            return bytes + [1] + quantisedMatrix(Int(rowCount), parts.width, hasNorms: parts.hasNorms) + outputMatrix
        }
        bytes += [quantised] + littleEndian(rowCount) + littleEndian(Int64(dimension))
        let elements = max(0, min(1000, Int(min(1000, rowCount)) * Int(dimension)))
        bytes += littleEndian(values ?? (0..<elements).map { Float($0) * 0.25 - 1 })
        return bytes + outputMatrix
    }

    private var outputMatrix: [UInt8] {
        let outputs = [Float](repeating: 0, count: Int(max(0, min(100, dimension))))
        return [0] + littleEndian(Int64(1)) + littleEndian(Int64(dimension)) + littleEndian(outputs)
    }

    private func quantisedMatrix(_ rows: Int, _ width: Int, hasNorms: Bool) -> [UInt8] {
        func quantiser(_ dimension: Int, _ width: Int) -> [UInt8] {
            let parts = (dimension + width - 1) / width
            return [dimension, parts, width, dimension - (parts - 1) * width].flatMap { littleEndian(Int32($0)) }
                + littleEndian((0..<256 * dimension).map { Float($0 % 97) / 50 - 1 })
        }
        let size = Int(dimension), parts = (size + width - 1) / width
        var bytes: [UInt8] = [hasNorms ? 1 : 0] + littleEndian(Int64(rows)) + littleEndian(Int64(size))
        bytes += littleEndian(Int32(rows * parts)) + (0..<rows * parts).map { UInt8(truncatingIfNeeded: 37 * $0) }
        bytes += quantiser(size, width)
        if hasNorms { bytes += (0..<rows).map { UInt8(truncatingIfNeeded: 11 * $0) } + quantiser(1, 1) }
        return bytes
    }
}
