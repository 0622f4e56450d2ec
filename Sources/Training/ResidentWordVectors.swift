import Files
import Kernels
import Model

/// The unit vectors of all words of a corpus, in a device's memory, where windows are gathered.
final class ResidentWordVectors: ResidentVectors {
    private let memory: FloatBuffer
    private let table: Matrix
    /// Row in `table` of each word, -1 for words that do not occur in the corpus.
    private var places: [Int32]

    /// Number of rows sent at once.
    private static let block = 8192

    /// Returns `nil` if a quarter of the device's free memory cannot hold them. Throws `ToolError` if the table's file cannot be
    /// read.
    init?(_ words: WordRows, on backend: any Backend) throws {
        guard Self.bytes(words, on: backend) > 0 else { return nil }
        let met = words.met, size = words.dimension
        memory = backend.allocate(met.count * size)
        table = Matrix(memory, rows: met.count, columns: size)
        places = Array(repeating: -1, count: words.count)
        let block = StagedMemory(Self.block * size, on: backend)
        for first in stride(from: 0, to: met.count, by: Self.block) {
            let numbers = Array(met[first..<min(met.count, first + Self.block)])
            backend.wait()
            try words.gather(numbers, into: block.matrix(rows: numbers.count, columns: size))
            block.send(rows: numbers.count, columns: size)
            backend.copy(block.sent(rows: numbers.count, columns: size), to: table.rows(first..<first + numbers.count))
            for (index, number) in numbers.enumerated() { places[Int(number)] = Int32(first + index) }
        }
        backend.wait()
    }

    func gather(_ words: [UInt32], into matrix: Matrix, places: Numbers, on backend: any Backend) {
        for (index, word) in words.enumerated() { places[index] = self.places[Int(word)] }
        backend.gather(places[0..<words.count], of: table, into: matrix)
    }

    /// Returns the bytes that the vectors take on a device; 0 if they stay with the host.
    static func bytes(_ words: WordRows, on backend: any Backend) -> Int {
        let bytes = 4 * words.met.count * words.dimension
        return bytes <= backend.freeBytes / 4 ? bytes : 0
    }
}
