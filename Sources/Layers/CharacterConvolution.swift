internal import Kernels

/// Convolutions over the letters of a word with max pooling, followed by highway layers (Kim, Jernite, Sontag and Rush 2016):
/// ELMo's reader of words.
///
/// For each width w and its filters W_w:
///
///     f_w[n] = act(b_w[n] + max over places t of [x_t; ...; x_{t+w-1}] . W_w[n])        act: relu or tanh
///     features = highways([f_1; f_2; ...])
///
/// ```swift
/// let filters = [CharacterConvolution.Filters(width: 1, count: 32), .init(width: 2, count: 64)]
/// let encoder = ConvolutionEncoder("letters", inputs: 16, filters: filters, highways: 1, in: &plan)
/// ```
public struct CharacterConvolution: Sendable {
    /// The filters of one width.
    ///
    /// ```swift
    /// let filters = CharacterConvolution.Filters(width: 3, count: 128)
    /// ```
    public struct Filters: Sendable, Equatable {
        /// Letters that a filter spans.
        public let width: Int
        /// Number of filters.
        public let count: Int

        /// Describes `count` filters over `width` letters.
        public init(width: Int, count: Int) {
            self.width = width
            self.count = count
        }
    }

    /// The activation applied to a filter's largest sum. Both functions increase, so the largest sum gives the largest answer.
    ///
    /// ```swift
    /// let activation = CharacterConvolution.Activation.relu
    /// ```
    public enum Activation: String, Codable, Sendable, CaseIterable {
        /// max(x, 0), and the hyperbolic tangent.
        case relu, tanh

        var function: Kernels.Activation { self == .relu ? .relu : .tanh }
    }

    /// The content of the places after a word's last letter, and the reach of filters.
    ///
    /// ```swift
    /// let padding = CharacterConvolution.Padding.zeros
    /// ```
    public enum Padding: Sendable {
        /// Zeros, which a filter sees only in words shorter than itself.
        case zeros
        /// A padding letter, up to `longest` letters in all, as in bilm-tf. All places that hold only padding are equal, so one of
        /// them is enough.
        case letter(Int32, longest: Int)

        /// Row of the padding letter in the table of characters; -1 stands for zeros.
        var letter: Int32 { if case .letter(let letter, _) = self { letter } else { -1 } }

        /// Number of places of a filter that can differ.
        func places(length: Int, width: Int) -> Int {
            switch self {
            case .zeros: max(1, length - width + 1)
            case .letter(_, let longest): min(length + 1, longest - width + 1)
            }
        }
    }

    /// Size of a character's vector.
    public let inputs: Int
    /// The filters, by width.
    public let filters: [Filters]
    /// Features of a word: the total number of filters.
    public var outputs: Int { filters.reduce(0) { $0 + $1.count } }
    /// Width of the widest filter.
    public var widest: Int { filters.reduce(1) { max($0, $1.width) } }
    private let activation: Activation
    private let padding: Padding
    private let wordCapacity: Int
    /// Weights [count, width * inputs] and biases [count] for each width.
    let weights, biases: [Parameter]
    private let highways: [Highway]
    /// The letters of all words, each word followed by as much padding as the widest filter reaches: their rows in the table,
    /// vectors and gradients, [letters, inputs].
    private let letters: NumberSlot
    private let embedded, embeddedGradient: MatrixSlot
    /// Start of each word among the letters, and its length without padding, [words].
    private let starts, lengths: NumberSlot
    /// Number of places of each filter in each word, [filters * words].
    private let places: NumberSlot
    /// Windows [places of a block, widest * inputs] and answers [places, largest count].
    private let windows, answers: MatrixSlot
    /// Largest answer of each filter and its place in the word, [words, features].
    private let features: MatrixSlot
    private let chosen: NumberSlot
    /// The gradient on its way down, alternating with that of the output, [words, features].
    private let spare: MatrixSlot

    /// Words whose places are multiplied together: few enough to stay in a processor's caches.
    private let block: Int

    /// Declares filters and highway layers.
    /// - `words`: maximum number of words in one pass.
    /// - `letters`: maximum number of their letters in total.
    /// - `longest`: maximum number of letters in a word.
    /// - `firstHighway`: number of the first highway layer, used in parameter names.
    public init(
        _ name: String, inputs: Int, filters: [Filters], activation: Activation, highways count: Int, firstHighway: Int,
        words: Int, letters: Int, longest: Int, padding: Padding, in plan: inout Plan
    ) {
        self.inputs = inputs
        self.filters = filters
        self.activation = activation
        self.padding = padding
        wordCapacity = words
        var weights: [Parameter] = [], biases: [Parameter] = []
        for filter in filters {
            weights.append(plan.parameter("\(name).width\(filter.width).weight", [filter.count, filter.width * inputs]))
            biases.append(plan.parameter("\(name).width\(filter.width).bias", [filter.count]))
        }
        (self.weights, self.biases) = (weights, biases)
        let size = filters.reduce(0) { $0 + $1.count }
        var highways: [Highway] = []
        for number in firstHighway..<firstHighway + count {
            highways.append(
                Highway("\(name).highway\(number)", size: size, rows: words, sharing: highways.first, in: &plan))
        }
        self.highways = highways
        block = plan.isFrugal ? 64 : min(256, max(1, words))
        let most = block * (longest + 1)
        let letterCount = letters + words * filters.reduce(1) { max($0, $1.width) }
        self.letters = plan.numbers(letterCount)
        embedded = plan.matrix(rows: letterCount, columns: inputs)
        embeddedGradient = plan.gradient(rows: letterCount, columns: inputs)
        starts = plan.numbers(words)
        lengths = plan.numbers(words)
        places = plan.numbers(filters.count * words)
        windows = plan.matrix(rows: most, columns: filters.reduce(1) { max($0, $1.width) } * inputs)
        answers = plan.matrix(rows: most, columns: filters.reduce(0) { max($0, $1.count) })
        features = plan.matrix(rows: words, columns: size)
        chosen = plan.numbers(plan.isTraining ? words * size : 0, forHost: false)
        spare = plan.gradient(rows: words, columns: size)
    }

    /// The matrices of the highway layers; the filters are too small to be worth packing.
    public var factors: [Parameter] { highways.flatMap(\.factors) }

    /// Initialises filters and highway layers.
    /// - Parameter bound: bound of the uniform filter weights; `nil` means Glorot's.
    func initialize(_ parameters: ParameterStore, bound: Double? = nil, random: inout Random) {
        for (filter, weight) in zip(filters, weights) {
            if let bound {
                parameters.fill(weight) { random.uniform(in: -bound..<bound) }
            } else {
                parameters.fillGlorot(weight, inputs: filter.width * inputs, outputs: filter.count, random: &random)
            }
        }
        for bias in biases { parameters.fill(bias, with: 0) }
        for highway in highways { highway.initialize(parameters, random: &random) }
    }

    // MARK: - Forward

    /// Reads `words` words and returns their features, [words, outputs].
    /// - Parameters:
    ///   - table: the vectors of characters, [characters, inputs].
    ///   - length, letter: functions that return the number of letters of a word, and each letter.
    func forward(
        _ words: Int, of table: Matrix, length: (_ word: Int) -> Int, letter: (_ word: Int, _ index: Int) -> Int32, _ run: Run
    ) -> Matrix {
        precondition(words <= wordCapacity)
        // The host overwrites what the previous pass has used.
        run.backend.wait()
        let letters = run.numbers(letters), starts = run.numbers(starts), lengths = run.numbers(lengths)
        var next = 0
        for word in 0..<words {
            let count = length(word)
            precondition(next + count + widest <= letters.count)
            starts[word] = Int32(next)
            lengths[word] = Int32(count)
            for index in 0..<count + widest { letters[next + index] = index < count ? letter(word, index) : padding.letter }
            next += count + widest
            for (index, filter) in filters.enumerated() {
                places(index, run)[word] = Int32(padding.places(length: count, width: filter.width))
            }
        }
        let embedded = run.matrix(embedded, rows: next)
        run.backend.gather(letters, of: table, into: embedded)
        for first in stride(from: 0, to: words, by: block) {
            let block = first..<min(words, first + self.block)
            var column = 0
            for index in filters.indices {
                convolve(index, block, embedded, into: features(words, run), column: column, run)
                column += filters[index].count
            }
        }
        run.enter(.inputProducts)
        var below = features(words, run)
        for layer in highways { below = layer.forward(below, run) }
        return below
    }

    /// Returns the output of the last forward pass, [words, outputs].
    func output(words: Int, _ run: Run) -> Matrix { highways.last?.output(rows: words, run) ?? features(words, run) }

    private func features(_ words: Int, _ run: Run) -> Matrix { run.matrix(features, rows: words) }

    private func places(_ filter: Int, _ run: Run) -> Numbers {
        run.numbers(places)[filter * wordCapacity..<(filter + 1) * wordCapacity]
    }

    private func chosen(_ column: Int, _ run: Run) -> ChosenPlaces {
        ChosenPlaces(run.numbers(chosen), features: outputs, column: column)
    }

    /// Applies the filters of one width to a block of words and writes their largest answers to the features from `column` on.
    private func convolve(
        _ index: Int, _ block: Range<Int>, _ embedded: Matrix, into features: Matrix, column: Int, _ run: Run
    ) {
        let filter = filters[index], places = places(index, run)
        let rows = block.reduce(0) { $0 + Int(places[$1]) }
        let windows = run.matrix(windows, rows: rows, columns: filter.width * inputs)
        let answers = run.matrix(answers, rows: rows, columns: filter.count)
        run.backend.unfold(
            embedded, width: filter.width, words: block, starts: run.numbers(starts), places: places, into: windows)
        run.backend.multiply(windows, run.value(weights[index]).transposed, into: answers)
        run.backend.maxPool(
            answers, words: block, places: places, bias: run.value(biases[index]), activation.function,
            into: features.columns(column..<column + filter.count), chosen: run.memory.isTraining ? chosen(column, run) : nil)
    }

    // MARK: - Backward

    /// The backward pass of the last forward pass, over `count` words: adds to the gradients of the parameters and of the table of
    /// characters, and overwrites `outputGradient` [words, outputs].
    func backward(_ count: Int, outputGradient: Matrix, tableGradient: Matrix, _ run: Run) {
        guard count > 0 else { return }
        let features = features(count, run), starts = run.numbers(starts)[0..<count]
        let rows = Int(starts[count - 1] + run.numbers(lengths)[count - 1]) + widest
        let embedded = run.matrix(embedded, rows: rows), lettersGradient = run.matrix(embeddedGradient, rows: rows)
        var gradient = outputGradient, spare = run.matrix(spare, rows: count)
        for index in highways.indices.reversed() {
            highways[index].backward(
                index == 0 ? features : highways[index - 1].output(rows: count, run), outputGradient: gradient,
                inputGradient: spare, run)
            swap(&gradient, &spare)
        }
        run.enter(.characters)
        run.backend.bend(gradient, by: features, activation.function)
        run.backend.fill(lettersGradient, with: 0)
        var column = 0
        for (index, filter) in filters.enumerated() {
            let part = gradient.columns(column..<column + filter.count), chosen = chosen(column, run)
            run.backend.addFilterGradients(
                part, chosen, letters: embedded, starts: starts, weightGradient: run.gradient(weights[index]),
                biasGradient: run.gradient(biases[index]))
            run.backend.addLetterGradients(
                part, chosen, weights: run.value(weights[index]), starts: starts, lettersGradient: lettersGradient)
            column += filter.count
        }
        run.backend.scatterAdd(lettersGradient, to: tableGradient, at: run.numbers(letters))
    }
}
