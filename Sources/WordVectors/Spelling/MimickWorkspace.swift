package import Kernels

/// The forward and backward pass of MIMICK (Pinter, Guthrie and Eisenstein 2017, equation 2) for a group of words of
/// equal length:
///
///     h_f = last state of an LSTM over the embeddings of the characters, h_b = the same from the end to the start
///     vector = W_o tanh(W_l [h_f; h_b] + b_l) + b_o
///
/// One thread works on a group with a workspace of its own; threads share the parameters.
package final class MimickWorkspace: @unchecked Sendable {
    /// Words in a group, at most.
    package static let groupSize = 32
    /// Characters of a word that are read, at most.
    package static let longestWord = 40

    private let shape: MimickShape
    private let compute = Compute()
    private let forward: DirectionState
    private let backward: DirectionState
    private let states, layer, layerGradient, stateGradient: FloatBuffer
    /// [group, dimension]: what the network says, and the loss's gradient by it.
    private let output, outputGradient: FloatBuffer

    /// What one direction keeps of its forward pass for the backward pass; time first.
    private struct DirectionState {
        /// [time, group, embedding], in the direction's own order of time.
        let inputs: FloatBuffer
        /// [time, group, 4 hidden]: activated gates, then the gradients before their activation.
        let gates: FloatBuffer
        /// [time + 1, group, hidden]; time 0 is zero.
        let states, cells: FloatBuffer
        /// [time, group, hidden]: tanh of the cells.
        let squashed: FloatBuffer
        /// [group, hidden]
        let stateGradient, cellGradient: FloatBuffer
        /// [time, group, embedding]
        let inputGradients: FloatBuffer

        init(_ shape: MimickShape) {
            let cells = longestWord * groupSize
            inputs = FloatBuffer(count: cells * shape.embedding)
            gates = FloatBuffer(count: cells * 4 * shape.hidden)
            states = FloatBuffer(count: (cells + groupSize) * shape.hidden)
            self.cells = FloatBuffer(count: (cells + groupSize) * shape.hidden)
            squashed = FloatBuffer(count: cells * shape.hidden)
            stateGradient = FloatBuffer(count: groupSize * shape.hidden)
            cellGradient = FloatBuffer(count: groupSize * shape.hidden)
            inputGradients = FloatBuffer(count: cells * shape.embedding)
        }
    }

    package init(_ shape: MimickShape) {
        self.shape = shape
        forward = DirectionState(shape)
        backward = DirectionState(shape)
        states = FloatBuffer(count: Self.groupSize * 2 * shape.hidden)
        stateGradient = FloatBuffer(count: Self.groupSize * 2 * shape.hidden)
        layer = FloatBuffer(count: Self.groupSize * shape.dimension)
        layerGradient = FloatBuffer(count: Self.groupSize * shape.dimension)
        output = FloatBuffer(count: Self.groupSize * shape.dimension)
        outputGradient = FloatBuffer(count: Self.groupSize * shape.dimension)
    }

    /// The network's vectors, [group, dimension], for words whose characters are `characters`, [time, group].
    package func predict(_ parameters: MimickParameters, characters: [Int32], group: Int) -> Matrix {
        precondition(group > 0 && group <= Self.groupSize && characters.count % group == 0)
        let time = characters.count / group
        precondition(time > 0 && time <= Self.longestWord)
        let joined = Matrix(states, rows: group, columns: 2 * shape.hidden)
        for (direction, weights, reversed) in directions(parameters) {
            gather(parameters.embedding, characters, time, group, reversed, into: direction.inputs)
            run(direction, weights, time, group)
            let last = Matrix(
                direction.states.start + time * group * shape.hidden, rows: group, columns: shape.hidden)
            joined.columns(reversed ? shape.hidden..<2 * shape.hidden : 0..<shape.hidden).copy(from: last)
        }
        let layer = Matrix(layer, rows: group, columns: shape.dimension)
        broadcast(parameters.layerBias, into: layer)
        compute.multiply(joined, parameters.layerWeight.transposed, into: layer, adding: true)
        Vector.hyperbolicTangent(layer.start, into: layer.start, count: group * shape.dimension)
        let result = Matrix(output, rows: group, columns: shape.dimension)
        broadcast(parameters.outputBias, into: result)
        compute.multiply(layer, parameters.outputWeight.transposed, into: result, adding: true)
        return result
    }

    /// Adds to `gradients` those of  sum over words of weight x |vector - target|^2 / dimension, and returns the sum.
    ///
    /// - Parameters:
    ///   - targets: where each word's target is, [dimension].
    ///   - scale: a factor on the gradients alone: one over the words of the batch.
    package func train(
        _ parameters: MimickParameters, _ gradients: MimickParameters, characters: [Int32], group: Int,
        targets: [UnsafePointer<Float>], weights: [Float], scale: Float
    ) -> Double {
        let result = predict(parameters, characters: characters, group: group)
        let time = characters.count / group
        let gradient = Matrix(outputGradient, rows: group, columns: shape.dimension)
        var loss = 0.0
        for word in 0..<group {
            let row = gradient.row(word), predicted = result.row(word), target = targets[word]
            for index in 0..<shape.dimension { row[index] = predicted[index] - target[index] }
            let weight = weights[word] / Float(shape.dimension)
            loss += Double(weight) * Vector.dot(row, row, count: shape.dimension)
            Vector.scale(row, by: 2 * scale * weight, count: shape.dimension)
        }
        let layer = Matrix(layer, rows: group, columns: shape.dimension)
        compute.multiply(gradient.transposed, layer, into: gradients.outputWeight, adding: true)
        compute.addColumnSums(of: gradient, to: gradients.outputBias.start)
        let layerGradient = Matrix(layerGradient, rows: group, columns: shape.dimension)
        compute.multiply(gradient, parameters.outputWeight, into: layerGradient)
        for index in 0..<group * shape.dimension {
            layerGradient.start[index] *= 1 - layer.start[index] * layer.start[index]
        }
        let joined = Matrix(states, rows: group, columns: 2 * shape.hidden)
        compute.multiply(layerGradient.transposed, joined, into: gradients.layerWeight, adding: true)
        compute.addColumnSums(of: layerGradient, to: gradients.layerBias.start)
        let joinedGradient = Matrix(stateGradient, rows: group, columns: 2 * shape.hidden)
        compute.multiply(layerGradient, parameters.layerWeight, into: joinedGradient)
        for ((direction, weights, reversed), (_, sums, _)) in zip(directions(parameters), directions(gradients)) {
            Matrix(direction.stateGradient, rows: group, columns: shape.hidden).copy(
                from: joinedGradient.columns(reversed ? shape.hidden..<2 * shape.hidden : 0..<shape.hidden))
            runBack(direction, weights, sums, time, group)
            scatter(direction.inputGradients, characters, time, group, reversed, into: gradients.embedding)
        }
        return loss
    }

    private func directions(
        _ parameters: MimickParameters
    ) -> [(DirectionState, MimickParameters.Direction, reversed: Bool)] {
        [(forward, parameters.forward, false), (backward, parameters.backward, true)]
    }

    /// gates = x W^T + h U^T + b; c = f c + i g; h = o tanh(c).
    private func run(_ direction: DirectionState, _ weights: MimickParameters.Direction, _ time: Int, _ group: Int) {
        let hidden = shape.hidden
        let all = Matrix(direction.gates, rows: time * group, columns: 4 * hidden)
        broadcast(weights.bias, into: all)
        let inputs = Matrix(direction.inputs, rows: time * group, columns: shape.embedding)
        compute.multiply(inputs, weights.input.transposed, into: all, adding: true)
        direction.states.start.update(repeating: 0, count: group * hidden)
        direction.cells.start.update(repeating: 0, count: group * hidden)
        for step in 0..<time {
            let gates = all.rows(step * group..<(step + 1) * group)
            let size = group * hidden
            let before = direction.states.start + step * size
            if step > 0 {
                compute.multiply(
                    Matrix(before, rows: group, columns: hidden), weights.recurrent.transposed, into: gates,
                    adding: true)
            }
            let cells = direction.cells.start + step * size
            let squashed = direction.squashed.start + step * size
            for word in 0..<group {
                let row = gates.row(word)
                Vector.sigmoid(row, into: row, count: 2 * hidden)
                Vector.hyperbolicTangent(row + 2 * hidden, into: row + 2 * hidden, count: hidden)
                Vector.sigmoid(row + 3 * hidden, into: row + 3 * hidden, count: hidden)
                let old = cells + word * hidden, new = old + size
                for unit in 0..<hidden {
                    new[unit] = row[hidden + unit] * old[unit] + row[unit] * row[2 * hidden + unit]
                }
                let tanh = squashed + word * hidden, state = before + size + word * hidden
                Vector.hyperbolicTangent(new, into: tanh, count: hidden)
                for unit in 0..<hidden { state[unit] = row[3 * hidden + unit] * tanh[unit] }
            }
        }
    }

    /// Back through time from the gradient of the last state; gates become their own gradients.
    private func runBack(
        _ direction: DirectionState, _ weights: MimickParameters.Direction, _ sums: MimickParameters.Direction,
        _ time: Int, _ group: Int
    ) {
        let hidden = shape.hidden, size = group * hidden
        let all = Matrix(direction.gates, rows: time * group, columns: 4 * hidden)
        let stateGradient = Matrix(direction.stateGradient, rows: group, columns: hidden)
        direction.cellGradient.start.update(repeating: 0, count: size)
        for step in (0..<time).reversed() {
            let gates = all.rows(step * group..<(step + 1) * group)
            for word in 0..<group {
                let row = gates.row(word), offset = step * size + word * hidden
                let old = direction.cells.start + offset, tanh = direction.squashed.start + offset
                let fromState = stateGradient.row(word), fromCell = direction.cellGradient.start + word * hidden
                for unit in 0..<hidden {
                    let input = row[unit], forget = row[hidden + unit], cell = row[2 * hidden + unit]
                    let output = row[3 * hidden + unit]
                    let cellGradient =
                        fromCell[unit] + fromState[unit] * output * (1 - tanh[unit] * tanh[unit])
                    row[unit] = cellGradient * cell * input * (1 - input)
                    row[hidden + unit] = cellGradient * old[unit] * forget * (1 - forget)
                    row[2 * hidden + unit] = cellGradient * input * (1 - cell * cell)
                    row[3 * hidden + unit] = fromState[unit] * tanh[unit] * output * (1 - output)
                    fromCell[unit] = cellGradient * forget
                }
            }
            if step > 0 { compute.multiply(gates, weights.recurrent, into: stateGradient) }
        }
        let inputs = Matrix(direction.inputs, rows: time * group, columns: shape.embedding)
        compute.multiply(all.transposed, inputs, into: sums.input, adding: true)
        let before = Matrix(direction.states, rows: time * group, columns: hidden)
        compute.multiply(all.transposed, before, into: sums.recurrent, adding: true)
        compute.addColumnSums(of: all, to: sums.bias.start)
        compute.multiply(
            all, weights.input, into: Matrix(direction.inputGradients, rows: time * group, columns: shape.embedding))
    }

    private func gather(
        _ table: Matrix, _ characters: [Int32], _ time: Int, _ group: Int, _ reversed: Bool, into rows: FloatBuffer
    ) {
        for step in 0..<time {
            let from = (reversed ? time - 1 - step : step) * group
            for word in 0..<group {
                let target = rows.start + (step * group + word) * shape.embedding
                target.update(from: table.row(Int(characters[from + word])), count: shape.embedding)
            }
        }
    }

    private func scatter(
        _ rows: FloatBuffer, _ characters: [Int32], _ time: Int, _ group: Int, _ reversed: Bool, into table: Matrix
    ) {
        for step in 0..<time {
            let from = (reversed ? time - 1 - step : step) * group
            for word in 0..<group {
                let source = rows.start + (step * group + word) * shape.embedding
                Vector.add(source, to: table.row(Int(characters[from + word])), count: shape.embedding)
            }
        }
    }

    private func broadcast(_ bias: Matrix, into matrix: Matrix) {
        for row in 0..<matrix.rows { matrix.row(row).update(from: bias.start, count: matrix.columns) }
    }
}
