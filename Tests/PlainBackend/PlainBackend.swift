internal import Glibc
@_spi(HostMemory) public import Kernels

/// A backend that is deliberately plain: naive loops in double precision, rounded once when a result is stored. It shows that
/// layers are written over operations and nothing else, and is what every other backend is compared with.
public final class PlainBackend: Backend {
    public var phaseTimes: PhaseTimes { ProcessorBackend().phaseTimes }
    public private(set) var operations = 0.0

    public init() {}

    public func enter(_ phase: Phase, of part: Part?) {}
}

/// A matrix as numbers in double precision.
struct Grid {
    let matrix: Matrix

    init(_ matrix: Matrix) { self.matrix = matrix }

    var rows: Int { matrix.rows }
    var columns: Int { matrix.columns }

    subscript(row: Int, column: Int) -> Double {
        get {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns)
            return Double(matrix.row(row)[column])
        }
        nonmutating set {
            precondition(row >= 0 && row < rows && column >= 0 && column < columns)
            matrix.row(row)[column] = Float(newValue)
        }
    }

    /// Element `index` of all rows one after the other.
    subscript(index: Int) -> Double {
        get { self[index / columns, index % columns] }
        nonmutating set { self[index / columns, index % columns] = newValue }
    }

    func row(_ index: Int) -> [Double] { (0..<columns).map { self[index, $0] } }

    func setRow(_ index: Int, _ values: [Double]) { for column in 0..<columns { self[index, column] = values[column] } }

    /// Sets every element to what `body` gives for its place.
    func fill(_ body: (_ row: Int, _ column: Int) -> Double) {
        for row in 0..<rows { for column in 0..<columns { self[row, column] = body(row, column) } }
    }
}

/// A factor of a product as numbers in double precision, turned where it is to be read as its transpose.
private struct Factored {
    let rows, columns: Int
    let values: [Double]

    init(_ operand: Operand) {
        let (rows, columns) = (operand.rows, operand.columns)
        (self.rows, self.columns) = (rows, columns)
        values = (0..<rows).flatMap { row in (0..<columns).map { Double(operand.element(row, $0).pointee) } }
    }

    subscript(row: Int, column: Int) -> Double { values[row * columns + column] }
}

// MARK: - Rows

extension PlainBackend {
    public func fill(_ target: Matrix, with value: Float) { Grid(target).fill { _, _ in Double(value) } }

    public func copy(_ source: Matrix, to target: Matrix) {
        let source = Grid(source)
        precondition(source.rows == target.rows && source.columns == target.columns)
        Grid(target).fill { source[$0, $1] }
    }

    public func add(_ source: Matrix, to target: Matrix) {
        let source = Grid(source), sum = Grid(target)
        sum.fill { sum[$0, $1] + source[$0, $1] }
    }

    public func scale(_ target: Matrix, by factor: Float) {
        let grid = Grid(target)
        grid.fill { grid[$0, $1] * Double(factor) }
    }

    public func broadcast(_ row: Matrix, to target: Matrix) {
        let row = Grid(row)
        Grid(target).fill { row[0, $1] }
    }

    public func broadcast(_ row: Matrix?, to target: Matrix, at rows: Numbers) {
        let target = Grid(target)
        for index in 0..<rows.count where rows[index] >= 0 {
            target.setRow(Int(rows[index]), row.map { Grid($0).row(0) } ?? [Double](repeating: 0, count: target.columns))
        }
    }

    public func addRow(_ row: Matrix, to target: Matrix) {
        let row = Grid(row), sum = Grid(target)
        sum.fill { sum[$0, $1] + row[0, $1] }
    }

    public func addBlocks(_ rows: Matrix, to target: Matrix) {
        let block = target.rows / rows.rows, rows = Grid(rows), sum = Grid(target)
        sum.fill { sum[$0, $1] + rows[$0 / block, $1] }
    }

    public func addBlockSums(of matrix: Matrix, to sums: Matrix) {
        let block = matrix.rows / sums.rows, matrix = Grid(matrix), sums = Grid(sums)
        sums.fill { row, column in (row * block..<(row + 1) * block).reduce(sums[row, column]) { $0 + matrix[$1, column] } }
    }

    public func addSinusoids(to target: Matrix, batch: Int) {
        let grid = Grid(target)
        grid.fill { grid[$0, $1] + Sinusoid.value($0 / batch, $1, of: grid.columns) }
    }

    public func addColumnSums(of matrix: Matrix, to sums: Matrix) {
        let matrix = Grid(matrix), sums = Grid(sums)
        for column in 0..<matrix.columns {
            sums[0, column] = (0..<matrix.rows).reduce(sums[0, column]) { $0 + matrix[$1, column] }
        }
    }

    public func gather(_ rows: Numbers, of table: Matrix, into target: Matrix) {
        let table = Grid(table)
        Grid(target).fill { rows[$0] < 0 ? 0 : table[Int(rows[$0]), $1] }
    }

    public func scatterAdd(_ source: Matrix, to table: Matrix, at rows: Numbers) {
        let source = Grid(source), table = Grid(table)
        for row in 0..<source.rows where rows[row] >= 0 {
            for column in 0..<source.columns { table[Int(rows[row]), column] += source[row, column] }
        }
    }

    public func reverse(_ source: Matrix, batch: Int, lengths: Numbers?, into target: Matrix, adding: Bool) {
        let source = Grid(source), target = Grid(target), steps = source.rows / batch
        for step in 0..<steps {
            for sequence in 0..<batch {
                let length = lengths.map { Int($0[sequence]) } ?? steps, row = step * batch + sequence
                for column in 0..<target.columns {
                    let turned = step < length ? source[(length - 1 - step) * batch + sequence, column] : 0
                    target[row, column] = turned + (adding ? target[row, column] : 0)
                }
            }
        }
    }

    public func addRuns(_ rows: Numbers, ends: Numbers, of table: Matrix, times factor: Float, to target: Matrix) {
        let table = Grid(table), target = Grid(target)
        for index in 0..<target.rows {
            for place in (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index]) {
                for column in 0..<target.columns {
                    target[index, column] += Double(factor) * table[Int(rows[place]), column]
                }
            }
        }
    }

    public func divideByRuns(_ target: Matrix, ends: Numbers) {
        let grid = Grid(target)
        grid.fill { row, column in
            grid[row, column] / Double(max(1, ends[row] - (row == 0 ? 0 : ends[row - 1])))
        }
    }

    public func isFinite(_ matrix: Matrix) -> Bool { read(matrix).allSatisfy(\.isFinite) }

    public func write(_ values: UnsafeBufferPointer<Float>, to target: Matrix) {
        precondition(values.count == target.rows * target.columns)
        Grid(target).fill { Double(values[$0 * target.columns + $1]) }
    }

    public func read(_ matrix: Matrix) -> [Float] {
        (0..<matrix.rows).flatMap { row in (0..<matrix.columns).map { matrix.row(row)[$0] } }
    }

    public func normalize(_ rows: Matrix) {
        let grid = Grid(rows)
        for row in 0..<grid.rows {
            let values = grid.row(row), norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
            if norm > 0 && norm.isFinite { grid.setRow(row, values.map { $0 / norm }) }
        }
    }

    public func rowProducts(_ one: Matrix, _ other: Matrix) -> [Double] {
        (0..<one.rows).map { zip(Grid(one).row($0), Grid(other).row($0)).reduce(0) { $0 + $1.0 * $1.1 } }
    }

    public func columnSums(of matrix: Matrix) -> [Double] {
        let grid = Grid(matrix)
        return (0..<grid.columns).map { column in (0..<grid.rows).reduce(0) { $0 + grid[$1, column] } }
    }
}

// MARK: - Products

extension PlainBackend {
    public func multiply(_ left: some Factor, _ right: some Factor, into result: Matrix, adding: Bool) {
        multiply(Factored(left.operand), Factored(right.operand), into: result, adding: adding)
    }

    public func multiply(_ left: some Factor, _ right: PackedFactor, into result: Matrix, adding: Bool) {
        let right = Matrix(right.start, rows: right.rows, columns: right.columns)
        multiply(Factored(left.operand), Factored(right.operand), into: result, adding: adding)
    }

    public func multiply(_ left: some Factor, _ right: some Factor, bias: Matrix, into result: Matrix) {
        broadcast(bias, to: result)
        multiply(left, right, into: result, adding: true)
    }

    public func multiply(_ left: some Factor, _ right: PackedFactor, bias: Matrix, into result: Matrix) {
        broadcast(bias, to: result)
        multiply(left, right, into: result, adding: true)
    }

    private func multiply(_ left: Factored, _ right: Factored, into result: Matrix, adding: Bool) {
        precondition(left.columns == right.rows && left.rows == result.rows && right.columns == result.columns)
        operations += 2 * Double(left.rows * right.columns * left.columns)
        let result = Grid(result)
        result.fill { row, column in
            (0..<left.columns).reduce(adding ? result[row, column] : 0) { $0 + left[row, $1] * right[$1, column] }
        }
    }

    public func packedCount(rows: Int, columns: Int) -> Int { rows * columns }

    public func pack(_ factor: some Factor, into memory: Matrix) -> PackedFactor {
        let factor = Factored(factor.operand)
        for (index, value) in factor.values.enumerated() { memory.start[index] = Float(value) }
        return PackedFactor(memory, rows: factor.rows, columns: factor.columns)
    }

    public func quantize(_ factor: Matrix) -> PackedFactor { ProcessorBackend().quantize(factor) }
}

// MARK: - Elements

extension PlainBackend {
    public func activate(_ values: Matrix, _ function: Activation) {
        let grid = Grid(values)
        grid.fill { row, column in
            let value = grid[row, column]
            return switch function {
            case .relu: max(0, value)
            case .tanh: tanh(value)
            case .sigmoid: sigmoid(value)
            }
        }
    }

    public func bend(_ gradient: Matrix, by values: Matrix, _ function: Activation) {
        let gradient = Grid(gradient), values = Grid(values)
        gradient.fill { row, column in
            let value = values[row, column]
            let slope = switch function {
            case .relu: value > 0 ? 1 : 0.0
            case .tanh: 1 - value * value
            case .sigmoid: value * (1 - value)
            }
            return gradient[row, column] * slope
        }
    }

    public func fill(_ mask: Matrix, with draw: DropoutDraw) {
        Grid(mask).fill { Double(draw.factor(at: $0 * mask.columns + $1)) }
    }

    private func factor(_ draw: DropoutDraw?, at position: Int) -> Double { draw.map { Double($0.factor(at: position)) } ?? 1 }

    public func drop(_ source: Matrix, _ draw: DropoutDraw?, into target: Matrix) {
        let columns = source.columns, source = Grid(source)
        Grid(target).fill { source[$0, $1] * factor(draw, at: $0 * columns + $1) }
    }

    public func addResidual(_ input: Matrix, bias: Matrix, _ draw: DropoutDraw?, to values: Matrix) {
        let columns = input.columns, input = Grid(input), bias = Grid(bias), values = Grid(values)
        values.fill { input[$0, $1] + (values[$0, $1] + bias[0, $1]) * factor(draw, at: $0 * columns + $1) }
    }

    public func addResidualBackward(_ gradient: Matrix, _ draw: DropoutDraw?, into target: Matrix, biasGradient: Matrix) {
        drop(gradient, draw, into: target)
        addColumnSums(of: target, to: biasGradient)
    }

    public func activate(_ input: Matrix, bias: Matrix, _ function: HiddenFunction, into output: Matrix) {
        let input = Grid(input), bias = Grid(bias)
        Grid(output).fill { function.value(input[$0, $1] + bias[0, $1]).value }
    }

    public func activateBackward(
        _ input: Matrix, bias: Matrix, _ function: HiddenFunction, gradient: Matrix, biasGradient: Matrix, into output: Matrix
    ) {
        let input = Grid(input), bias = Grid(bias), slopes = Grid(gradient)
        Grid(output).fill { function.value(input[$0, $1] + bias[0, $1]).value }
        slopes.fill { slopes[$0, $1] * function.value(input[$0, $1] + bias[0, $1]).slope }
        addColumnSums(of: gradient, to: biasGradient)
    }

    public func multiply(_ target: Matrix, by factors: Matrix) {
        let target = Grid(target), factors = Grid(factors)
        target.fill { target[$0, $1] * factors[$0, $1] }
    }

    public func clip(_ values: Matrix, to bound: Float) {
        let grid = Grid(values)
        grid.fill { min(max(grid[$0, $1], -Double(bound)), Double(bound)) }
    }

    public func maskClipped(_ gradient: Matrix, by values: Matrix, bound: Float) {
        let gradient = Grid(gradient), values = Grid(values)
        gradient.fill { abs(values[$0, $1]) >= Double(bound) ? 0 : gradient[$0, $1] }
    }

    public func layerNorm(_ input: Matrix, gain: Matrix, bias: Matrix, epsilon: Double, into output: Matrix, statistics: Matrix) {
        let (input, gain, bias, output, statistics) = (Grid(input), Grid(gain), Grid(bias), Grid(output), Grid(statistics))
        for row in 0..<input.rows {
            let x = input.row(row), mean = x.reduce(0, +) / Double(x.count)
            let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
            let inverse = 1 / (variance + epsilon).squareRoot()
            output.setRow(row, x.indices.map { (x[$0] - mean) * inverse * gain[0, $0] + bias[0, $0] })
            (statistics[row, 0], statistics[row, 1]) = (mean, inverse)
        }
    }

    public func layerNormBackward(
        _ input: Matrix, gain: Matrix, statistics: Matrix, gradient: Matrix, residual: Matrix?, gainGradient: Matrix,
        biasGradient: Matrix
    ) {
        let residual = residual.map { Grid($0) }
        let (input, gain, statistics, gradient) = (Grid(input), Grid(gain), Grid(statistics), Grid(gradient))
        let (gainGradient, biasGradient) = (Grid(gainGradient), Grid(biasGradient))
        for row in 0..<input.rows {
            let (mean, inverse) = (statistics[row, 0], statistics[row, 1]), dy = gradient.row(row)
            let z = input.row(row).map { ($0 - mean) * inverse }, u = dy.indices.map { dy[$0] * gain[0, $0] }
            for column in dy.indices {
                gainGradient[0, column] += dy[column] * z[column]
                biasGradient[0, column] += dy[column]
            }
            let size = Double(u.count), meanU = u.reduce(0, +) / size, meanUZ = zip(u, z).reduce(0) { $0 + $1.0 * $1.1 } / size
            let own = u.indices.map { inverse * (u[$0] - meanU - z[$0] * meanUZ) }
            if let residual {
                residual.setRow(row, own.indices.map { residual[row, $0] + own[$0] })
            } else {
                gradient.setRow(row, own)
            }
        }
    }
}
