package import Kernels
package import Layers

/// The layers of a character model, from the characters of words of equal length to their vectors:
///
///     vector = reader(embeddings of the characters) W + b
package struct MimickNetwork: Sendable {
    package let shape: MimickShape
    package let layout: ParameterLayout
    /// What is packed once for all threads in a step of the fit.
    var packedWeights: [Parameter] { [output.weight] + reader.packedWeights }
    /// [characters, embedding]
    let embedding: Parameter
    let reader: any CharacterEncoder
    let output: Linear

    /// Words in a group, at most.
    package static let groupSize = 64
    /// Characters of a word that are read, at most.
    package static let longestWord = 40

    package init(_ shape: MimickShape) {
        self.shape = shape
        var layout = ParameterLayout()
        embedding = layout.declare("embedding", [shape.characters, shape.embedding])
        reader = shape.makeReader(in: &layout)
        output = Linear("output", inputs: reader.outputs, outputs: shape.dimension, in: &layout)
        self.layout = layout
    }

    /// Embeddings uniform in ±1, the layers by their own rules.
    package func initialize(_ parameters: ParameterStore, seed: UInt64) {
        var random = Random(seed: seed, stream: "mimick parameters")
        let embeddings = parameters.value(embedding)
        for index in 0..<embedding.count { embeddings.start[index] = Float(random.uniform(in: -1..<1)) }
        reader.initialize(parameters, random: &random)
        output.initialize(parameters, random: &random)
    }
}

/// The memory of one thread that works on groups of words.
package final class MimickWorkspace: @unchecked Sendable {
    private let network: MimickNetwork
    private let compute = Compute()
    private let reader: any CharacterWorkspace
    private let letters: GroupLetters
    /// [rows, embedding], for at most as many characters as letters.
    private let embeddings, embeddingGradient: FloatBuffer
    /// [group, dimension], and for the reader's features [group, reader's outputs].
    private let output, outputGradient, featureGradient: FloatBuffer
    private var features: Matrix?

    package init(_ network: MimickNetwork, training: Bool) {
        self.network = network
        let words = MimickNetwork.groupSize, rows = words * MimickNetwork.longestWord
        reader = network.reader.makeWorkspace(words: words, longest: MimickNetwork.longestWord, training: training)
        letters = GroupLetters(characters: network.shape.characters, letters: rows)
        embeddings = FloatBuffer(count: rows * network.shape.embedding)
        embeddingGradient = FloatBuffer(count: training ? rows * network.shape.embedding : 0)
        output = FloatBuffer(count: words * network.shape.dimension)
        outputGradient = FloatBuffer(count: training ? words * network.shape.dimension : 0)
        featureGradient = FloatBuffer(count: training ? words * network.reader.outputs : 0)
    }

    /// The network's vectors, [words, dimension], for words whose characters are `characters`, [length, words]. Valid
    /// until the next call.
    package func predict(
        _ parameters: ParameterStore, characters: UnsafeBufferPointer<Int32>, words: Int
    ) -> Matrix {
        precondition(words > 0 && words <= MimickNetwork.groupSize && characters.count % words == 0)
        precondition(characters.count > 0 && characters.count <= words * MimickNetwork.longestWord)
        letters.take(characters)
        let size = network.shape.embedding
        let table = parameters.value(network.embedding)
        for (place, character) in letters.distinct.enumerated() {
            (embeddings.start + place * size).update(from: table.row(Int(character)), count: size)
        }
        let features = reader.forward(group(words), parameters, compute)
        self.features = features
        let result = Matrix(output, rows: words, columns: network.shape.dimension)
        network.output.forward(features, into: result, parameters, compute)
        return result
    }

    /// Adds to `parameters`' gradients those of `scale` times the loss of the group, and returns the loss: its mean over
    /// the words, each counted as often as its weight says, times the sum of the weights.
    ///
    /// - Parameters:
    ///   - targets: [words, dimension]
    ///   - weights: [words]
    package func train(
        _ parameters: ParameterStore, characters: UnsafeBufferPointer<Int32>, targets: Matrix,
        weights: UnsafePointer<Float>, loss: some EmbeddingLoss, scale: Float
    ) -> Double {
        let words = targets.rows
        let prediction = predict(parameters, characters: characters, words: words)
        let gradient = Matrix(outputGradient, rows: words, columns: network.shape.dimension)
        let total = Vector.sum(weights, count: words)
        let mean = loss.evaluate(
            prediction: prediction, target: targets, weights: weights, gradient: gradient, compute)
        Vector.scale(gradient.start, by: scale * Float(total), count: words * network.shape.dimension)
        guard let features else { return .nan }
        let featureGradient = Matrix(featureGradient, rows: words, columns: network.reader.outputs)
        network.output.backward(
            features, outputGradient: gradient, inputGradient: featureGradient, parameters, compute)
        let group = group(words)
        let embeddingGradient = Matrix(
            embeddingGradient, rows: group.embeddings.rows, columns: group.embeddings.columns)
        reader.backward(
            group, outputGradient: featureGradient, embeddingGradient: embeddingGradient, parameters, compute)
        let table = parameters.gradient(network.embedding)
        for (place, character) in letters.distinct.enumerated() {
            Vector.add(embeddingGradient.row(place), to: table.row(Int(character)), count: embeddingGradient.columns)
        }
        return mean * total
    }

    private func group(_ words: Int) -> CharacterGroup {
        CharacterGroup(
            embeddings: Matrix(embeddings, rows: letters.distinct.count, columns: network.shape.embedding),
            letters: letters.places, words: words)
    }
}
