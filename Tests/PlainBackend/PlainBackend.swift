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

    public func activate(_ input: Matrix, bias: Matrix, _ function: HiddenFunction, into output: Matrix) {
        let input = Grid(input), bias = Grid(bias)
        Grid(output).fill { function.value(input[$0, $1] + bias[0, $1]).value }
    }

    public func activateBackward(
        _ input: Matrix, bias: Matrix, _ function: HiddenFunction, gradient: Matrix, into output: Matrix
    ) {
        let input = Grid(input), bias = Grid(bias), gradient = Grid(gradient)
        Grid(output).fill { function.value(input[$0, $1] + bias[0, $1]).value }
        gradient.fill { gradient[$0, $1] * function.value(input[$0, $1] + bias[0, $1]).slope }
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
        _ input: Matrix, gain: Matrix, statistics: Matrix, gradient: Matrix, gainGradient: Matrix, biasGradient: Matrix
    ) {
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
            gradient.setRow(row, u.indices.map { inverse * (u[$0] - meanU - z[$0] * meanUZ) })
        }
    }
}

// MARK: - Recurrent cells

extension PlainBackend {
    public func lstmStep(gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputs: Matrix, clip: Float) {
        let (gates, bias, previous, cells, outputs) = (Grid(gates), Grid(bias), Grid(previous), Grid(cells), Grid(outputs))
        let size = cells.columns
        for row in 0..<gates.rows {
            for unit in 0..<size {
                func gate(_ index: Int) -> Double { gates[row, index * size + unit] + bias[0, index * size + unit] }
                let (i, f, g, o) = (sigmoid(gate(0)), sigmoid(gate(1)), tanh(gate(2)), sigmoid(gate(3)))
                let c = min(max(i * g + f * previous[row, unit], -Double(clip)), Double(clip))
                for (index, value) in [i, f, g, o].enumerated() { gates[row, index * size + unit] = value }
                (cells[row, unit], outputs[row, unit]) = (c, o * tanh(c))
            }
        }
    }

    public func lstmStepBackward(
        gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputGradient: Matrix, cellGradient: Matrix, clip: Float,
        recomputesOutputs: Bool
    ) {
        let (gates, previous, cells) = (Grid(gates), Grid(previous), Grid(cells))
        let (outputGradient, cellGradient) = (Grid(outputGradient), Grid(cellGradient)), size = cells.columns
        for row in 0..<gates.rows {
            for unit in 0..<size {
                let values = (0..<4).map { gates[row, $0 * size + unit] }, c = cells[row, unit], dm = outputGradient[row, unit]
                let (i, f, g, o) = (values[0], values[1], values[2], values[3])
                let whole = cellGradient[row, unit] + dm * o * (1 - tanh(c) * tanh(c))
                let dc = abs(c) >= Double(clip) ? 0 : whole
                let gradients = [
                    dc * g * i * (1 - i), dc * previous[row, unit] * f * (1 - f), dc * i * (1 - g * g),
                    dm * tanh(c) * o * (1 - o),
                ]
                for (index, value) in gradients.enumerated() { gates[row, index * size + unit] = value }
                (cellGradient[row, unit], cells[row, unit]) = (dc * f, o * tanh(c))
            }
        }
    }

    public func gruStep(
        gates: Matrix, products: Matrix, bias: Matrix, candidateBias: Matrix, previous: Matrix, outputs: Matrix
    ) {
        let (a, s, b, d) = (Grid(gates), Grid(products), Grid(bias), Grid(candidateBias)), size = outputs.columns
        for row in 0..<a.rows {
            for unit in 0..<size {
                func sum(_ gate: Int) -> Double { a[row, gate * size + unit] + b[0, gate * size + unit] }
                let own = s[row, 2 * size + unit] + d[0, unit]
                let (r, z) = (sigmoid(sum(0) + s[row, unit]), sigmoid(sum(1) + s[row, size + unit])), n = tanh(sum(2) + r * own)
                for (gate, value) in [r, z, n].enumerated() { a[row, gate * size + unit] = value }
                s[row, 2 * size + unit] = own
                Grid(outputs)[row, unit] = (1 - z) * n + z * Grid(previous)[row, unit]
            }
        }
    }

    public func gruStepBackward(gates: Matrix, products: Matrix, previous: Matrix, gradient: Matrix) {
        let (a, s, dh) = (Grid(gates), Grid(products), Grid(gradient)), size = gradient.columns
        for row in 0..<a.rows {
            for unit in 0..<size {
                let (r, z, n) = (a[row, unit], a[row, size + unit], a[row, 2 * size + unit]), own = s[row, 2 * size + unit]
                let candidate = dh[row, unit] * (1 - z) * (1 - n * n), reset = candidate * own * r * (1 - r)
                let update = dh[row, unit] * (Grid(previous)[row, unit] - n) * z * (1 - z)
                for (gate, value) in [reset, update, candidate].enumerated() {
                    a[row, gate * size + unit] = value
                    s[row, gate * size + unit] = gate == 2 ? value * r : value
                }
                dh[row, unit] *= z
            }
        }
    }
}

// MARK: - Recurrences without products

extension PlainBackend {
    /// Calls `body` for each unit of each sequence, with the rows of its steps.
    private func forEachUnit(_ gates: Matrix, _ cells: Matrix, _ body: (_ sequence: Int, _ unit: Int, _ rows: [Int]) -> Void) {
        let batch = cells.rows - gates.rows
        for sequence in 0..<batch {
            let rows = Array(stride(from: sequence, to: gates.rows, by: batch))
            for unit in 0..<cells.columns { body(sequence, unit, rows) }
        }
    }

    public func qrnn(gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputs: Matrix?) {
        let (a, b, c, size, batch) = (Grid(gates), Grid(bias), Grid(cells), cells.columns, cells.rows - gates.rows)
        forEachUnit(gates, cells) { _, unit, rows in
            for row in rows {
                let z = tanh(a[row, unit] + b[0, unit]), f = sigmoid(a[row, size + unit] + b[0, size + unit])
                let taken = Double(share) * (factors.map { Grid($0)[row, unit] } ?? 1) * (1 - f)
                c[row + batch, unit] = (1 - taken) * c[row, unit] + taken * z
                guard let outputs else { continue }
                Grid(outputs)[row, unit] = sigmoid(a[row, 2 * size + unit] + b[0, 2 * size + unit]) * c[row + batch, unit]
            }
        }
    }

    public func qrnnBackward(
        gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputGradient: Matrix, sums: Matrix
    ) {
        let (a, b, c, size, batch) = (Grid(gates), Grid(bias), Grid(cells), cells.columns, cells.rows - gates.rows)
        let kinds = gates.columns / size
        forEachUnit(gates, cells) { sequence, unit, rows in
            var carried = 0.0, total = [Double](repeating: 0, count: kinds)
            for row in rows.reversed() {
                let z = tanh(a[row, unit] + b[0, unit]), f = sigmoid(a[row, size + unit] + b[0, size + unit])
                let factor = Double(share) * (factors.map { Grid($0)[row, unit] } ?? 1), dh = Grid(outputGradient)[row, unit]
                let o = kinds == 3 ? sigmoid(a[row, 2 * size + unit] + b[0, 2 * size + unit]) : 1
                let dc = carried + dh * o
                let slopes = [
                    dc * factor * (1 - f) * (1 - z * z), dc * factor * (c[row, unit] - z) * f * (1 - f),
                    dh * c[row + batch, unit] * o * (1 - o),
                ]
                for kind in 0..<kinds {
                    a[row, kind * size + unit] = slopes[kind]
                    total[kind] += slopes[kind]
                }
                carried = dc * (1 - factor * (1 - f))
            }
            for kind in 0..<kinds { Grid(sums)[sequence, kind * size + unit] = total[kind] }
        }
    }

    public func sru(
        gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputs: Matrix
    ) {
        let (a, b, v, c, size) = (Grid(gates), Grid(bias), Grid(weights), Grid(cells), cells.columns)
        forEachUnit(gates, cells) { _, unit, rows in
            for row in rows {
                func gate(_ kind: Int) -> Double {
                    sigmoid(a[row, (kind + 1) * size + unit] + b[0, kind * size + unit] + v[0, kind * size + unit] * c[row, unit])
                }
                let (f, r, after) = (gate(0), gate(1), row + cells.rows - gates.rows)
                c[after, unit] = f * c[row, unit] + (1 - f) * a[row, unit]
                let x = input.map { Double(scale) * Grid($0)[row, unit] } ?? 0
                Grid(outputs)[row, unit] = r * c[after, unit] + (1 - r) * x
            }
        }
    }

    public func sruBackward(
        gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputGradient: Matrix,
        inputGradient: Matrix?, sums: Matrix
    ) {
        let (a, b, v, c, size) = (Grid(gates), Grid(bias), Grid(weights), Grid(cells), cells.columns)
        forEachUnit(gates, cells) { sequence, unit, rows in
            var carried = 0.0, total = [0.0, 0, 0, 0]
            for row in rows.reversed() {
                let before = c[row, unit], after = c[row + cells.rows - gates.rows, unit], dh = Grid(outputGradient)[row, unit]
                func gate(_ kind: Int) -> Double {
                    sigmoid(a[row, (kind + 1) * size + unit] + b[0, kind * size + unit] + v[0, kind * size + unit] * before)
                }
                let (f, r) = (gate(0), gate(1)), x = input.map { Double(scale) * Grid($0)[row, unit] } ?? 0
                let dc = carried + dh * r, ofF = dc * (before - a[row, unit]) * f * (1 - f)
                let ofR = dh * (after - x) * r * (1 - r)
                for (kind, slope) in [dc * (1 - f), ofF, ofR].enumerated() { a[row, kind * size + unit] = slope }
                for (kind, slope) in [ofF, ofR, ofF * before, ofR * before].enumerated() { total[kind] += slope }
                if let inputGradient { Grid(inputGradient)[row, unit] = dh * (1 - r) * Double(scale) }
                carried = dc * f + ofF * v[0, unit] + ofR * v[0, size + unit]
            }
            for kind in 0..<4 { Grid(sums)[sequence, kind * size + unit] = total[kind] }
        }
    }
}

func sigmoid(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
