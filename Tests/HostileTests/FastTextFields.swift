/// A fastText model of a few words, and the numbers of its header.
enum FastTextFields {
    private static let words = ["bado", "badoki", "wenki", "</s>"]
    private static let dimension = 3, buckets = 5

    static func all() -> [Field] {
        var bytes = littleEndian(UInt32(793_712_314)) + littleEndian(UInt32(12))
        var places: [(name: String, offset: Int, size: Int)] = [("magic", 0, 4), ("version", 4, 4)]
        func put<Number: FixedWidthInteger>(_ name: String, _ number: Number) {
            places.append((name, bytes.count, MemoryLayout<Number>.size))
            bytes += littleEndian(number)
        }
        let arguments = [
            ("dim", dimension), ("ws", 5), ("epoch", 1), ("minCount", 1), ("neg", 5), ("wordNgrams", 1), ("loss", 2), ("model", 2),
            ("bucket", buckets), ("minn", 2), ("maxn", 3), ("lrUpdateRate", 100),
        ]
        for (name, value) in arguments { put(name, Int32(value)) }
        put("t", (1e-4).bitPattern)
        put("entries", Int32(words.count))
        put("words", Int32(words.count))
        put("labels", Int32(0))
        put("tokens", Int64(100))
        put("pruned", Int64(-1))
        for word in words {
            bytes += Array(word.utf8) + [0]
            put("count of \(word)", Int64(1))
            put("type of \(word)", Int8(0))
        }
        for matrix in ["input", "output"] {
            put("quantised \(matrix)", Int8(0))
            let rows = words.count + (matrix == "input" ? buckets : 0)
            put("rows of \(matrix)", Int64(rows))
            put("columns of \(matrix)", Int64(dimension))
            for index in 0..<rows * dimension { bytes += littleEndian((Float(index) / 4 - 1).bitPattern) }
        }
        let whole = bytes
        return places.map { place in Field.number("fastText \(place.name)", in: whole, at: place.offset, size: place.size) { $0 } }
    }
}
