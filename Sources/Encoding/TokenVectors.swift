@_spi(HostMemory) import Kernels
import Layers
import Model

/// The vectors of tokens out of the layers of an encoder that has just run.
struct TokenVectors {
    let layers: Int
    var width: Int { encoder.layerWidth }
    private let encoder: ContextualEncoder
    /// What each layer is multiplied by before they are added; `nil`: they are not added.
    private let factors: [Float]?

    init(_ encoder: ContextualEncoder, _ choice: LayerChoice) {
        self.encoder = encoder
        layers = choice.count(of: encoder.layerCount)
        factors = choice.factors(layers: encoder.layerCount)
    }

    /// Writes a token's vectors to `target` [layers, width], which is zero. A word of several steps has their mean.
    /// - Parameters:
    ///   - shapes: of each direction's pass.
    ///   - row: in the pass of a direction, of a step of the word.
    func collect(
        steps: Int, _ shapes: [WindowShape], into target: UnsafeMutablePointer<Float>, row: (_ direction: Int, _ step: Int) -> Int
    ) {
        let part = encoder.configuration.width
        for (direction, model) in encoder.directions.enumerated() {
            for layer in 0..<encoder.layerCount where factors.map({ $0[layer] != 0 }) ?? true {
                let output = model.layerOutput(layer, shape: shapes[direction])
                let place = target + (factors == nil ? layer * width : 0) + direction * part
                let factor = factors?[layer] ?? 1
                for step in 0..<steps {
                    let source = output.row(row(direction, step))
                    if factor == 1 {
                        Vector.add(source, to: place, count: part)
                    } else {
                        Vector.add(source, times: factor, to: place, count: part)
                    }
                }
            }
        }
        if steps > 1 { Vector.scale(target, by: 1 / Float(steps), count: layers * width) }
    }
}
