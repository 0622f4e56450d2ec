internal import Glibc
@_spi(HostMemory) public import Kernels

// MARK: - Words letter by letter

extension PlainBackend {
    public func highway(_ input: Matrix, transformed: Matrix, gates: Matrix, into output: Matrix) {
        activate(transformed, .relu)
        activate(gates, .sigmoid)
        let (x, t, g) = (Grid(input), Grid(transformed), Grid(gates))
        Grid(output).fill { x[$0, $1] + g[$0, $1] * (t[$0, $1] - x[$0, $1]) }
    }

    public func highwayBackward(
        _ input: Matrix, transformed: Matrix, gates: Matrix, outputGradient: Matrix, transformedGradient: Matrix,
        gateGradient: Matrix, carried: Matrix
    ) {
        let (x, t, g, dy) = (Grid(input), Grid(transformed), Grid(gates), Grid(outputGradient))
        Grid(transformedGradient).fill { t[$0, $1] > 0 ? dy[$0, $1] * g[$0, $1] : 0 }
        Grid(gateGradient).fill { dy[$0, $1] * (t[$0, $1] - x[$0, $1]) * g[$0, $1] * (1 - g[$0, $1]) }
        Grid(carried).fill { dy[$0, $1] * (1 - g[$0, $1]) }
    }

    public func unfold(
        _ letters: Matrix, width: Int, words: Range<Int>, starts: Numbers, places: Numbers, into windows: Matrix
    ) {
        let letters = Grid(letters), windows = Grid(windows)
        var row = 0
        for word in words {
            for place in 0..<Int(places[word]) {
                windows.setRow(row, (0..<width).flatMap { letters.row(Int(starts[word]) + place + $0) })
                row += 1
            }
        }
        precondition(row == windows.rows)
    }

    public func maxPool(
        _ answers: Matrix, words: Range<Int>, places: Numbers, bias: Matrix, _ activation: Activation, into features: Matrix,
        chosen: ChosenPlaces?
    ) {
        let grid = Grid(answers), pooled = Grid(features), bias = Grid(bias)
        var first = 0
        for word in words {
            let count = Int(places[word])
            for filter in 0..<grid.columns {
                let values = (0..<count).map { grid[first + $0, filter] }
                // The first of equals.
                let place = values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
                pooled[word, filter] = values[place] + bias[0, filter]
                chosen?[word, filter] = place
            }
            first += count
        }
        activate(features.rows(words), activation)
    }

    public func addFilterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, letters: Matrix, starts: Numbers, weightGradient: Matrix,
        biasGradient: Matrix
    ) {
        let (gradient, letters, weights, bias) = (Grid(gradient), Grid(letters), Grid(weightGradient), Grid(biasGradient))
        for filter in 0..<gradient.columns {
            for word in 0..<gradient.rows {
                bias[0, filter] += gradient[word, filter]
                let first = (Int(starts[word]) + chosen[word, filter]) * letters.columns
                for index in 0..<weights.columns { weights[filter, index] += gradient[word, filter] * letters[first + index] }
            }
        }
    }

    public func addLetterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, weights: Matrix, starts: Numbers, lettersGradient: Matrix
    ) {
        let (gradient, weights, letters) = (Grid(gradient), Grid(weights), Grid(lettersGradient))
        for filter in 0..<gradient.columns {
            for word in 0..<gradient.rows where gradient[word, filter] != 0 {
                let first = (Int(starts[word]) + chosen[word, filter]) * letters.columns
                for index in 0..<weights.columns { letters[first + index] += gradient[word, filter] * weights[filter, index] }
            }
        }
    }
}

// MARK: - Losses

extension PlainBackend {
    public func fillRowFactors(_ factors: Scalars, weights: Matrix?) {
        let weights = weights.map { Grid($0) }
        let total = (0..<factors.count).reduce(0.0) { $0 + (weights?[0, $1] ?? 1) }
        for row in 0..<factors.count { factors[row] = total > 0 ? (weights?[0, row] ?? 1) / total : 0 }
    }

    public func addDistance(
        _ distance: Distance, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars
    ) {
        let gradient = gradient.map { Grid($0) }
        for row in 0..<prediction.rows {
            let p = Grid(prediction).row(row), t = Grid(target).row(row), weight = factors[row]
            guard weight != 0 else {
                gradient?.setRow(row, p.map { _ in 0 })
                continue
            }
            let (value, slope) = Self.distance(distance, p, t)
            loss[0] += weight * value
            gradient?.setRow(row, slope.map { weight * $0 })
        }
    }

    private static func dot(_ one: [Double], _ other: [Double]) -> Double { zip(one, other).reduce(0) { $0 + $1.0 * $1.1 } }

    /// The distance of two vectors and its gradient.
    private static func distance(_ distance: Distance, _ p: [Double], _ t: [Double]) -> (Double, [Double]) {
        let norm = dot(p, p).squareRoot(), targetNorm = dot(t, t).squareRoot()
        switch distance {
        case .cosine:
            guard norm * targetNorm != 0 else { return (1, p.map { _ in 0 }) }
            let cosine = dot(p, t) / (norm * targetNorm)
            return (1 - cosine, p.indices.map { cosine * p[$0] / (norm * norm) - t[$0] / (norm * targetNorm) })
        case .squared:
            return (p.indices.reduce(0) { $0 + (p[$1] - t[$1]) * (p[$1] - t[$1]) }, p.indices.map { 2 * (p[$0] - t[$0]) })
        case .vonMisesFisher(let bessel, let penalty, let scale):
            let value = bessel(norm), towards = targetNorm == 0 ? 0 : scale / targetNorm
            let along = value.scaledRatio + (norm == 0 ? 0 : penalty / norm)
            let constant = Double(p.count) / 2 * log(2 * Double.pi)
            return (
                value.scaledLogarithm + constant + penalty * norm - towards * dot(p, t),
                p.indices.map { along * p[$0] - towards * t[$0] }
            )
        }
    }

    public func addMaxMargin(
        _ margin: MaxMargin, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars
    ) {
        let predictions = (0..<prediction.rows).map { Grid(prediction).row($0) }
        let targets = (0..<prediction.rows).map { Grid(target).row($0) }, gradient = gradient.map { Grid($0) }
        func unit(_ vector: [Double]) -> [Double] {
            let norm = Self.dot(vector, vector).squareRoot()
            return norm == 0 ? vector : vector.map { $0 / norm }
        }
        for (row, p) in predictions.enumerated() {
            gradient?.setRow(row, p.map { _ in 0 })
            let t = unit(targets[row]), norm = Self.dot(p, p).squareRoot(), weight = factors[row]
            guard weight != 0 else { continue }
            let negatives = targets.indices.filter {
                factors[$0] != 0 && targets[$0] != targets[row] && targets[$0].contains { $0 != 0 }
            }.map { unit(targets[$0]) }
            guard let nearest = negatives.max(by: { Self.dot(p, $0) < Self.dot(p, $1) }) else { continue }
            func cosine(_ other: [Double]) -> Double { norm == 0 ? 0 : Self.dot(p, other) / norm }
            let violation = margin.margin + cosine(nearest) - cosine(t)
            guard !(violation <= 0) else { continue }
            loss[0] += weight * violation
            guard norm > 0 else { continue }
            let along = (cosine(nearest) - cosine(t)) / norm
            gradient?.setRow(row, p.indices.map { weight * ((nearest[$0] - t[$0]) / norm - along * p[$0] / norm) })
        }
    }

    public func softmax(_ logits: Matrix, _ pass: SoftmaxPass, loss: Scalars) {
        let grid = Grid(logits), bias = pass.bias.map { Grid($0) }
        for row in 0..<grid.columns {
            var values = (0..<grid.rows).map { grid[$0, row] + (bias?[0, $0] ?? 0) }
            let target = pass.hasOwnTargets ? Grid(pass.targetLogits)[0, row] : values[Int(pass.targets[row])]
            let highest = max(values.max() ?? -.infinity, target)
            values = values.map { exp($0 - highest) }
            for index in values.indices { grid[index, row] = values[index] }
            let total = values.reduce(pass.hasOwnTargets ? exp(target - highest) : 0, +), logTotal = highest + log(total)
            let factor = pass.factors[row]
            if factor != 0 { loss[0] += factor * (logTotal - target) }
            Grid(pass.stateFactors)[0, row] = factor / total
            Grid(pass.slopes)[0, row] = pass.hasOwnTargets ? factor * (exp(target - logTotal) - 1) : -factor
            Grid(pass.scaled).setRow(row, Grid(pass.states).row(row).map { $0 * factor / total })
        }
    }

    public func addClassSums(of exponentials: Matrix, _ pass: SoftmaxPass, to sums: Matrix) {
        let grid = Grid(exponentials), sums = Grid(sums), factors = Grid(pass.stateFactors)
        for index in 0..<grid.rows {
            sums[index] = (0..<grid.columns).reduce(sums[index]) { $0 + grid[index, $1] * factors[0, $1] }
        }
    }

    public func addTargetGradients(
        _ pass: SoftmaxPass, statesGradient: Matrix, weights: Matrix, rows: Numbers, gradient: Matrix?, biasGradient: Matrix?,
        slots: Numbers
    ) {
        let (below, weights, gradient, states) = (Grid(statesGradient), Grid(weights), gradient.map { Grid($0) }, Grid(pass.states))
        for row in 0..<below.rows {
            let factor = Grid(pass.stateFactors)[0, row], slope = Grid(pass.slopes)[0, row]
            guard pass.factors[row] != 0 else {
                below.setRow(row, below.row(row).map { $0 * factor })
                continue
            }
            let target = weights.row(Int(rows[row])), slot = Int(slots[row])
            below.setRow(row, zip(below.row(row), target).map { $0 * factor + slope * $1 })
            if let gradient { for column in 0..<gradient.columns { gradient[slot, column] += slope * states[row, column] } }
            if let biasGradient { Grid(biasGradient)[slot] += slope }
        }
    }

    public func scaleToNorm(_ input: Matrix, logScale: Matrix, into output: Matrix) {
        let (input, output, factor) = (Grid(input), Grid(output), exp(Grid(logScale)[0]))
        for row in 0..<input.rows {
            let x = input.row(row), norm = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
            output.setRow(row, x.map { norm == 0 ? 0 : factor * $0 / norm })
        }
    }

    public func scaleToNormBackward(_ input: Matrix, logScale: Matrix, gradient: Matrix, logScaleGradient: Matrix) {
        let (input, gradient, factor) = (Grid(input), Grid(gradient), exp(Grid(logScale)[0]))
        var sum = 0.0
        for row in 0..<input.rows {
            let x = input.row(row), dy = gradient.row(row), norm = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let along = zip(x, dy).reduce(0) { $0 + $1.0 * $1.1 } / norm
            if norm > 0 { sum += factor * along }
            gradient.setRow(row, zip(x, dy).map { norm == 0 ? 0 : factor / norm * ($1 - along * $0 / norm) })
        }
        Grid(logScaleGradient)[0] += sum
    }

    public func exclude(_ places: Numbers, from logits: Matrix) {
        for row in 0..<logits.columns where places[row] >= 0 { Grid(logits)[Int(places[row]), row] = -.infinity }
    }

    public func classShifts(of biases: Matrix, at rows: Numbers, corrections: Scalars, into shifts: Matrix) {
        Grid(shifts).fill { Grid(biases)[Int(rows[$1])] - corrections[$1] }
    }

    public func targetLogits(_ states: Matrix, weights: Matrix, rows: Numbers, shifts: Matrix, into logits: Matrix) {
        Grid(logits).fill { Self.dot(Grid(states).row($1), Grid(weights).row(Int(rows[$1]))) + Grid(shifts)[0, $1] }
    }

    public func logSoftmax(_ values: Matrix) {
        let grid = Grid(values)
        for row in 0..<grid.rows {
            let values = grid.row(row), highest = values.max() ?? 0
            let normalizer = highest + log(values.reduce(0) { $0 + exp($1 - highest) })
            grid.setRow(row, values.map { $0 - normalizer })
        }
    }
}

// MARK: - Layers mixed, training, scores

extension PlainBackend {
    public func mixLayers(_ input: Matrix, weights: Matrix, gain: Matrix, into output: Matrix) {
        let shares = softmaxShares(of: Grid(weights).row(0)), gamma = Grid(gain)[0, 0], input = Grid(input)
        Grid(output).fill { row, column in
            shares.indices.reduce(0) { $0 + gamma * shares[$1] * input[row, $1 * output.columns + column] }
        }
    }

    public func mixLayersBackward(
        _ input: Matrix, weights: Matrix, gain: Matrix, outputGradient: Matrix, inputGradient: Matrix?, partials: Scalars,
        weightGradient: Matrix, gainGradient: Matrix
    ) {
        let shares = softmaxShares(of: Grid(weights).row(0)), gamma = Grid(gain)[0, 0]
        let input = Grid(input), gradient = Grid(outputGradient), width = gradient.columns
        let slopes = shares.indices.map { layer in
            (0..<input.rows).reduce(0.0) { sum, row in
                (0..<width).reduce(sum) { $0 + gradient[row, $1] * input[row, layer * width + $1] }
            }
        }
        let mean = zip(shares, slopes).reduce(0) { $0 + $1.0 * $1.1 }
        for layer in shares.indices { Grid(weightGradient)[0, layer] += gamma * shares[layer] * (slopes[layer] - mean) }
        Grid(gainGradient)[0, 0] += mean
        if let inputGradient {
            Grid(inputGradient).fill { gamma * shares[$1 / width] * gradient[$0, $1 % width] }
        }
    }

    public func squaredNorm(_ matrix: Matrix) -> Double { read(matrix).reduce(0) { $0 + Double($1) * Double($1) } }

    public func moveSum(of sources: [Matrix], to target: Matrix) {
        for source in sources {
            add(source, to: target)
            fill(source, with: 0)
        }
    }

    /// Calls `body` with the places of each weight in weights and moments, and in the gradients.
    private func forEachWeight(_ run: WeightRun, _ body: (_ row: Int, _ gradientRow: Int, _ column: Int) -> Void) {
        for row in 0..<run.gradients.rows {
            for column in 0..<run.gradients.columns { body(run.rows.map { Int($0[row]) } ?? row, row, column) }
        }
        fill(run.gradients, with: 0)
    }

    public func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adam) {
        guard let secondMoments = run.secondMoments else { preconditionFailure("Adam keeps two moments") }
        let (weights, gradients, first, second) = (
            Grid(run.weights), Grid(run.gradients), Grid(run.firstMoments), Grid(secondMoments)
        )
        let rate = Double(step.rate), number = Double(step.number)
        forEachWeight(run) { row, gradientRow, column in
            let gradient = gradients[gradientRow, column] * Double(step.scale)
            first[row, column] = rule.beta1 * first[row, column] + (1 - rule.beta1) * gradient
            second[row, column] = rule.beta2 * second[row, column] + (1 - rule.beta2) * gradient * gradient
            let moment = first[row, column] / (1 - pow(rule.beta1, number))
            let square = second[row, column] / (1 - pow(rule.beta2, number))
            weights[row, column] -= rate * Double(step.weightDecay) * weights[row, column]
                + rate * moment / (square.squareRoot() + rule.epsilon)
        }
    }

    public func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adagrad) {
        let (weights, gradients, squares) = (Grid(run.weights), Grid(run.gradients), Grid(run.firstMoments))
        let rate = Double(step.rate)
        forEachWeight(run) { row, gradientRow, column in
            let gradient = gradients[gradientRow, column] * Double(step.scale)
            squares[row, column] += gradient * gradient
            weights[row, column] -= rate * Double(step.weightDecay) * weights[row, column]
                + rate * gradient / squares[row, column].squareRoot()
        }
    }

    public func values(_ left: Matrix, _ right: PackedFactor, at columns: [Int]) -> [Float] {
        let right = Grid(Matrix(right.start, rows: right.rows, columns: right.columns)), left = Grid(left)
        return columns.enumerated().map { row, column in
            column < 0 ? .nan : Float((0..<left.columns).reduce(0) { $0 + left[row, $1] * right[$1, column] })
        }
    }

    public func scoreSums(
        _ left: Matrix, _ right: PackedFactor, prior: Matrix, scale: Float, targets: [ScoreTarget], moments: Bool
    ) -> [ScoreSums] {
        (0..<left.rows).map { row in
            let values = (0..<right.columns).map { column in
                Double(self.values(left.rows(row..<row + 1), right, at: [column])[0])
            }
            let scores = values.indices.map { Double(scale) * values[$0] + Grid(prior)[0, $0] }
            let highest = scores.max() ?? -.infinity, weights = scores.map { exp($0 - highest) }
            let target = targets[row], targetScore = Double(scale) * Double(target.value) + Double(target.prior)
            return ScoreSums(
                highest: highest,
                sums: (
                    weights.reduce(0, +), zip(weights, values).reduce(0) { $0 + $1.0 * $1.1 },
                    zip(weights, values).reduce(0) { $0 + $1.0 * $1.1 * $1.1 }
                ),
                higherValues: values.count { $0 > Double(target.value) }, higherScores: scores.count { $0 > targetScore })
        }
    }
}
