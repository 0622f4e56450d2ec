@_spi(HostMemory) import Kernels
import Testing

/// A matrix of its own memory.
struct OwnedMatrix {
    let buffer: FloatBuffer
    let matrix: Matrix

    init(_ rows: Int, _ columns: Int) {
        buffer = FloatBuffer(count: rows * columns)
        matrix = Matrix(buffer, rows: rows, columns: columns)
    }

    /// Normal numbers of deviation `scale`.
    init(_ rows: Int, _ columns: Int, random: inout Random, scale: Double = 1) {
        self.init(rows, columns)
        for index in 0..<buffer.count { buffer.start[index] = Float(scale * random.normal()) }
    }

    init(_ rows: [[Float]]) {
        self.init(rows.count, rows[0].count)
        matrix.copy(from: Array(rows.joined()))
    }

    init(copying other: OwnedMatrix) {
        self.init(other.matrix.rows, other.matrix.columns)
        matrix.copy(from: other.matrix)
    }

    var values: [Float] { Array(buffer.elements) }

    func dot(_ other: Matrix) -> Double {
        (0..<other.rows).reduce(0) { sum, row in
            (0..<other.columns).reduce(sum) { $0 + Double(matrix.row(row)[$1]) * Double(other.row(row)[$1]) }
        }
    }
}

/// Whole numbers of their own memory.
struct OwnedNumbers {
    private let buffer: FloatBuffer
    let numbers: Numbers

    init(_ values: some Collection<Int32>) {
        buffer = FloatBuffer(count: values.count)
        numbers = Numbers(buffer, count: values.count)
        for (index, value) in values.enumerated() { numbers[index] = value }
    }
}

extension Numbers {
    var values: [Int32] { (0..<count).map { self[$0] } }
}

extension Matrix {
    /// The elements of a row.
    func values(_ row: Int) -> [Float] { (0..<columns).map { self.row(row)[$0] } }

    /// Element i, counted row by row, is sin(0.7 i + salt) / 2: numbers that other programs can make too.
    func fillWave(_ salt: Double) {
        for row in 0..<rows {
            for column in 0..<columns { self.row(row)[column] = Float(sine(0.7 * Double(row * columns + column) + salt) * 0.5) }
        }
    }
}

func expectNear(_ matrix: Matrix, row: Int, _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(matrix.columns == expected.count, sourceLocation: sourceLocation)
    for (index, value) in expected.enumerated() {
        let own = Double(matrix.row(row)[index])
        #expect(abs(own - value) < 1e-6, "\(index): \(own), not \(value)", sourceLocation: sourceLocation)
    }
}
