internal import Glibc
@_spi(HostMemory) public import Kernels

// The cells of recurrent layers, and recurrences over all steps.

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
