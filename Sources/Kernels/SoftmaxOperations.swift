internal import Glibc
internal import Parallel

/// A softmax over classes whose logits are stored class by class, so that sums over classes are vector operations over rows: its
/// inputs and the memory for its results.
///
///     p(class | row) = e^(logit + bias) / total,  loss = sum over rows of factor x -log p(target)
///
/// ```swift
/// let memory = Matrix(buffer, rows: 1, columns: SoftmaxPass.memoryCount(rows: states.rows))
/// let pass = SoftmaxPass(targets: targets, bias: nil, factors: factors, states: states, scaled: scaled, memory: memory)
/// backend.softmax(logits, pass, loss: loss)
/// ```
public struct SoftmaxPass: Sendable {
    /// Number of blocks of classes, which depends only on the number of classes; sums of blocks are added in order.
    public static let blocks = 128

    /// Added to the logits of each class, [1, classes]; `nil` adds nothing.
    public var bias: Matrix?
    /// The class of each row's target, [rows].
    public var targets: Numbers
    /// True if the targets are not among the classes; `targetLogits` then holds their logits, which take part in the softmax.
    public var hasOwnTargets = false
    /// The factor of each row in the loss, [rows].
    public var factors: Scalars
    /// The states, and room for each state times the factor of its exponentials, [rows, inputs]. Without states there is no
    /// gradient.
    public var states, scaled: Matrix
    /// For each row, [1, rows]: the highest logit; the target's logit; what turns exponentials into gradients (factor / total); and
    /// the additional gradient of the target's logit.
    public let highest, targetLogits, stateFactors, slopes: Matrix
    /// Sums of e^(logit - highest) by block, [blocks, rows].
    public let partials: Matrix
    /// Sums of e^(logit - highest), [rows].
    public let totals: Scalars

    /// Floats of `memory` needed for `rows` rows.
    public static func memoryCount(rows: Int) -> Int { (4 + blocks + 2) * rows }

    /// Creates a pass over scratch memory.
    /// - `memory`: [1, memoryCount], for the rows of `states`.
    public init(
        targets: Numbers, bias: Matrix?, factors: Scalars, states: Matrix, scaled: Matrix, memory: Matrix
    ) {
        let rows = states.rows
        precondition(memory.columns >= Self.memoryCount(rows: rows) && targets.count >= rows && factors.count >= rows)
        func part(_ index: Int, _ count: Int = 1) -> Matrix {
            Matrix(memory.start + index * rows, rows: count, columns: rows)
        }
        self.targets = targets
        self.bias = bias
        self.factors = factors
        self.states = states
        self.scaled = scaled
        totals = Scalars(
            UnsafeMutableRawPointer(memory.start).bindMemory(to: Double.self, capacity: rows), count: rows)
        highest = part(2)
        targetLogits = part(3)
        stateFactors = part(4)
        slopes = part(5)
        partials = part(6, Self.blocks)
    }
}

extension ProcessorBackend {
    public func softmax(_ logits: Matrix, _ pass: SoftmaxPass, loss: Scalars) {
        let rows = logits.columns
        precondition(rows == pass.states.rows && rows == pass.scaled.rows)
        sum(logits, pass, raising: true)
        pass.highest.start.update(from: pass.partials.start, count: rows)
        for block in 1..<SoftmaxPass.blocks {
            Vector.raise(pass.highest.start, to: pass.partials.row(block), plus: 0, count: rows)
        }
        for row in 0..<rows {
            if pass.hasOwnTargets {
                let logit = pass.targetLogits.start[row]
                // Not `max`, which would hide NaN.
                if !(logit <= pass.highest.start[row]) { pass.highest.start[row] = logit }
            } else {
                // Before exponentials replace the logits.
                let target = Int(pass.targets[row])
                pass.targetLogits.start[row] = logits.row(target)[row] + (pass.bias?.start[target] ?? 0)
            }
        }
        sum(logits, pass, raising: false)
        var sum = 0.0
        for row in 0..<rows {
            let target = Double(pass.targetLogits.start[row]), highest = Double(pass.highest.start[row])
            var total = 0.0
            for block in 0..<SoftmaxPass.blocks { total += Double(pass.partials.row(block)[row]) }
            if pass.hasOwnTargets {
                total += exp(Double(pass.targetLogits.start[row] - pass.highest.start[row]))
            }
            pass.totals[row] = total
            let factor = pass.factors[row], logTotal = highest + log(total)
            if factor != 0 { sum += factor * (logTotal - target) }
            let stateFactor = Float(factor / total)
            pass.stateFactors.start[row] = stateFactor
            pass.slopes.start[row] = pass.hasOwnTargets ? Float(factor * (exp(target - logTotal) - 1)) : -Float(factor)
            Vector.scaled(pass.states.row(row), by: stateFactor, into: pass.scaled.row(row), count: pass.states.columns)
        }
        loss[0] += sum
    }

    /// Finds the highest logit + bias of each row in each block of classes, or sums e^(logit + bias - highest) and replaces the
    /// logits by these exponentials.
    private func sum(_ logits: Matrix, _ pass: SoftmaxPass, raising: Bool) {
        struct Job: ParallelJob {
            let logits, highest, partials: Matrix
            let bias: UnsafeMutablePointer<Float>?
            let raising: Bool

            var tasks: Int { SoftmaxPass.blocks }

            func run(_ block: Int) {
                let count = logits.columns, result = partials.row(block)
                result.update(repeating: raising ? -.infinity : 0, count: count)
                for index in logits.rows * block / tasks..<logits.rows * (block + 1) / tasks {
                    let values = logits.row(index), shift = bias?[index] ?? 0
                    if raising {
                        Vector.raise(result, to: values, plus: shift, count: count)
                    } else {
                        Vector.addExponentials(of: values, plus: shift, minus: highest.start, to: result, count: count)
                    }
                }
            }
        }
        pool.run(
            Job(logits: logits, highest: pass.highest, partials: pass.partials, bias: pass.bias?.start, raising: raising))
    }

    public func addClassSums(of exponentials: Matrix, _ pass: SoftmaxPass, to sums: Matrix) {
        struct Job: ParallelJob {
            let values, factors, sums: Matrix

            var tasks: Int { values.rows.groups(of: 256) }

            func run(_ task: Int) {
                for index in values.rows.group(task, of: 256) {
                    sums.start[index] += Float(Vector.dot(values.row(index), factors.start, count: values.columns))
                }
            }
        }
        pool.run(Job(values: exponentials, factors: pass.stateFactors, sums: sums))
    }

    public func addTargetGradients(
        _ pass: SoftmaxPass, statesGradient: Matrix, weights: Matrix, rows: Numbers, gradient: Matrix?, biasGradient: Matrix?,
        slots: Numbers
    ) {
        let count = statesGradient.columns
        for row in 0..<statesGradient.rows {
            let below = statesGradient.row(row), slope = pass.slopes.start[row]
            Vector.scale(below, by: pass.stateFactors.start[row], count: count)
            guard pass.factors[row] != 0 else { continue }
            let slot = Int(slots[row])
            Vector.add(weights.row(Int(rows[row])), times: slope, to: below, count: count)
            if let gradient { Vector.add(pass.states.row(row), times: slope, to: gradient.row(slot), count: count) }
            biasGradient?.start[slot] += slope
        }
    }

    public func exclude(_ places: Numbers, from logits: Matrix) {
        for row in 0..<logits.columns where places[row] >= 0 { logits.row(Int(places[row]))[row] = -.infinity }
    }

    public func classShifts(of biases: Matrix, at rows: Numbers, corrections: Scalars, into shifts: Matrix) {
        precondition(biases.isDense && rows.count >= shifts.columns && corrections.count >= shifts.columns)
        for index in 0..<shifts.columns {
            shifts.start[index] = biases.start[Int(rows[index])] - Float(corrections[index])
        }
    }

    public func targetLogits(_ states: Matrix, weights: Matrix, rows: Numbers, shifts: Matrix, into logits: Matrix) {
        for row in 0..<states.rows {
            let product = Vector.dot(states.row(row), weights.row(Int(rows[row])), count: states.columns)
            logits.start[row] = Float(product) + shifts.start[row]
        }
    }

    public func logSoftmax(_ values: Matrix) {
        pool.forEach(values.rows) { index in
            let row = values.row(index)
            let normalizer = Float(Vector.logSumOfExponentials(row, count: values.columns))
            for column in 0..<values.columns { row[column] -= normalizer }
        }
    }
}
