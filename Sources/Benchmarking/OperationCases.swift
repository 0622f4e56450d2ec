internal import Kernels

extension OperationCase {
    /// Returns an operation on [rows, columns] matrices that reads and writes the given number of them.
    static func elementwise(
        _ name: String, matrices: Double, storesFactors: Bool = false,
        _ prepare: @escaping @Sendable (_ memory: OperationMemory, _ rows: Int, _ columns: Int) -> Prepared
    ) -> OperationCase {
        OperationCase(name, storesFactors: storesFactors, work: { matrices * Double($0.rows * $0.columns) }) {
            prepare($0, $1.rows, $1.columns)
        }
    }

    /// Returns an elementwise operation that changes one matrix.
    private static func inPlace(
        _ name: String, matrices: Double = 2, scale: Double = 1, _ run: @escaping @Sendable (any Backend, Matrix) -> Void
    ) -> OperationCase {
        elementwise(name, matrices: matrices) { memory, rows, columns in
            let values = memory.matrix(rows, columns, scale: scale)
            return Prepared(run: { run($0, values) }, results: [values])
        }
    }

    /// Returns an elementwise operation that reads one matrix and writes or changes another; `rowSource` and `rowTarget` tell whether
    /// one of them is [1, columns].
    private static func pairwise(
        _ name: String, matrices: Double, rowSource: Bool = false, rowTarget: Bool = false,
        _ run: @escaping @Sendable (any Backend, _ source: Matrix, _ target: Matrix) -> Void
    ) -> OperationCase {
        elementwise(name, matrices: matrices) { memory, rows, columns in
            let source = memory.matrix(rowSource ? 1 : rows, columns), target = memory.matrix(rowTarget ? 1 : rows, columns)
            return Prepared(run: { run($0, source, target) }, results: [target])
        }
    }

    static func product(
        _ name: String, left isLeftTransposed: Bool = false, right isRightTransposed: Bool = false, packed: Bool = false,
        adding: Bool = false, biased: Bool = false
    ) -> OperationCase {
        OperationCase(
            name, isProduct: true, left: isLeftTransposed, right: isRightTransposed, work: { $0.productOperations }
        ) { memory, sizes in
            let (left, right) = memory.factors(sizes, isLeftTransposed: isLeftTransposed, isRightTransposed: isRightTransposed)
            let result = memory.matrix(sizes.rows, sizes.columns), bias = memory.matrix(1, sizes.columns)
            let factors = (
                isLeftTransposed ? left.transposed : left.operand, isRightTransposed ? right.transposed : right.operand
            )
            let packing = packedOnce(factors.1)
            return Prepared(
                run: { backend in
                    switch (packed, biased) {
                    case (false, false): backend.multiply(factors.0, factors.1, into: result, adding: adding)
                    case (false, true): backend.multiply(factors.0, factors.1, bias: bias, into: result)
                    case (true, false): backend.multiply(factors.0, packing(backend), into: result, adding: adding)
                    case (true, true): backend.multiply(factors.0, packing(backend), bias: bias, into: result)
                    }
                }, results: [result])
        }
    }

    /// Returns a function that packs a factor for a backend, only once for each backend.
    static func packedOnce(_ factor: Operand) -> (any Backend) -> PackedFactor {
        var kept: (backend: any Backend, factor: PackedFactor)?
        return { backend in
            if let kept, kept.backend === backend { return kept.factor }
            let factor = backend.packed(factor)
            kept = (backend, factor)
            return factor
        }
    }

    private static func activation(_ name: String, _ function: Activation) -> OperationCase {
        elementwise(name, matrices: 2) { memory, rows, columns in
            let values = memory.matrix(rows, columns, scale: 3), gradient = memory.matrix(rows, columns)
            let slope = memory.zeros(rows, columns)
            return Prepared(
                run: { $0.activate(values, function) }, results: [values],
                slope: Slope(inputs: [values], gradients: [slope], output: values, outputGradient: gradient) { backend in
                    backend.copy(gradient, to: slope)
                    backend.bend(slope, by: values, function)
                })
        }
    }

    private static func distance(_ name: String, _ make: @escaping @Sendable (Int) -> Distance) -> OperationCase {
        elementwise(name, matrices: 3) { memory, rows, columns in
            let (p, t) = (memory.matrix(rows, columns), memory.matrix(rows, columns))
            let gradient = memory.zeros(rows, columns), factors = memory.scalars(rows), loss = memory.scalars(1)
            let distance = make(columns)
            let run: (any Backend) -> Void = {
                $0.wait()
                loss[0] = 0
                $0.addDistance(distance, p, t, factors: factors, gradient: gradient, loss: loss)
            }
            return Prepared(
                run: run, results: [gradient], scalars: [loss],
                slope: Slope(inputs: [p], gradients: [gradient], output: nil, outputGradient: nil) { _ in })
        }
    }

    /// Returns a softmax whose rows are positions, whose columns are classes, and whose depth is the number of inputs.
    private static func softmax(_ name: String, sampled: Bool) -> OperationCase {
        OperationCase(name, work: { 3 * Double($0.rows * $0.columns) }) { memory, sizes in
            let (rows, classes, inputs) = (sizes.rows, sizes.columns, sizes.depth)
            let logits = memory.matrix(classes, rows, scale: 3), states = memory.matrix(rows, inputs)
            let scaled = memory.zeros(rows, inputs), bias = memory.matrix(1, classes), sums = memory.zeros(1, classes)
            let targets = memory.numbers(rows, below: classes), factors = memory.scalars(rows), loss = memory.scalars(1)
            let weights = memory.matrix(classes, inputs), gradient = memory.zeros(classes, inputs)
            let below = memory.matrix(rows, inputs), biasGradient = memory.zeros(1, classes), own = memory.matrix(1, rows)
            let room = memory.zeros(1, SoftmaxPass.memoryCount(rows: rows)), corrections = memory.scalars(rows)
            let run: (any Backend) -> Void = { backend in
                var pass = SoftmaxPass(
                    targets: targets, bias: bias, factors: factors, states: states, scaled: scaled, memory: room)
                backend.wait()
                loss[0] = 0
                if sampled {
                    pass.hasOwnTargets = true
                    backend.classShifts(of: bias, at: targets, corrections: corrections, into: own)
                    backend.targetLogits(states, weights: weights, rows: targets, shifts: own, into: pass.targetLogits)
                    backend.exclude(targets, from: logits)
                }
                backend.softmax(logits, pass, loss: loss)
                backend.addClassSums(of: logits, pass, to: sums)
                backend.addTargetGradients(
                    pass, statesGradient: below, weights: weights, rows: targets, gradient: gradient,
                    biasGradient: biasGradient, slots: targets)
            }
            return Prepared(run: run, results: [logits, scaled, sums, below, gradient, biasGradient], scalars: [loss])
        }
    }

    /// Returns a layer norm, or the sum of a layer norm and its input, whose backward pass sends the gradient along both paths.
    private static func layerNorm(_ name: String, isResidual: Bool) -> OperationCase {
        elementwise(name, matrices: isResidual ? 5 : 2) { memory, rows, columns in
            let (input, output, gradient) = (memory.matrix(rows, columns, scale: 2), memory.zeros(rows, columns), memory.matrix(rows, columns))
            let (gain, bias, statistics) = (memory.matrix(1, columns), memory.matrix(1, columns), memory.zeros(rows, 2))
            let (slope, gainGradient, biasGradient) = (memory.zeros(rows, columns), memory.zeros(1, columns), memory.zeros(1, columns))
            let above = isResidual ? memory.zeros(rows, columns) : slope
            return Prepared(
                run: {
                    $0.layerNorm(input, gain: gain, bias: bias, epsilon: 1e-5, into: output, statistics: statistics)
                    if isResidual { $0.add(input, to: output) }
                }, results: [output, statistics],
                slope: Slope(
                    inputs: [input, gain, bias], gradients: [slope, gainGradient, biasGradient], output: output,
                    outputGradient: gradient
                ) {
                    $0.copy(gradient, to: above)
                    if isResidual { $0.copy(gradient, to: slope) }
                    $0.layerNormBackward(
                        input, gain: gain, statistics: statistics, gradient: above, residual: isResidual ? slope : nil,
                        gainGradient: gainGradient, biasGradient: biasGradient)
                })
        }
    }

    /// Returns an operation that writes a row, or zeros, to every other row of a matrix; values that are overwritten get no gradient.
    private static func broadcastAt(_ name: String, hasRow: Bool) -> OperationCase {
        elementwise(name, matrices: 1) { memory, rows, columns in
            let row = memory.matrix(1, columns), target = memory.matrix(rows, columns), gradient = memory.matrix(rows, columns)
            let count = (rows + 1) / 2, places = memory.numbers(count, below: 1)
            for index in 0..<count { places[index] = index == 1 ? -1 : Int32(2 * index) }
            let (slope, rowSlope, picked) = (memory.zeros(rows, columns), memory.zeros(1, columns), memory.zeros(count, columns))
            return Prepared(
                run: { $0.broadcast(hasRow ? row : nil, to: target, at: places) }, results: [target],
                slope: Slope(
                    inputs: hasRow ? [target, row] : [target], gradients: hasRow ? [slope, rowSlope] : [slope], output: target,
                    outputGradient: gradient
                ) {
                    $0.copy(gradient, to: slope)
                    $0.gather(places, of: slope, into: picked)
                    $0.addColumnSums(of: picked, to: rowSlope)
                    $0.broadcast(nil, to: slope, at: places)
                })
        }
    }

    /// Returns the reversal of sequences, three side by side if there are enough rows; the backward pass reverses the gradient.
    private static func reversal(_ name: String, hasLengths: Bool, adding: Bool) -> OperationCase {
        elementwise(name, matrices: adding ? 3 : 2) { memory, rows, columns in
            let batch = rows % 3 == 0 ? 3 : 1, steps = rows / batch
            let source = memory.matrix(rows, columns), target = memory.matrix(rows, columns)
            let gradient = memory.matrix(rows, columns), slope = memory.zeros(rows, columns)
            let lengths = hasLengths ? memory.numbers(batch, below: steps + 1) : nil
            return Prepared(
                run: { $0.reverse(source, batch: batch, lengths: lengths, into: target, adding: adding) }, results: [target],
                slope: Slope(inputs: [source], gradients: [slope], output: target, outputGradient: gradient) {
                    $0.reverse(gradient, batch: batch, lengths: lengths, into: slope, adding: false)
                })
        }
    }

    private static func optimizer(_ name: String, _ optimizer: any Optimizer, sparse: Bool = false) -> OperationCase {
        elementwise(name, matrices: 2 * Double(2 + optimizer.momentNames.count)) { memory, rows, columns in
            let all = sparse ? 2 * rows + 1 : rows
            let weights = memory.matrix(all, columns), gradients = memory.matrix(rows, columns)
            let first = memory.matrix(all, columns, scale: 0.1), second = memory.matrix(all, columns)
            let ones = optimizer.momentNames.count == 1 ? first : second
            memory.write((0..<all * columns).map { 0.5 + Float($0 % 7) }, to: ones)
            let numbers = memory.numbers(rows, below: all)
            for row in 0..<rows { numbers[row] = Int32(2 * row + 1) }
            let run = WeightRun(
                weights: weights, gradients: gradients, firstMoments: first,
                secondMoments: optimizer.momentNames.count == 1 ? nil : second, rows: sparse ? numbers : nil)
            return Prepared(
                run: {
                    optimizer.update(
                        run, OptimizerStep(number: 3, rate: 0.01, scale: 0.5, weightDecay: 0.1), on: $0)
                }, results: [weights, gradients, first, second])
        }
    }

    /// All cases.
    public static let all: [OperationCase] = [
        product("product"), product("product, left transposed", left: true), product("product, right transposed", right: true),
        product("product, adding", adding: true), product("product, with a bias", biased: true),
        product("product, packed", packed: true), product("product, packed, with a bias", packed: true, biased: true),
        product("product, packed, transposed", right: true, packed: true),
        pairwise("copy", matrices: 2) { $0.copy($1, to: $2) },
        inPlace("fill", matrices: 1) { $0.fill($1, with: 0.25) },
        pairwise("add", matrices: 3) { $0.add($1, to: $2) },
        inPlace("scale") { $0.scale($1, by: 0.999) },
        pairwise("broadcast", matrices: 1, rowSource: true) { $0.broadcast($1, to: $2) },
        pairwise("add row", matrices: 2, rowSource: true) { $0.addRow($1, to: $2) },
        pairwise("column sums", matrices: 1, rowTarget: true) { $0.addColumnSums(of: $1, to: $2) },
        elementwise("gather", matrices: 2) { memory, rows, columns in
            let table = memory.matrix(2 * rows, columns), places = memory.numbers(rows, below: 2 * rows)
            if rows > 2 { places[1] = -1 }
            let target = memory.matrix(rows, columns)
            return Prepared(run: { $0.gather(places, of: table, into: target) }, results: [target])
        },
        broadcastAt("broadcast to some rows", hasRow: true), broadcastAt("zeros in some rows", hasRow: false),
        reversal("reverse", hasLengths: false, adding: false), reversal("reverse, adding", hasLengths: false, adding: true),
        reversal("reverse, by length", hasLengths: true, adding: false),
        reversal("reverse, by length, adding", hasLengths: true, adding: true),
        elementwise("scatter", matrices: 3) { memory, rows, columns in
            let table = memory.matrix(rows, columns), places = memory.numbers(rows, below: rows)
            if rows > 2 { places[1] = -1 }
            let source = memory.matrix(rows, columns)
            return Prepared(run: { $0.scatterAdd(source, to: table, at: places) }, results: [table])
        },
        elementwise("runs", matrices: 4) { memory, rows, columns in
            let table = memory.matrix(rows, columns), target = memory.matrix(rows, columns)
            // Runs of no row, of one row and of two rows.
            let places = memory.numbers(2 * rows, below: rows), ends = memory.numbers(rows, below: 1)
            for index in 0..<rows { ends[index] = (index > 0 ? ends[index - 1] : 0) + Int32(index + 1) % 3 }
            return Prepared(run: { $0.addRuns(places, ends: ends, of: table, times: 0.75, to: target) }, results: [target])
        },
        elementwise("means of runs", matrices: 2) { memory, rows, columns in
            let target = memory.matrix(rows, columns), ends = memory.numbers(rows, below: 1)
            for index in 0..<rows { ends[index] = (index > 0 ? ends[index - 1] : 0) + Int32(index + 1) % 4 }
            return Prepared(run: { $0.divideByRuns(target, ends: ends) }, results: [target])
        },
        elementwise("move sum", matrices: 4) { memory, rows, columns in
            let parts = (0..<3).map { _ in memory.matrix(rows, columns) }
            return Prepared(run: { $0.moveSum(of: Array(parts[1...]), to: parts[0]) }, results: parts)
        },
        inPlace("normalize") { $0.normalize($1) },
        activation("relu", .relu), activation("tanh", .tanh), activation("sigmoid", .sigmoid),
        elementwise("dropout", matrices: 3) { memory, rows, columns in
            let (mask, values) = (memory.zeros(rows, columns), memory.matrix(rows, columns))
            return Prepared(
                run: {
                    $0.fill(mask, with: DropoutDraw(rate: 0.3, seed: 1, site: 2, step: 3))
                    $0.multiply(values, by: mask)
                }, results: [mask, values])
        },
        elementwise("clip", matrices: 2) { memory, rows, columns in
            let values = memory.matrix(rows, columns, scale: 2), gradient = memory.matrix(rows, columns)
            let slope = memory.zeros(rows, columns)
            return Prepared(
                run: { $0.clip(values, to: 1) }, results: [values],
                slope: Slope(inputs: [values], gradients: [slope], output: values, outputGradient: gradient) {
                    $0.copy(gradient, to: slope)
                    $0.maskClipped(slope, by: values, bound: 1)
                })
        },
        layerNorm("layer norm", isResidual: false), layerNorm("layer norm with a connection around it", isResidual: true),
        elementwise("scale to norm", matrices: 2) { memory, rows, columns in
            let (input, output, gradient) = (memory.matrix(rows, columns, scale: 2), memory.zeros(rows, columns), memory.matrix(rows, columns))
            let (logScale, slope, logScaleGradient) = (memory.matrix(1, 1), memory.zeros(rows, columns), memory.zeros(1, 1))
            return Prepared(
                run: { $0.scaleToNorm(input, logScale: logScale, into: output) }, results: [output],
                slope: Slope(
                    inputs: [input, logScale], gradients: [slope, logScaleGradient], output: output, outputGradient: gradient
                ) {
                    $0.copy(gradient, to: slope)
                    $0.scaleToNormBackward(input, logScale: logScale, gradient: slope, logScaleGradient: logScaleGradient)
                })
        }
    ] + recurrent + transformer + [
        elementwise("highway", matrices: 4) { memory, rows, columns in
            let inputs = (0..<3).map { _ in memory.matrix(rows, columns) }, output = memory.zeros(rows, columns)
            let gradient = memory.matrix(rows, columns), slopes = (0..<3).map { _ in memory.zeros(rows, columns) }
            return Prepared(
                run: { $0.highway(inputs[0], transformed: inputs[1], gates: inputs[2], into: output) },
                results: [output, inputs[1], inputs[2]],
                slope: Slope(inputs: inputs, gradients: slopes, output: output, outputGradient: gradient) {
                    $0.highwayBackward(
                        inputs[0], transformed: inputs[1], gates: inputs[2], outputGradient: gradient,
                        transformedGradient: slopes[1], gateGradient: slopes[2], carried: slopes[0])
                })
        },
        elementwise("character filters", matrices: 15) { memory, words, filters in
            let size = 4, width = 2
            let starts = memory.numbers(words, below: 1), places = memory.numbers(words, below: 5)
            var rows = 0
            for word in 0..<words {
                (starts[word], places[word]) = (Int32(rows), places[word] + 1)
                rows += Int(places[word]) + width
            }
            let count = (0..<words).reduce(0) { $0 + Int(places[$1]) }
            let letters = memory.matrix(rows, size), windows = memory.zeros(count, width * size)
            let answers = memory.matrix(count, filters), bias = memory.matrix(1, filters), features = memory.zeros(words, filters)
            let chosen = ChosenPlaces(memory.numbers(words * filters, below: 1), features: filters, column: 0)
            let gradient = memory.matrix(words, filters), weights = memory.matrix(filters, width * size)
            let (own, ownBias, ofLetters) = (memory.zeros(filters, width * size), memory.zeros(1, filters), memory.zeros(rows, size))
            return Prepared(
                run: {
                    $0.unfold(letters, width: width, words: 0..<words, starts: starts, places: places, into: windows)
                    $0.maxPool(
                        answers, words: 0..<words, places: places, bias: bias, .tanh, into: features, chosen: chosen)
                    $0.addFilterGradients(
                        gradient, chosen, letters: letters, starts: starts, weightGradient: own, biasGradient: ownBias)
                    $0.addLetterGradients(gradient, chosen, weights: weights, starts: starts, lettersGradient: ofLetters)
                }, results: [windows, features, own, ownBias, ofLetters])
        },
        OperationCase("row factors", work: { 3 * Double($0.rows) }) { memory, sizes in
            let weights = memory.matrix(1, sizes.rows), factors = memory.scalars(sizes.rows)
            memory.write((0..<sizes.rows).map { Float($0 % 3) / 2 }, to: weights)
            return Prepared(run: { $0.fillRowFactors(factors, weights: weights) }, results: [], scalars: [factors])
        },
        distance("cosine loss") { _ in .cosine }, distance("squared distance") { _ in .squared },
        distance("von Mises-Fisher loss") { .vonMisesFisher(size: $0) },
        elementwise("max-margin loss", matrices: 4) { memory, rows, columns in
            let loss = memory.scalars(1), factors = memory.scalars(rows)
            let (p, t, gradient) = (memory.matrix(rows, columns), memory.matrix(rows, columns), memory.zeros(rows, columns))
            let margin = MaxMargin(
                margin: 0.5, negatives: memory.zeros(rows, columns),
                products: memory.zeros(1, min(rows, MaxMargin.blockRows) * min(rows, MaxMargin.blockColumns)),
                places: memory.numbers(rows, below: 1), nearestProducts: memory.zeros(1, rows),
                nearest: memory.numbers(rows, below: 1))
            return Prepared(
                run: {
                    $0.wait()
                    loss[0] = 0
                    $0.addMaxMargin(margin, p, t, factors: factors, gradient: gradient, loss: loss)
                }, results: [gradient], scalars: [loss])
        },
        softmax("softmax", sampled: false), softmax("sampled softmax", sampled: true),
        inPlace("log softmax", scale: 5) { $0.logSoftmax($1) },
        elementwise("layers mixed", matrices: 4) { memory, rows, width in
            let layers = 3, input = memory.matrix(rows, layers * width)
            let weights = memory.matrix(1, layers), gain = memory.matrix(1, 1)
            let (output, gradient, slope) = (memory.zeros(rows, width), memory.matrix(rows, width), memory.zeros(rows, layers * width))
            let (own, ownGain, partials) = (memory.zeros(1, layers), memory.zeros(1, 1), memory.scalars(mixBlocks * layers))
            return Prepared(
                run: { $0.mixLayers(input, weights: weights, gain: gain, into: output) }, results: [output],
                slope: Slope(
                    inputs: [input, weights, gain], gradients: [slope, own, ownGain], output: output, outputGradient: gradient
                ) {
                    $0.mixLayersBackward(
                        input, weights: weights, gain: gain, outputGradient: gradient, inputGradient: slope,
                        partials: partials, weightGradient: own, gainGradient: ownGain)
                })
        },
        elementwise("squared norm", matrices: 1) { memory, rows, columns in
            let values = memory.matrix(rows, columns), norm = memory.scalars(1)
            return Prepared(run: { norm[0] = $0.squaredNorm(values) }, results: [], scalars: [norm])
        },
        // From the second run on, gradients are zero; with slowly decaying moments, the values nevertheless stay normal floats.
        optimizer("Adam", Adam(beta1: 0.9999, beta2: 0.9999)), optimizer("Adagrad", Adagrad()),
        optimizer("Adam, some rows", Adam(beta1: 0.9999, beta2: 0.9999), sparse: true),
        optimizer("Adagrad, some rows", Adagrad(), sparse: true),
        OperationCase("scores of candidates", isProduct: true, work: { $0.productOperations }) { memory, sizes in
            let left = memory.matrix(sizes.rows, sizes.depth), right = memory.matrix(sizes.depth, sizes.columns)
            let prior = memory.matrix(1, sizes.columns), sums = memory.scalars(3 * sizes.rows)
            let packing = packedOnce(right.operand)
            return Prepared(
                run: { backend in
                    let found = backend.scoreSums(
                        left, packing(backend), prior: prior, scale: 2,
                        targets: (0..<sizes.rows).map { _ in ScoreTarget(score: 0.5) }, moments: true)
                    for (row, sum) in found.enumerated() {
                        (sums[3 * row], sums[3 * row + 1], sums[3 * row + 2]) = (sum.logTotal, sum.mean, sum.variance)
                    }
                }, results: [], scalars: [sums])
        },
    ]
}
