internal import Kernels

extension OperationCase {
    /// The operations of recurrent layers between and after their products.
    static let recurrent: [OperationCase] = [
        elementwise("end of a step", matrices: 3) { memory, rows, columns in
            let (values, output, gradient) = (memory.matrix(rows, columns, scale: 2), memory.zeros(rows, columns), memory.matrix(rows, columns))
            let (gain, bias, statistics) = (memory.matrix(1, columns), memory.matrix(1, columns), memory.zeros(rows, 2))
            let (slope, gainGradient, biasGradient) = (memory.zeros(rows, columns), memory.zeros(1, columns), memory.zeros(1, columns))
            let factors = memory.matrix(rows, columns), sums = memory.normSums(columns)
            var ending = StepEnding()
            (ending.clip, ending.factors, ending.copies) = (1, factors, true)
            ending.norm = StepNorm(gain: gain, bias: bias, epsilon: 1e-5, statistics: statistics)
            var backwards = ending
            backwards.norm?.gainGradient = gainGradient
            backwards.norm?.biasGradient = biasGradient
            backwards.norm?.sums = sums
            return Prepared(
                run: { [ending] in $0.endStep(values, ending, into: output) }, results: [values, output, statistics],
                slope: Slope(
                    inputs: [values, gain, bias], gradients: [slope, gainGradient, biasGradient], output: output,
                    outputGradient: gradient
                ) { [backwards] in
                    $0.copy(gradient, to: slope)
                    $0.endStepBackward(values, backwards, gradient: slope, into: slope)
                    guard let sums else { return }
                    $0.addColumnSums(of: sums.columns(0..<columns), to: gainGradient)
                    $0.addColumnSums(of: sums.columns(columns..<2 * columns), to: biasGradient)
                })
        },
        OperationCase("product and end of a step", isProduct: true, work: { Double(stepDepth) * $0.productOperations }) { memory, sizes in
            let depth = stepDepth * sizes.depth, rows = sizes.rows, columns = sizes.columns
            // A product with values of about 1, so that clipping changes some of them.
            let left = memory.factor(rows, depth, scale: 3 / Double(depth).squareRoot()), right = memory.matrix(depth, columns)
            let values = memory.zeros(rows, columns), output = memory.zeros(rows, columns), packing = packedOnce(right.operand)
            let parts = memory.stepParts(rows: rows, depth: depth, columns: columns)
            var ending = StepEnding()
            (ending.clip, ending.parts, ending.copies) = (1, parts, true)
            return Prepared(
                run: { [ending] in
                    if let parts {
                        $0.multiply(left, packing($0), intoParts: parts)
                    } else {
                        $0.multiply(left, packing($0), into: values)
                    }
                    $0.endStep(values, ending, into: output)
                }, results: [values, output])
        },
        lstm("LSTM step", storesFactors: false), lstm("LSTM step, stored as factors", storesFactors: true),
        elementwise("GRU step", matrices: 9) { memory, rows, size in
            let (gates, products) = (memory.matrix(rows, 3 * size, scale: 2), memory.matrix(rows, 3 * size, scale: 2))
            let (bias, own, previous) = (memory.matrix(1, 3 * size), memory.matrix(1, size), memory.matrix(rows, size))
            let (outputs, gradient, slope) = (memory.zeros(rows, size), memory.matrix(rows, size), memory.zeros(rows, size))
            let (ofGates, ofProducts) = (memory.zeros(rows, 3 * size), memory.zeros(rows, 3 * size))
            return Prepared(
                run: {
                    $0.gruStep(
                        gates: gates, products: products, bias: bias, candidateBias: own, previous: previous, outputs: outputs)
                }, results: [gates, products, outputs],
                slope: Slope(
                    inputs: [gates, products, previous], gradients: [ofGates, ofProducts, slope], output: outputs,
                    outputGradient: gradient
                ) {
                    $0.copy(gates, to: ofGates)
                    $0.copy(products, to: ofProducts)
                    $0.copy(gradient, to: slope)
                    $0.gruStepBackward(gates: ofGates, products: ofProducts, previous: previous, gradient: slope)
                })
        },
        qrnn("QRNN, all steps", isGated: true, isZoned: false), qrnn("QRNN with zoneout", isGated: true, isZoned: true),
        qrnn("QRNN without output gates", isGated: false, isZoned: false),
        sru("SRU, all steps", hasHighway: true), sru("SRU without a highway", hasHighway: false),
    ]

    /// The factor by which a step's product, which a device computes in parts, is deeper than other products.
    private static let stepDepth = 8

    /// Returns the operation of an LSTM step.
    /// - `storesFactors`: true if gates and outputs are stored as factors of products.
    private static func lstm(_ name: String, storesFactors: Bool) -> OperationCase {
        elementwise(name, matrices: 7, storesFactors: storesFactors) { memory, rows, size in
            func make(_ columns: Int, _ scale: Double = 1) -> Matrix {
                storesFactors ? memory.factor(rows, columns, scale: scale) : memory.matrix(rows, columns, scale: scale)
            }
            let gates = make(4 * size, 2), outputs = make(size), gradient = make(size), own = make(4 * size)
            let bias = memory.matrix(1, 4 * size), previous = memory.matrix(rows, size), cells = memory.zeros(rows, size)
            let cellGradient = memory.zeros(rows, size)
            return Prepared(
                run: { $0.lstmStep(gates: gates, bias: bias, previous: previous, cells: cells, outputs: outputs, clip: 3) },
                results: storesFactors ? [cells, outputs] : [gates, cells, outputs],
                slope: Slope(
                    inputs: [gates, previous], gradients: [own, cellGradient], output: outputs, outputGradient: gradient
                ) {
                    $0.copy(gates, to: own)
                    $0.fill(cellGradient, with: 0)
                    $0.lstmStepBackward(
                        gates: own, bias: bias, previous: previous, cells: cells, outputGradient: gradient,
                        cellGradient: cellGradient, clip: 3, recomputesOutputs: true)
                })
        }
    }

    /// Returns the number of sequences side by side in recurrences over all steps; the last step may have fewer.
    private static func sequences(_ rows: Int) -> Int { (rows + 19) / 20 }

    private static func qrnn(_ name: String, isGated: Bool, isZoned: Bool) -> OperationCase {
        let kinds = isGated ? 3 : 2
        return elementwise(name, matrices: Double(kinds + (isGated ? 2 : 1) + (isZoned ? 1 : 0))) { memory, rows, size in
            let batch = sequences(rows), gates = memory.matrix(rows, kinds * size, scale: 2), bias = memory.matrix(1, kinds * size)
            let cells = memory.matrix(rows + batch, size), outputs = isGated ? memory.zeros(rows, size) : nil
            let factors = isZoned ? memory.zeros(rows, size) : nil, share: Float = isZoned ? 0.7 : 1
            let gradient = memory.matrix(rows, size), ofGates = memory.zeros(rows, kinds * size)
            let sums = memory.zeros(batch, kinds * size), ofBias = memory.zeros(1, kinds * size)
            if let factors { memory.write((0..<rows * size).map { $0 % 3 == 0 ? 0 : 1 / share }, to: factors) }
            return Prepared(
                run: { $0.qrnn(gates: gates, bias: bias, factors: factors, share: share, cells: cells, outputs: outputs) },
                results: [cells] + [outputs].compactMap { $0 },
                slope: Slope(
                    inputs: [gates, bias], gradients: [ofGates, ofBias], output: outputs ?? cells.rows(batch..<batch + rows),
                    outputGradient: gradient
                ) {
                    $0.copy(gates, to: ofGates)
                    $0.qrnnBackward(
                        gates: ofGates, bias: bias, factors: factors, share: share, cells: cells, outputGradient: gradient, sums: sums)
                    $0.fill(ofBias, with: 0)
                    $0.addColumnSums(of: sums, to: ofBias)
                })
        }
    }

    private static func sru(_ name: String, hasHighway: Bool) -> OperationCase {
        elementwise(name, matrices: hasHighway ? 6 : 5) { memory, rows, size in
            let batch = sequences(rows), gates = memory.matrix(rows, 3 * size, scale: 2), bias = memory.matrix(1, 2 * size)
            let weights = memory.matrix(1, 2 * size), cells = memory.matrix(rows + batch, size), outputs = memory.zeros(rows, size)
            let input = hasHighway ? memory.matrix(rows, size) : nil, ofInput = hasHighway ? memory.zeros(rows, size) : nil
            let gradient = memory.matrix(rows, size), ofGates = memory.zeros(rows, 3 * size), sums = memory.zeros(batch, 4 * size)
            let (ofBias, ofWeights) = (memory.zeros(1, 2 * size), memory.zeros(1, 2 * size))
            return Prepared(
                run: {
                    $0.sru(gates: gates, bias: bias, weights: weights, input: input, scale: 1.5, cells: cells, outputs: outputs)
                }, results: [cells, outputs],
                slope: Slope(
                    inputs: [gates, bias, weights] + [input].compactMap { $0 },
                    gradients: [ofGates, ofBias, ofWeights] + [ofInput].compactMap { $0 }, output: outputs, outputGradient: gradient
                ) {
                    $0.copy(gates, to: ofGates)
                    $0.sruBackward(
                        gates: ofGates, bias: bias, weights: weights, input: input, scale: 1.5, cells: cells,
                        outputGradient: gradient, inputGradient: ofInput, sums: sums)
                    $0.fill(ofBias, with: 0)
                    $0.fill(ofWeights, with: 0)
                    $0.addColumnSums(of: sums.columns(0..<2 * size), to: ofBias)
                    $0.addColumnSums(of: sums.columns(2 * size..<4 * size), to: ofWeights)
                })
        }
    }
}
