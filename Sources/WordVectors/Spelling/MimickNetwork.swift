package import Kernels
public import Layers

/// The part of a character model that reads the characters of a word.
public enum CharacterReader: Sendable, Equatable {
    /// A bidirectional LSTM with this many cells in each direction: MIMICK (Pinter, Guthrie and Eisenstein 2017).
    case lstm(hidden: Int)
    /// Convolutions and highway layers (Kim et al. 2016): the input layer of ELMo.
    case convolution(filters: [CharacterConvolution.Filters], highways: Int)

    /// The convolutions of Kim et al. 2016 ("small"): 25 filters for each character of their width, and one highway layer.
    public static let defaultConvolution = CharacterReader.convolution(
        filters: (1...6).map { CharacterConvolution.Filters(width: $0, count: 25 * $0) }, highways: 1)
}

/// Sizes of a character model.
package struct MimickShape: Sendable {
    /// Rows of the character embedding; row 0 is for unknown characters.
    let characters: Int
    /// Size of a character's embedding.
    let embedding: Int
    let reader: CharacterReader
    /// Size of a word's vector.
    let dimension: Int

    /// Declares the reader's layers. To add a kind, add a case above, a line here, and two in `text`.
    func makeReader(in plan: inout Plan) -> any CharacterEncoder {
        switch reader {
        case .lstm(let hidden):
            CharacterLSTM("reader", inputs: embedding, hidden: hidden, outputs: dimension, in: &plan)
        case .convolution(let filters, let highways):
            ConvolutionEncoder("reader", inputs: embedding, filters: filters, highways: highways, in: &plan)
        }
    }

}

extension MimickShape {
    /// The shape as a table's header states it: `lstm CHARACTERS EMBEDDING HIDDEN`, or
    /// `convolution CHARACTERS EMBEDDING HIGHWAYS WIDTHxCOUNT...`.
    package var text: String {
        switch reader {
        case .lstm(let hidden): "lstm \(characters) \(embedding) \(hidden)"
        case .convolution(let filters, let highways):
            "convolution \(characters) \(embedding) \(highways) "
                + filters.map { "\($0.width)x\($0.count)" }.joined(separator: " ")
        }
    }

    /// Parses `text`; `nil` if it is not a shape, or if its numbers are absurd.
    package init?(_ text: String, dimension: Int) {
        let words = text.split(separator: " ")
        func number(_ text: Substring?, _ range: ClosedRange<Int>) -> Int? {
            text.flatMap { Int($0) }.flatMap { range.contains($0) ? $0 : nil }
        }
        guard words.count >= 4, let characters = number(words[1], 1...0x110000),
            let embedding = number(words[2], 1...4096)
        else { return nil }
        switch words[0] {
        case "lstm":
            guard words.count == 4, let hidden = number(words[3], 1...4096) else { return nil }
            reader = .lstm(hidden: hidden)
        case "convolution":
            guard let highways = number(words[3], 0...16), (5...36).contains(words.count) else { return nil }
            var filters: [CharacterConvolution.Filters] = []
            for word in words[4...] {
                let parts = word.split(separator: "x")
                guard parts.count == 2, let width = number(parts[0], 1...64), let count = number(parts[1], 1...8192) else {
                    return nil
                }
                filters.append(.init(width: width, count: count))
            }
            reader = .convolution(filters: filters, highways: highways)
        default: return nil
        }
        self.characters = characters
        self.embedding = embedding
        self.dimension = dimension
    }
}

/// The layers of a character model, from the characters of words of equal length to the words' vectors:
///
///     vector = reader(embeddings of the characters) W + b
///
/// Groups of words go through it. Each character of a group is read once, and letters are indices in the list of these characters.
package struct MimickNetwork: @unchecked Sendable {
    package let shape: MimickShape
    let plan: Plan
    package var layout: ParameterLayout { plan.own }
    /// The weights to pack once for all threads in a step of the fit.
    var packedWeights: [Parameter] { output.factors + reader.factors }
    /// Embeddings of characters, [characters, embedding].
    let embedding: Parameter
    let reader: any CharacterEncoder
    let output: Linear
    /// The characters of a group, [length, words]; their indices in the list; the listed characters; and for every character its
    /// index in that list plus 1, or 0.
    let characters, letters, listed, places: NumberSlot
    /// Embeddings of the listed characters, and their gradients, [characters listed, embedding].
    let embeddings, embeddingGradient: MatrixSlot
    /// The target vectors, [words, dimension], and the weight of each, [1, words].
    let targets, weights: MatrixSlot
    /// Gradients of the output, [words, dimension], and of the reader's features, [words, reader's outputs].
    let gradient, featureGradient: MatrixSlot
    /// The factor of each word in the loss, and the loss.
    let factors, loss: ScalarSlot

    /// Maximum number of words in a group.
    package static let groupSize = 64
    /// Maximum number of characters read of a word.
    package static let longestWord = 40

    package init(_ shape: MimickShape, _ backend: any Backend, isTraining: Bool = false) {
        self.shape = shape
        let words = Self.groupSize, rows = words * Self.longestWord
        var plan = Plan(backend, capacity: WindowCapacity(batch: words, rows: rows), isTraining: isTraining)
        embedding = plan.parameter("embedding", [shape.characters, shape.embedding])
        let reader = shape.makeReader(in: &plan)
        self.reader = reader
        output = Linear("output", inputs: reader.outputs, outputs: shape.dimension, rows: words, in: &plan)
        characters = plan.numbers(rows)
        letters = plan.numbers(rows)
        listed = plan.numbers(min(rows, shape.characters))
        places = plan.numbers(shape.characters)
        embeddings = plan.matrix(rows: min(rows, shape.characters), columns: shape.embedding)
        embeddingGradient = plan.gradient(rows: min(rows, shape.characters), columns: shape.embedding)
        targets = plan.gradient(rows: words, columns: shape.dimension)
        weights = plan.gradient(rows: 1, columns: words)
        gradient = plan.gradient(rows: words, columns: shape.dimension)
        featureGradient = plan.gradient(rows: words, columns: reader.outputs)
        factors = plan.scalars(words)
        loss = plan.scalars(1)
        self.plan = plan
    }

    /// Initialises embeddings uniformly in ±1, and the layers by their own rules.
    package func initialize(_ parameters: ParameterStore, seed: UInt64) {
        var random = Random(seed: seed, stream: "mimick parameters")
        parameters.fill(embedding) { random.uniform(in: -1..<1) }
        reader.initialize(parameters, random: &random)
        output.initialize(parameters, random: &random)
    }
}

/// The memory of one thread that works on groups of words of equal length, and the weights it uses.
package final class MimickWorkspace: @unchecked Sendable {
    private let network: MimickNetwork
    private let run: Run
    /// Number of words in the group, and of characters in each.
    private var words = 0, length = 0
    private var listedCount = 0
    /// The reader's output in the last pass.
    private var features: Matrix?

    /// - Parameter backend: a backend that no other thread uses.
    package init(_ network: MimickNetwork, _ parameters: ParameterStore, _ backend: any Backend) {
        self.network = network
        run = Run(parameters, memory: PassMemory(network.plan), backend: backend)
    }

    package var parameters: ParameterStore { run.parameters }

    /// Starts a group of words, and returns the memory for the numbers of their characters, [length, words].
    package func begin(words: Int, length: Int) -> Numbers {
        precondition(words > 0 && words <= MimickNetwork.groupSize && length > 0 && length <= MimickNetwork.longestWord)
        self.words = words
        self.length = length
        return run.numbers(network.characters)[0..<words * length]
    }

    /// Starts a group of the words `group`, whose spellings are numbers of characters.
    /// - Parameter isHidden: called for each character, word by word; true replaces it by the unknown character.
    func take(_ group: [Int], of spellings: WordSpellings, isHidden: () -> Bool = { false }) {
        let characters = begin(words: group.count, length: group.first.map(spellings.length) ?? 0)
        for (column, word) in group.enumerated() {
            for (step, number) in spellings[word].enumerated() {
                characters[step * group.count + column] = isHidden() ? 0 : Int32(number)
            }
        }
    }

    /// Memory for the target vectors of the group's words, [words, dimension].
    package var targets: Matrix { run.matrix(network.targets, rows: words) }
    /// Memory for the weights of the group's words in the loss, [1, words].
    package var weights: Matrix { run.matrix(network.weights, rows: 1, columns: words) }

    /// Returns the network's vectors of the group, [words, dimension], valid until the next call.
    package func predict() -> Matrix {
        listCharacters()
        let group = group
        run.backend.gather(run.numbers(network.listed), of: run.value(network.embedding), into: group.embeddings)
        let features = network.reader.forward(group, group.shape, run)
        self.features = features
        return network.output.forward(features, group.shape, run)
    }

    /// Lists the group's characters in the order of their first occurrence.
    private func listCharacters() {
        let characters = run.numbers(network.characters), letters = run.numbers(network.letters)
        let listed = run.numbers(network.listed), places = run.numbers(network.places)
        for place in 0..<listedCount { places[Int(listed[place])] = 0 }
        listedCount = 0
        for index in 0..<words * length {
            let character = Int(characters[index])
            if places[character] == 0 {
                listed[listedCount] = Int32(character)
                listedCount += 1
                places[character] = Int32(listedCount)
            }
            letters[index] = places[character] - 1
        }
    }

    /// Adds the gradients of `scale` times the loss of the group to those of the parameters. Returns the loss: its weighted mean
    /// over the words times the sum of the weights.
    package func train(_ loss: some EmbeddingLoss, scale: Float) -> Double {
        let gradient = run.matrix(network.gradient, rows: words), (value, total) = add(loss, gradient: gradient)
        run.backend.scale(gradient, by: scale * Float(total))
        guard let features else { return .nan }
        let featureGradient = run.matrix(network.featureGradient, rows: words), group = group
        network.output.backward(
            features, outputGradient: gradient, inputGradient: featureGradient, adding: false, group.shape, run)
        let embeddingGradient = run.matrix(network.embeddingGradient, rows: listedCount)
        network.reader.backward(
            group, outputGradient: featureGradient, inputGradient: embeddingGradient, adding: false, group.shape, run)
        run.backend.scatterAdd(embeddingGradient, to: run.gradient(network.embedding), at: run.numbers(network.listed))
        return value
    }

    /// Returns the loss like `train`, without computing gradients.
    func measure(_ loss: some EmbeddingLoss) -> Double { add(loss, gradient: nil).loss }

    /// Returns the loss like `train` and the sum of the weights; writes the gradient of the mean, [words, dimension].
    private func add(_ loss: some EmbeddingLoss, gradient: Matrix?) -> (loss: Double, weight: Double) {
        let prediction = predict(), factors = run.scalars(network.factors)[0..<words], sum = run.scalars(network.loss)
        run.backend.fillRowFactors(factors, weights: weights)
        sum[0] = 0
        loss.add(prediction: prediction, target: targets, factors: factors, gradient: gradient, to: sum, run)
        let total = run.backend.read(weights).reduce(0.0) { $0 + Double($1) }
        return (sum[0] * total, total)
    }

    private var group: CharacterGroup {
        CharacterGroup(
            embeddings: run.matrix(network.embeddings, rows: listedCount),
            letters: run.numbers(network.letters)[0..<words * length], words: words)
    }
}
