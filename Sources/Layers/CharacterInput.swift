public import Kernels
internal import Parallel

/// ELMo's input layer (Kim et al. 2016; bilm-tf): the characters of a word, convolutions taken at their largest place,
/// highway layers, and a projection. Each distinct word of a window goes through it once.
///
///     f_w[n] = act(b_w[n] + max over places t of [x_t; ...; x_{t+w-1}] . W_w[n])        act: relu or tanh
///     output = highways([f_1; f_2; ...]) P + p
///
/// The original pads every word to fifty characters, and the padding takes part. Here a word ends at the first place that
/// is padding alone for every filter: all places behind it are equal, so that the results are the same.
public final class CharacterInput: InputLayer {
    /// The sizes of the network.
    public struct Shape: Sendable, Equatable {
        /// Kinds of characters, the padding included, which is the last.
        public var alphabet: Int
        /// Numbers in a character's vector.
        public var characterSize: Int
        public var filters: [CharacterConvolution.Filters]
        public var activation: FilterActivation
        public var highways: Int
        /// Characters of a word at most, padded with marks at both ends.
        public var longest: Int

        public init(
            alphabet: Int, characterSize: Int, filters: [CharacterConvolution.Filters],
            activation: FilterActivation = .relu, highways: Int, longest: Int
        ) {
            self.alphabet = alphabet
            self.characterSize = characterSize
            self.filters = filters
            self.activation = activation
            self.highways = highways
            self.longest = longest
        }

        /// ELMo's (bilm-tf).
        public static let elmo = Shape(
            alphabet: 261, characterSize: 16,
            filters: zip([1, 2, 3, 4, 5, 6, 7], [32, 32, 64, 128, 256, 512, 1024]).map { .init(width: $0, count: $1) },
            highways: 2, longest: 50)

        /// Features of a word before the projection.
        var features: Int { filters.reduce(0) { $0 + $1.count } }
        var widest: Int { filters.reduce(1) { max($0, $1.width) } }
    }

    public let shape: Shape
    /// [alphabet, characterSize]
    private let characters: Parameter
    /// For each width [count, width * characterSize] and [count].
    private let filters, biases: [Parameter]
    private let highways: [Highway]
    private let projection: Linear
    private let capacity: Int

    /// The vectors of all letters of the window's words, padded: [letters, characterSize], and their gradient.
    private let embedded, embeddedGradient: FloatBuffer
    /// Where each word starts there, and how many letters it has, the padding not counted.
    private let starts, lengths: UnsafeMutablePointer<Int32>
    /// [places of a block, widest * characterSize] and [places, largest count]
    private let columns, answers: FloatBuffer
    /// [words, features]: the largest answers, and where in the word they were.
    private let features: FloatBuffer
    private let largest: UnsafeMutablePointer<Int32>
    private let memories: [Highway.Memory]
    /// [words, features], and [words, outputs]
    private let gradientA, gradientB, projected, projectedGradient: FloatBuffer

    /// Words whose places are multiplied at once.
    private static let block = 64

    /// - Parameters:
    ///   - rows: of a window: the most distinct words there can be.
    public init(
        _ name: String, shape: Shape, outputs: Int, rows: Int, training: Bool, in layout: inout ParameterLayout
    ) {
        self.shape = shape
        capacity = rows
        characters = layout.declare("\(name).characters", [shape.alphabet, shape.characterSize])
        var filters: [Parameter] = [], biases: [Parameter] = []
        for filter in shape.filters {
            filters.append(
                layout.declare("\(name).width\(filter.width).weight", [filter.count, filter.width * shape.characterSize]))
            biases.append(layout.declare("\(name).width\(filter.width).bias", [filter.count]))
        }
        self.filters = filters
        self.biases = biases
        let count = shape.features
        var highways: [Highway] = []
        for index in 0..<shape.highways { highways.append(Highway("\(name).highway\(index + 1)", size: count, in: &layout)) }
        self.highways = highways
        projection = Linear("\(name).projection", inputs: count, outputs: outputs, in: &layout)

        let letters = rows * (shape.longest + shape.widest)
        embedded = FloatBuffer(count: letters * shape.characterSize)
        embeddedGradient = FloatBuffer(count: training ? letters * shape.characterSize : 0)
        starts = .allocate(capacity: rows)
        lengths = .allocate(capacity: rows)
        largest = .allocate(capacity: training ? rows * count : 0)
        let places = Self.block * (shape.longest + 1)
        columns = FloatBuffer(count: places * shape.widest * shape.characterSize)
        answers = FloatBuffer(count: places * (shape.filters.map(\.count).max() ?? 0))
        features = FloatBuffer(count: rows * count)
        memories = highways.map { Highway.Memory($0, rows: rows, training: training) }
        gradientA = FloatBuffer(count: training ? rows * count : 0)
        gradientB = FloatBuffer(count: training ? rows * count : 0)
        projected = FloatBuffer(count: rows * outputs)
        projectedGradient = FloatBuffer(count: training ? rows * outputs : 0)
        keepsPlaces = training
    }

    private let keepsPlaces: Bool

    deinit { for pointer in [starts, lengths, largest] { pointer.deallocate() } }

    /// The filters are small.
    public var factors: [Parameter] { highways.flatMap(\.weights) + [projection.weight] }

    /// As bilm-tf: characters uniform in ±1, filters in ±0.05.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        func fill(_ parameter: Parameter, _ bound: Double) {
            let start = parameters.value(parameter).start
            for index in 0..<parameter.count { start[index] = Float(random.uniform(in: -bound..<bound)) }
        }
        fill(characters, 1)
        for filter in filters { fill(filter, 0.05) }
        for bias in biases { parameters.fill(bias, with: 0) }
        for highway in highways { highway.initialize(parameters, random: &random) }
        projection.initialize(parameters, random: &random)
    }

    // MARK: - Forward

    public func forward(_ words: InputWords, into output: Matrix, _ parameters: ParameterStore, _ compute: Compute) {
        let words = spellings(words)
        precondition(words.words <= capacity)
        compute.enter(.characters)
        embed(words, parameters)
        for first in stride(from: 0, to: words.words, by: Self.block) {
            let block = first..<min(words.words, first + Self.block)
            var column = 0
            for index in shape.filters.indices {
                convolve(index, block, column: column, parameters, compute)
                column += shape.filters[index].count
            }
        }
        compute.enter(.inputProducts)
        var below = Matrix(features, rows: words.words, columns: shape.features)
        for (layer, memory) in zip(highways, memories) {
            below = layer.forward(below, memory: memory, parameters, compute)
        }
        let projected = Matrix(projected, rows: words.words, columns: output.columns)
        projection.forward(below, into: projected, parameters, compute)
        for row in 0..<output.rows {
            output.row(row).update(from: projected.row(Int(words.places[row])), count: output.columns)
        }
    }

    /// Places of a filter that can differ: all that touch a letter, and one of padding alone, if there is room.
    private func places(_ word: Int, width: Int) -> Int { min(Int(lengths[word]) + 1, shape.longest - width + 1) }

    /// Writes the vectors of all letters, each word followed by padding.
    private func embed(_ words: Spellings, _ parameters: ParameterStore) {
        let size = shape.characterSize
        let table = parameters.value(characters)
        var next = 0
        for word in 0..<words.words {
            let range = words.range(word)
            precondition(range.count <= shape.longest)
            starts[word] = Int32(next)
            lengths[word] = Int32(range.count)
            for letter in range {
                (embedded.start + next * size).update(from: table.row(Int(words.letters[letter])), count: size)
                next += 1
            }
            for _ in 0..<shape.widest {
                (embedded.start + next * size).update(from: table.row(shape.alphabet - 1), count: size)
                next += 1
            }
        }
    }

    /// The filters of one width over a block of words: their largest answers go to the features from `column` on.
    private func convolve(
        _ index: Int, _ block: Range<Int>, column: Int, _ parameters: ParameterStore, _ compute: Compute
    ) {
        let filter = shape.filters[index], size = shape.characterSize, width = filter.width * shape.characterSize
        var rows = 0
        for word in block {
            let start = embedded.start + Int(starts[word]) * size
            for place in 0..<places(word, width: filter.width) {
                (columns.start + rows * width).update(from: start + place * size, count: width)
                rows += 1
            }
        }
        let answers = Matrix(answers, rows: rows, columns: filter.count)
        compute.multiply(
            Matrix(columns, rows: rows, columns: width), parameters.value(filters[index]).transposed, into: answers)
        let bias = parameters.value(biases[index]).start
        var row = 0
        for word in block {
            let count = places(word, width: filter.width)
            takeLargest(answers.rows(row..<row + count), bias: bias, word: word, column: column)
            row += count
        }
    }

    private func takeLargest(_ answers: Matrix, bias: UnsafePointer<Float>, word: Int, column: Int) {
        let target = features.start + word * shape.features + column
        target.update(from: answers.row(0), count: answers.columns)
        if keepsPlaces {
            let chosen = largest + word * shape.features + column
            chosen.update(repeating: 0, count: answers.columns)
            for place in 1..<max(1, answers.rows) {
                let row = answers.row(place)
                for index in 0..<answers.columns {
                    let isLarger = row[index] > target[index]
                    target[index] = isLarger ? row[index] : target[index]
                    chosen[index] = isLarger ? Int32(place) : chosen[index]
                }
            }
        } else {
            for place in 1..<max(1, answers.rows) { Vector.raise(target, to: answers.row(place), plus: 0, count: answers.columns) }
        }
        Vector.add(bias, to: target, count: answers.columns)
        shape.activation.apply(target, count: answers.columns)
    }

    // MARK: - Backward

    public func backward(
        _ words: InputWords, outputGradient: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        let words = spellings(words)
        let count = words.words
        let projectedGradient = Matrix(projectedGradient, rows: count, columns: outputGradient.columns)
        projectedGradient.fill(0)
        for row in 0..<outputGradient.rows {
            Vector.add(
                outputGradient.row(row), to: projectedGradient.row(Int(words.places[row])), count: outputGradient.columns)
        }
        compute.enter(.inputProducts)
        var (gradient, spare) = (
            Matrix(gradientA, rows: count, columns: shape.features), Matrix(gradientB, rows: count, columns: shape.features)
        )
        projection.backward(
            top(count), outputGradient: projectedGradient, inputGradient: gradient, parameters, compute)
        for index in highways.indices.reversed() {
            highways[index].backward(
                index == 0 ? Matrix(features, rows: count, columns: shape.features) : memories[index - 1].result(rows: count),
                memory: memories[index], outputGradient: gradient, inputGradient: spare, parameters, compute)
            (gradient, spare) = (spare, gradient)
        }
        compute.enter(.characters)
        shape.activation.bend(gradient.start, by: features.start, count: count * shape.features)
        backwardFilters(gradient, parameters, compute)
        backwardLetters(words, gradient, parameters, compute)
    }

    private func top(_ words: Int) -> Matrix {
        memories.last?.result(rows: words) ?? Matrix(features, rows: words, columns: shape.features)
    }

    /// What the threads work on in the way back.
    private struct Job {
        let layer: Unmanaged<CharacterInput>
        let parameters: Unmanaged<ParameterStore>
        /// [words, features]: of the filters' largest sums.
        let gradient: Matrix
        var filter = 0
        /// Its first feature.
        var column = 0
        /// Filters, or words, of a task.
        static let group = 16
    }

    /// Each filter answers at one place of a word only, so that its gradient is a sum of that many windows of letters: far
    /// fewer than a product over all places. Filters are the threads' tasks.
    private func backwardFilters(_ gradient: Matrix, _ parameters: ParameterStore, _ compute: Compute) {
        var job = Job(layer: .passUnretained(self), parameters: .passUnretained(parameters), gradient: gradient)
        for (index, filter) in shape.filters.enumerated() {
            job.filter = index
            compute.pool.forEach((filter.count + Job.group - 1) / Job.group, context: &job) { context, task in
                let job = context.assumingMemoryBound(to: Job.self).pointee
                job.layer.takeUnretainedValue().backwardFilters(job, task)
            }
            job.column += filter.count
        }
    }

    private func backwardFilters(_ job: Job, _ task: Int) {
        let parameters = job.parameters.takeUnretainedValue()
        let filter = shape.filters[job.filter], width = filter.width * shape.characterSize
        let weights = parameters.gradient(filters[job.filter]), bias = parameters.gradient(biases[job.filter]).start
        for number in task * Job.group..<min(filter.count, (task + 1) * Job.group) {
            for word in 0..<job.gradient.rows {
                let slope = job.gradient.row(word)[job.column + number]
                guard slope != 0 else { continue }
                bias[number] += slope
                Vector.add(chosenWindow(word, job.column + number), times: slope, to: weights.row(number), count: width)
            }
        }
    }

    /// The window of letters at which a filter answered most.
    private func chosenWindow(_ word: Int, _ feature: Int) -> UnsafePointer<Float> {
        let place = Int(largest[word * shape.features + feature])
        return UnsafePointer(embedded.start + (Int(starts[word]) + place) * shape.characterSize)
    }

    /// The gradients of the letters, word by word, then of the alphabet.
    private func backwardLetters(
        _ words: Spellings, _ gradient: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        let size = shape.characterSize
        var job = Job(layer: .passUnretained(self), parameters: .passUnretained(parameters), gradient: gradient)
        compute.pool.forEach((words.words + Job.group - 1) / Job.group, context: &job) { context, task in
            let job = context.assumingMemoryBound(to: Job.self).pointee
            job.layer.takeUnretainedValue().backwardLetters(job, task)
        }
        let table = parameters.gradient(characters)
        for word in 0..<words.words {
            var letter = embeddedGradient.start + Int(starts[word]) * size
            for index in words.range(word) {
                Vector.add(letter, to: table.row(Int(words.letters[index])), count: size)
                letter += size
            }
            for _ in 0..<shape.widest {
                Vector.add(letter, to: table.row(shape.alphabet - 1), count: size)
                letter += size
            }
        }
    }

    private func backwardLetters(_ job: Job, _ task: Int) {
        let parameters = job.parameters.takeUnretainedValue(), size = shape.characterSize
        for word in task * Job.group..<min(job.gradient.rows, (task + 1) * Job.group) {
            let start = embeddedGradient.start + Int(starts[word]) * size
            start.update(repeating: 0, count: (Int(lengths[word]) + shape.widest) * size)
            var column = 0
            for (index, filter) in shape.filters.enumerated() {
                let weights = parameters.value(filters[index])
                for number in 0..<filter.count {
                    let feature = column + number, slope = job.gradient.row(word)[feature]
                    let place = word * shape.features + feature
                    guard slope != 0 else { continue }
                    Vector.add(
                        weights.row(number), times: slope, to: start + Int(largest[place]) * size,
                        count: filter.width * size)
                }
                column += filter.count
            }
        }
    }

    private func spellings(_ words: InputWords) -> Spellings {
        guard case .spellings(let spellings) = words else { preconditionFailure("the words of this input are spellings") }
        return spellings
    }

    public var activationBytes: Int {
        [embedded, embeddedGradient, columns, answers, features, gradientA, gradientB, projected, projectedGradient]
            .reduce(4 * (2 * capacity + (keepsPlaces ? capacity * shape.features : 0))) { $0 + $1.bytes }
            + memories.reduce(0) { $0 + $1.bytes }
    }
}
