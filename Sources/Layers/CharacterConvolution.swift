public import Kernels

/// Convolutions over the characters of a word, each taken at its largest place, then highway layers (Kim, Jernite, Sontag
/// and Rush 2016): the input layer of ELMo.
///
/// For each width w and its filters W_w:
///
///     f_w = relu(max over places t of [x_t; ...; x_{t+w-1}] W_w + b_w)
///     features = highways([f_1; f_2; ...])
///
/// Beyond a word's end characters are zeros, so that words shorter than a filter have one place for it.
public struct CharacterConvolution: CharacterEncoder {
    /// Filters of one width.
    public struct Filters: Sendable, Equatable {
        public let width: Int
        public let count: Int

        public init(width: Int, count: Int) {
            self.width = width
            self.count = count
        }
    }

    public let inputs: Int
    public let filters: [Filters]
    public var outputs: Int { filters.reduce(0) { $0 + $1.count } }
    /// One for each of `filters`: [width * inputs, count].
    let convolutions: [Linear]
    let highways: [Highway]
    public var packedWeights: [Parameter] { convolutions.map(\.weight) + highways.flatMap(\.weights) }

    public init(_ name: String, inputs: Int, filters: [Filters], highways: Int, in layout: inout ParameterLayout) {
        self.inputs = inputs
        self.filters = filters
        var convolutions: [Linear] = []
        for filter in filters {
            convolutions.append(
                Linear(
                    "\(name).width\(filter.width)", inputs: filter.width * inputs, outputs: filter.count, in: &layout))
        }
        self.convolutions = convolutions
        var layers: [Highway] = []
        let outputs = filters.reduce(0) { $0 + $1.count }
        for index in 0..<highways { layers.append(Highway("\(name).highway\(index)", size: outputs, in: &layout)) }
        self.highways = layers
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        for layer in convolutions { layer.initialize(parameters, random: &random) }
        for layer in highways { layer.initialize(parameters, random: &random) }
    }

    public func makeWorkspace(words: Int, longest: Int, training: Bool) -> any CharacterWorkspace {
        Workspace(self, words: words, longest: longest, training: training)
    }

    private final class Workspace: CharacterWorkspace {
        private let encoder: CharacterConvolution
        /// For each width the characters under the filter, [places * words, width * inputs].
        private let columns: [FloatBuffer]
        /// [places * words, largest count]: the filters' answers, or their gradients.
        private let answers: FloatBuffer
        /// [places * words, largest width * inputs]
        private let columnGradient: FloatBuffer
        /// [words, outputs]: the largest answers.
        private let largest: FloatBuffer
        /// The place of each of these.
        private let places: UnsafeMutableBufferPointer<Int32>
        private let highwayMemory: [Highway.Memory]
        private let gradientA, gradientB: FloatBuffer

        init(_ encoder: CharacterConvolution, words: Int, longest: Int, training: Bool) {
            self.encoder = encoder
            let rows = words * longest
            let widest = encoder.filters.map(\.width).max() ?? 1
            columns = encoder.filters.map { FloatBuffer(count: rows * $0.width * encoder.inputs) }
            answers = FloatBuffer(count: rows * (encoder.filters.map(\.count).max() ?? 0))
            columnGradient = FloatBuffer(count: training ? rows * widest * encoder.inputs : 0)
            largest = FloatBuffer(count: words * encoder.outputs)
            places = .allocate(capacity: words * encoder.outputs)
            places.initialize(repeating: 0)
            highwayMemory = encoder.highways.map { Highway.Memory($0, rows: words, training: training) }
            gradientA = FloatBuffer(count: training ? words * encoder.outputs : 0)
            gradientB = FloatBuffer(count: training ? words * encoder.outputs : 0)
        }

        deinit { places.deallocate() }

        /// Places of a filter in words of `length` characters.
        private func placeCount(_ filter: Filters, _ length: Int) -> Int { max(1, length - filter.width + 1) }

        func forward(_ group: CharacterGroup, _ parameters: ParameterStore, _ compute: Compute) -> Matrix {
            let words = group.words, length = group.length
            let result = Matrix(largest, rows: words, columns: encoder.outputs)
            var first = 0
            for (index, filter) in encoder.filters.enumerated() {
                let count = placeCount(filter, length)
                let columns = Matrix(columns[index], rows: count * words, columns: filter.width * encoder.inputs)
                gather(group, filter, into: columns)
                let answers = Matrix(answers, rows: count * words, columns: filter.count)
                encoder.convolutions[index].forward(columns, into: answers, parameters, compute)
                for word in 0..<words { takeLargest(answers, word: word, words: words, places: count, first: first, result) }
                first += filter.count
            }
            var features = result
            for (layer, memory) in zip(encoder.highways, highwayMemory) {
                features = layer.forward(features, memory: memory, parameters, compute)
            }
            return features
        }

        func backward(
            _ group: CharacterGroup, outputGradient: Matrix, embeddingGradient: Matrix, _ parameters: ParameterStore,
            _ compute: Compute
        ) {
            let words = group.words, length = group.length
            let size = encoder.outputs
            var gradient = outputGradient
            for index in encoder.highways.indices.reversed() {
                let below = index == 0
                    ? Matrix(largest, rows: words, columns: size)
                    : Matrix(highwayMemory[index - 1].output, rows: words, columns: size)
                let next = Matrix(index % 2 == 0 ? gradientA : gradientB, rows: words, columns: size)
                encoder.highways[index].backward(
                    below, memory: highwayMemory[index], outputGradient: gradient, inputGradient: next, parameters,
                    compute)
                gradient = next
            }
            embeddingGradient.fill(0)
            var first = 0
            for (index, filter) in encoder.filters.enumerated() {
                let count = placeCount(filter, length)
                let answers = Matrix(answers, rows: count * words, columns: filter.count)
                answers.fill(0)
                for word in 0..<words {
                    let gradient = gradient.row(word) + first, value = largest.start + word * size + first
                    for index in 0..<filter.count where value[index] > 0 {
                        let place = Int(places[word * size + first + index])
                        answers.row(place * words + word)[index] = gradient[index]
                    }
                }
                let columns = Matrix(columns[index], rows: count * words, columns: filter.width * encoder.inputs)
                let columnGradient = Matrix(columnGradient, rows: count * words, columns: columns.columns)
                encoder.convolutions[index].backward(
                    columns, outputGradient: answers, inputGradient: columnGradient, parameters, compute)
                scatter(columnGradient, group, filter, into: embeddingGradient)
                first += filter.count
            }
        }

        /// relu(max over places), and where it was.
        private func takeLargest(
            _ answers: Matrix, word: Int, words: Int, places count: Int, first: Int, _ result: Matrix
        ) {
            let target = result.row(word) + first
            let chosen = places.baseAddress.map { $0 + word * encoder.outputs + first }
            guard let chosen else { return }
            target.update(from: answers.row(word), count: answers.columns)
            chosen.update(repeating: 0, count: answers.columns)
            for place in 1..<max(1, count) {
                let row = answers.row(place * words + word)
                for index in 0..<answers.columns where row[index] > target[index] {
                    target[index] = row[index]
                    chosen[index] = Int32(place)
                }
            }
            for index in 0..<answers.columns { target[index] = max(0, target[index]) }
        }

        private func gather(_ group: CharacterGroup, _ filter: Filters, into columns: Matrix) {
            let inputs = encoder.inputs, words = group.words, length = group.length
            for place in 0..<placeCount(filter, length) {
                for word in 0..<words {
                    let row = columns.row(place * words + word)
                    for offset in 0..<filter.width {
                        if place + offset < length {
                            let letter = group.embeddings.row(group.place(place + offset, word))
                            (row + offset * inputs).update(from: letter, count: inputs)
                        } else {
                            (row + offset * inputs).update(repeating: 0, count: inputs)
                        }
                    }
                }
            }
        }

        private func scatter(_ columns: Matrix, _ group: CharacterGroup, _ filter: Filters, into gradient: Matrix) {
            let inputs = encoder.inputs, words = group.words, length = group.length
            for place in 0..<placeCount(filter, length) {
                for word in 0..<words {
                    let row = columns.row(place * words + word)
                    for offset in 0..<min(filter.width, length - place) {
                        let letter = gradient.row(group.place(place + offset, word))
                        Vector.add(row + offset * inputs, to: letter, count: inputs)
                    }
                }
            }
        }
    }
}
