public import Kernels
public import Layers

/// The layers of one direction, which have declared their needs in a plan. No memory is allocated.
struct DirectionNetwork {
    let direction: Direction
    let configuration: EncoderConfiguration
    let plan: Plan
    private let backend: any Backend
    let input: any InputLayer
    let inputNorm: LayerNorm?
    let encoder: any SequenceEncoder
    /// The encoder, if it carries a state from window to window.
    let state: (any StatefulEncoder)?
    /// `nil` in a model that only encodes, or is used only for that.
    let output: (any OutputLayer)?
    /// Output of the input layer after its norm; gradients above and below the encoder, [rows, projection].
    let features: MatrixSlot?
    let upperGradient, lowerGradient: MatrixSlot
    /// The vector that replaces masked words; `nil` in a network that predicts the next word.
    let mask: MaskVector?
    /// States of the predicted words, unless these are all words, and their gradient, [predicted rows, projection].
    let predictedStates, predictedGradient: MatrixSlot?
    /// Sum of the losses of a step, and the loss of an evaluation.
    let loss: ScalarSlot
    /// Parameters of each part.
    let inputRange, normRange, outputRange, maskRange: ParameterRange

    /// - Parameters:
    ///   - capacity: the largest window it will process.
    ///   - hasOutput: whether it will predict; encoding needs no output layer, which may be most of a model.
    init(
        _ direction: Direction, _ configuration: EncoderConfiguration, capacity: WindowCapacity, isTraining: Bool,
        hasOutput: Bool, backend: any Backend
    ) {
        self.direction = direction
        self.configuration = configuration
        self.backend = backend
        let name = direction.rawValue, width = configuration.width, isShared = configuration.sharesLayers
        var plan = Plan(backend, capacity: capacity, isTraining: isTraining)
        let rows = capacity.rows, isMasked = configuration.objective == .masked
        let predicted = configuration.predictedRows(of: rows)
        func outer(_ part: String) -> String { isShared ? part : "\(name).\(part)" }
        let input: any InputLayer
        (input, inputRange) = plan.sharing(isShared) { plan in
            plan.memory(of: "input activations") { plan in
                plan.parameters { configuration.makeInput(outer("input"), in: &$0) }
            }
        }
        self.input = input
        (inputNorm, normRange) = plan.memory(of: "input activations") { plan in
            plan.parameters { plan in
                configuration.encoder.family.layerNorm ? LayerNorm("\(name).input.norm", size: width, rows: rows, in: &plan) : nil
            }
        }
        (features, upperGradient, lowerGradient) = plan.memory(of: "input activations") { plan in
            (
                configuration.encoder.family.layerNorm ? plan.features(rows: rows, columns: width) : nil,
                plan.gradient(rows: rows, columns: width), plan.gradient(rows: rows, columns: width)
            )
        }
        encoder = configuration.encoder.family.make(name, isCausal: configuration.isCausal, in: &plan)
        state = encoder as? any StatefulEncoder
        (output, outputRange) = plan.sharing(isShared) { plan in
            plan.memory(of: "output activations") { plan in
                plan.parameters { plan in
                    let table = configuration.isTied ? (input as? TableInput)?.table : nil
                    return hasOutput
                        ? configuration.makeOutput(outer("output"), rows: predicted, tiedTo: table, in: &plan) : nil
                }
            }
        }
        (mask, maskRange) = plan.memory(of: "input activations") { plan in
            plan.parameters { plan in
                isMasked ? MaskVector("\(name).mask", width: width, places: predicted, in: &plan) : nil
            }
        }
        (predictedStates, predictedGradient) = plan.memory(of: "output activations") { plan in
            isMasked && hasOutput
                ? (plan.factor(rows: predicted, columns: width), plan.gradient(rows: predicted, columns: width)) : (nil, nil)
        }
        loss = plan.memory(of: "output activations") { $0.scalars(2) }
        self.plan = plan
    }

    /// Returns the bytes of weights and passes, by part. Those of parameters include everything that training keeps beside the
    /// weights.
    /// - Parameter isFirst: whether to include layers that the directions share.
    func bill(training: (any Optimizer)?, isFirst: Bool) -> [(name: String, bytes: Int)] {
        plan.own.bill(training: training, names: 2, backend: backend)
            + (isFirst ? plan.shared.bill(training: training, names: 1, backend: backend) : [])
            + plan.bill.map { ("\(direction.rawValue) \($0.name)", $0.bytes) }
    }
}

extension EncoderConfiguration {
    /// Returns the bytes that a model of this configuration takes, by direction and part. Allocates nothing.
    /// - Parameters:
    ///   - capacity: the largest window it will process.
    ///   - training: the rule that will update the weights; `nil` if the model will not be trained.
    ///   - hasOutput: whether it will predict.
    ///   - backend: where it will run; some backends keep more than others.
    public func memoryBill(
        capacity: WindowCapacity, training: (any Optimizer)?, hasOutput: Bool = true, backend: any Backend = ProcessorBackend()
    ) -> [(name: String, bytes: Int)] {
        networks(capacity: capacity, training: training, hasOutput: hasOutput, backend: backend).enumerated().flatMap {
            $1.bill(training: training, isFirst: $0 == 0)
        }
    }

    /// Returns the number of trainable weights of some directions, without sparse parameters. A Double, for sums of bytes.
    public func denseWeights(of directions: Range<Int>) -> Double {
        let networks = networks(
            capacity: WindowCapacity(batch: 1, rows: 1), training: nil, hasOutput: true, backend: ProcessorBackend())
        return networks.enumerated().filter { directions.contains($0.offset) }.reduce(0.0) { sum, network in
            let layouts = [network.element.plan.own] + (network.offset == 0 ? [network.element.plan.shared] : [])
            return layouts.flatMap(\.parameters).reduce(sum) { $0 + ($1.isSparse ? 0 : Double($1.count)) }
        }
    }

    /// Returns the number of trainable weights of all directions.
    public func parameterCount() -> Int {
        networks(
            capacity: WindowCapacity(batch: 1, rows: 1), training: nil, hasOutput: true, backend: ProcessorBackend()
        ).enumerated().reduce(0) {
            $0 + $1.element.plan.own.count + ($1.offset == 0 ? $1.element.plan.shared.count : 0)
        }
    }

    private func networks(
        capacity: WindowCapacity, training: (any Optimizer)?, hasOutput: Bool, backend: any Backend
    ) -> [DirectionNetwork] {
        directions.map {
            DirectionNetwork(
                $0, self, capacity: capacity, isTraining: training != nil, hasOutput: hasOutput, backend: backend)
        }
    }
}
