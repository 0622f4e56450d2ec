import Files
import Kernels
import Model

/// The unit vectors of all words that a corpus has, in the memory of a device: windows are gathered there.
final class ResidentWordVectors: ResidentVectors {
    private let memory: FloatBuffer
    private let table: Matrix
    /// Where in `table` the word of each number is, -1 for those that the corpus does not have.
    private var places: [Int32]

    /// Rows that are sent at once.
    private static let block = 8192

    /// Returns `nil` if a quarter of the memory that the device has left does not hold them. Throws `ToolError` if the table's file
    /// cannot be read.
    init?(_ words: WordRows, on backend: any Backend) throws {
        let met = words.met, size = words.dimension
        guard !backend.computesInHostMemory, 4 * met.count * size <= backend.freeBytes / 4 else { return nil }
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

    var bytes: Int { memory.bytes + 4 * places.count }
}
