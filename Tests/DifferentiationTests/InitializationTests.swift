import Differentiation
@_spi(HostMemory) import Kernels
import Layers
import Testing

@Suite struct InitializationTests {
    /// Rows, or columns if there are fewer, of each block have unit length and are orthogonal to each other.
    @Test(arguments: [(7, 7, 1), (5, 20, 4), (5, 20, 1), (19, 6, 2)])
    func orthogonalMatrices(rows: Int, columns: Int, blocks: Int) {
        let check = TapeCheck { $0.parameter("weight", [rows, columns]) }
        var random = Random(seed: 1)
        check.parameters.fillOrthogonal(check.network, blocks: blocks, random: &random)
        let width = columns / blocks
        for block in 0..<blocks {
            let matrix = check.parameters.value(check.network).columns(block * width..<(block + 1) * width)
            for one in 0..<min(rows, width) {
                for other in 0..<min(rows, width) {
                    let product = (0..<max(rows, width)).reduce(0.0) { sum, place in
                        rows <= width
                            ? sum + Double(matrix.row(one)[place]) * Double(matrix.row(other)[place])
                            : sum + Double(matrix.row(place)[one]) * Double(matrix.row(place)[other])
                    }
                    #expect(abs(product - (one == other ? 1 : 0)) < 1e-6)
                }
            }
        }
    }

    /// Weights within the bounds of AllenNLP's and PyTorch's beginnings, and near them.
    @Test func beginningsOfOthers() {
        let check = TapeCheck { BidirectionalLSTM("layer", inputs: 40, size: 9, in: &$0) }
        let layer = check.network.fromEnd
        func greatest(_ parameter: Parameter) -> Float { check.parameters.value(parameter).floats.map(abs).max() ?? 0 }
        var random = Random(seed: 1)
        check.network.initializeUniformly(check.parameters, random: &random)
        for weight in [layer.inputWeight, layer.recurrentWeight] { #expect(greatest(weight) <= 1.0 / 3 && greatest(weight) > 0.3) }
        #expect(greatest(layer.bias) <= 2.0 / 3 && greatest(layer.bias) > 1.0 / 3)
        check.network.initializeGatesTogether(check.parameters, random: &random)
        let bound = (6 / Float(40 + 36)).squareRoot()
        #expect(greatest(layer.inputWeight) <= bound && greatest(layer.inputWeight) > 0.95 * bound)
        #expect(check.parameters.value(layer.bias).floats.indices.allSatisfy { check.parameters.value(layer.bias).floats[$0] == ($0 / 9 == 1 ? 1 : 0) })
    }
}
