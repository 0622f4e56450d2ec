import Kernels
import Layers
import Testing

@Suite struct SimpleLayerTests {
    let compute = Compute()

    @Test(arguments: [(1, 1, 1), (2, 7, 33), (33, 2, 7), (7, 33, 1)])
    func linearGradients(rows: Int, inputs: Int, outputs: Int) {
        var random = Random(seed: 1)
        var layout = ParameterLayout()
        let layer = Linear("linear", inputs: inputs, outputs: outputs, in: &layout)
        let parameters = ParameterStore(layout, training: Adam())
        parameters.randomize(&random)
        let input = OwnedMatrix(rows, inputs, random: &random)
        let factors = OwnedMatrix(rows, outputs, random: &random)
        let output = OwnedMatrix(rows, outputs)
        let inputGradient = OwnedMatrix(rows, inputs)
        layer.backward(
            input.matrix, outputGradient: factors.matrix, inputGradient: inputGradient.matrix, parameters, compute)
        var check = GradientCheck()
        check.add(parameters)
        check.add("input", input.matrix, inputGradient.matrix)
        check.verify {
            layer.forward(input.matrix, into: output.matrix, parameters, compute)
            return factors.dot(output.matrix)
        }
    }

    @Test(arguments: [(1, 2), (2, 7), (7, 33), (33, 3)]) func layerNormGradients(rows: Int, size: Int) {
        var random = Random(seed: 2)
        var layout = ParameterLayout()
        let layer = LayerNorm("norm", size: size, in: &layout)
        let parameters = ParameterStore(layout, training: Adam())
        parameters.randomize(&random)
        let input = OwnedMatrix(rows, size, random: &random, scale: 2)
        let factors = OwnedMatrix(rows, size, random: &random)
        let (output, inputGradient) = (OwnedMatrix(rows, size), OwnedMatrix(rows, size))
        let statistics = OwnedMatrix(rows, 2)
        layer.forward(input.matrix, into: output.matrix, statistics: statistics.matrix.start, parameters)
        layer.backward(
            input.matrix, statistics: statistics.matrix.start, outputGradient: factors.matrix,
            inputGradient: inputGradient.matrix, parameters)
        var check = GradientCheck()
        check.add(parameters)
        check.add("input", input.matrix, inputGradient.matrix)
        check.verify(tolerance: 5e-3) {
            layer.forward(input.matrix, into: output.matrix, statistics: statistics.matrix.start, parameters)
            return factors.dot(output.matrix)
        }
    }

    @Test(arguments: [1, 2, 7, 33]) func layerNormOfAConstantRowIsTheBias(size: Int) {
        var random = Random(seed: 3)
        var layout = ParameterLayout()
        let layer = LayerNorm("norm", size: size, in: &layout)
        let parameters = ParameterStore(layout, training: nil)
        parameters.randomize(&random)
        let (row, statistics) = (OwnedMatrix(1, size), OwnedMatrix(1, 2))
        row.matrix.fill(3)
        layer.forward(row.matrix, into: row.matrix, statistics: statistics.matrix.start, parameters)
        for index in 0..<size { #expect(row.values[index] == parameters.value(layer.bias).start[index]) }
    }

    @Test func dropoutIsOffAtInference() {
        let mask = OwnedMatrix(7, 33)
        let dropout = Dropout(rate: 0.5, site: 1)
        #expect(!dropout.prepare(mask.matrix, .inference))
        #expect(!Dropout(rate: 0, site: 1).prepare(mask.matrix, .training(seed: 1, step: 1)))
        #expect(dropout.prepare(mask.matrix, .training(seed: 1, step: 1)))
        let values = OwnedMatrix(7, 33)
        values.matrix.fill(3)
        Dropout.apply(mask.matrix, to: values.matrix)
        #expect(Set(values.values) == [0, 6])
    }

    @Test(arguments: [1, 2, 7, 33]) func cosineLossGradients(size: Int) {
        lossGradients(CosineLoss(), size: size)
    }

    @Test(arguments: [1, 2, 7, 33]) func squaredDistanceGradients(size: Int) {
        lossGradients(SquaredDistanceLoss(), size: size)
    }

    private func lossGradients(_ loss: some EmbeddingLoss, size: Int) {
        var random = Random(seed: 4)
        let rows = 5
        let weights: [Float] = [1, 0, 2.5, 1, 0.5]
        let prediction = OwnedMatrix(rows, size, random: &random)
        let target = OwnedMatrix(rows, size, random: &random)
        let gradient = OwnedMatrix(rows, size)
        gradient.matrix.fill(7)
        let value = weights.withUnsafeBufferPointer {
            loss.evaluate(
                prediction: prediction.matrix, target: target.matrix, weights: $0.baseAddress,
                gradient: gradient.matrix)
        }
        #expect(gradient.values[size..<2 * size].allSatisfy { $0 == 0 })
        var check = GradientCheck()
        check.add("prediction", prediction.matrix, gradient.matrix)
        check.verify {
            weights.withUnsafeBufferPointer {
                loss.evaluate(
                    prediction: prediction.matrix, target: target.matrix, weights: $0.baseAddress, gradient: nil)
            }
        }
        // A position that does not count must not change the loss.
        prediction.matrix.row(1).update(repeating: 9, count: size)
        let again = weights.withUnsafeBufferPointer {
            loss.evaluate(prediction: prediction.matrix, target: target.matrix, weights: $0.baseAddress, gradient: nil)
        }
        #expect(again == value)
    }

    @Test func cosineLossOfKnownVectors() {
        let (prediction, target, gradient) = (OwnedMatrix(4, 2), OwnedMatrix(4, 2), OwnedMatrix(4, 2))
        // The same way, at right angles, opposite, and a zero vector: 0 + 1 + 2 + 1.
        for (index, value) in [1, 1, 1, 0, 1, 2, 0, 0].enumerated() { prediction.buffer.start[index] = Float(value) }
        for (index, value) in [3, 3, 0, 2, -2, -4, 1, 1].enumerated() { target.buffer.start[index] = Float(value) }
        let loss = CosineLoss().evaluate(
            prediction: prediction.matrix, target: target.matrix, weights: nil, gradient: gradient.matrix)
        #expect(abs(loss - 1) < 1e-6)
        #expect(gradient.values[6...].allSatisfy { $0 == 0 })
        let none = [Float](repeating: 0, count: 4)
        #expect(
            CosineLoss().evaluate(
                prediction: prediction.matrix, target: target.matrix, weights: none, gradient: gradient.matrix) == 0)
        #expect(gradient.values.allSatisfy { $0 == 0 })
    }

    @Test func aBadPredictionGivesABadLoss() {
        let (prediction, target) = (OwnedMatrix(1, 2), OwnedMatrix(1, 2))
        prediction.matrix.fill(.nan)
        target.matrix.fill(1)
        for loss in [CosineLoss(), SquaredDistanceLoss()] as [any EmbeddingLoss] {
            let value = loss.evaluate(
                prediction: prediction.matrix, target: target.matrix, weights: nil, gradient: nil)
            #expect(value.isNaN)
        }
    }

    @Test func updateStopsAtAGradientThatIsNotANumber() {
        var layout = ParameterLayout()
        let parameter = layout.declare("w", [3])
        let parameters = ParameterStore(layout, training: Adam())
        parameters.fill(parameter, with: 1)
        parameters.gradient(parameter).start[1] = .nan
        #expect(!parameters.update(.init(step: 1, rate: 0.1, clip: 1), compute: compute).isFinite)
        #expect((0..<3).allSatisfy { parameters.value(parameter).start[$0] == 1 })
    }

    @Test func updateClipsTheWholeGradient() {
        var layout = ParameterLayout()
        let (a, b) = (layout.declare("a", [1]), layout.declare("b", [1]))
        let parameters = ParameterStore(layout, training: Adam())
        parameters.gradient(a).start[0] = 3
        parameters.gradient(b).start[0] = 4
        #expect(parameters.update(.init(step: 1, rate: 0.1, clip: 1), compute: compute) == 5)
        guard let moments = parameters.training?.moments[0] else { return }
        #expect(abs(parameters.view(a, of: moments).start[0] - 0.06) < 1e-6)
        #expect(abs(parameters.view(b, of: moments).start[0] - 0.08) < 1e-6)
    }
}
