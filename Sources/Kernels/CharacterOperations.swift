internal import Parallel

/// The place in each word where each filter of one width had its largest answer, counted as in `Backend.unfold`.
///
/// ```swift
/// let places = Numbers(backend.allocateShared(words * features), count: words * features)
/// let chosen = ChosenPlaces(places, features: features, column: 0)
/// ```
public struct ChosenPlaces: Sendable {
    /// The places of all widths, [words, features].
    @_spi(HostMemory) public let places: Numbers
    @_spi(HostMemory) public let features: Int
    /// First feature of this width.
    @_spi(HostMemory) public let column: Int

    /// Describes the places of the filters whose features start at `column`.
    public init(_ places: Numbers, features: Int, column: Int) {
        self.places = places
        self.features = features
        self.column = column
    }

    /// Place of the largest answer of filter `number` in a word.
    @inline(__always)
    public subscript(word: Int, number: Int) -> Int {
        get { Int(places[word * features + column + number]) }
        nonmutating set { places[word * features + column + number] = Int32(newValue) }
    }
}

extension ProcessorBackend {
    public func highway(_ input: Matrix, transformed: Matrix, gates: Matrix, into output: Matrix) {
        for row in 0..<input.rows {
            let x = input.row(row), t = transformed.row(row), g = gates.row(row), y = output.row(row)
            Vector.sigmoid(g, into: g, count: input.columns)
            for index in 0..<input.columns {
                t[index] = max(0, t[index])
                y[index] = x[index] + g[index] * (t[index] - x[index])
            }
        }
    }

    public func highwayBackward(
        _ input: Matrix, transformed: Matrix, gates: Matrix, outputGradient: Matrix, transformedGradient: Matrix,
        gateGradient: Matrix, carried: Matrix
    ) {
        for row in 0..<input.rows {
            let x = input.row(row), dy = outputGradient.row(row), carried = carried.row(row)
            let t = transformed.row(row), g = gates.row(row)
            let dt = transformedGradient.row(row), dg = gateGradient.row(row)
            for index in 0..<input.columns {
                dt[index] = t[index] > 0 ? dy[index] * g[index] : 0
                dg[index] = dy[index] * (t[index] - x[index]) * g[index] * (1 - g[index])
                carried[index] = dy[index] * (1 - g[index])
            }
        }
    }

    public func unfold(
        _ letters: Matrix, width: Int, words: Range<Int>, starts: Numbers, places: Numbers, into windows: Matrix
    ) {
        precondition(letters.isDense && windows.columns == width * letters.columns)
        var row = 0
        for word in words {
            for place in 0..<Int(places[word]) {
                windows.row(row).update(from: letters.row(Int(starts[word]) + place), count: windows.columns)
                row += 1
            }
        }
        precondition(row == windows.rows)
    }

    public func maxPool(
        _ answers: Matrix, words: Range<Int>, places: Numbers, bias: Matrix, _ activation: Activation, into features: Matrix,
        chosen: ChosenPlaces?
    ) {
        let count = answers.columns
        var first = 0
        for word in words {
            let target = features.row(word), end = first + Int(places[word])
            target.update(from: answers.row(first), count: count)
            if let chosen {
                let places = chosen.places.start + word * chosen.features + chosen.column
                places.update(repeating: 0, count: count)
                for place in first + 1..<max(first + 1, end) {
                    let row = answers.row(place), number = Int32(place - first)
                    for index in 0..<count {
                        let isLarger = row[index] > target[index]
                        target[index] = isLarger ? row[index] : target[index]
                        places[index] = isLarger ? number : places[index]
                    }
                }
            } else {
                for place in first + 1..<max(first + 1, end) {
                    Vector.raise(target, to: answers.row(place), plus: 0, count: count)
                }
            }
            Vector.add(bias.start, to: target, count: count)
            first = end
        }
        activate(features.rows(words), activation)
    }

    /// Each filter passes a gradient on at one place of a word only, so its gradient is the sum of that many windows of letters,
    /// far fewer than in a product over all places. Each task handles some filters.
    public func addFilterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, letters: Matrix, starts: Numbers, weightGradient: Matrix,
        biasGradient: Matrix
    ) {
        pool.run(
            FilterJob(
                gradient: gradient, chosen: chosen, letters: letters, starts: starts, filters: weightGradient,
                biasGradient: biasGradient))
    }

    public func addLetterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, weights: Matrix, starts: Numbers, lettersGradient: Matrix
    ) {
        pool.run(
            FilterJob(
                gradient: gradient, chosen: chosen, letters: lettersGradient, starts: starts, filters: weights,
                biasGradient: nil))
    }
}

/// The backward pass of filters. Tasks are filters if the gradients of filters are wanted, and words if those of letters are.
private struct FilterJob: ParallelJob {
    /// Gradient of the filters' largest sums, [words, count].
    let gradient: Matrix
    let chosen: ChosenPlaces
    let letters: Matrix
    let starts: Numbers
    /// Weights or their gradient, [count, width * size].
    let filters: Matrix
    /// `nil` if the gradient of the letters is wanted.
    let biasGradient: Matrix?

    /// Filters, or words, in a task.
    private static let group = 16

    var tasks: Int { (biasGradient == nil ? gradient.rows : gradient.columns).groups(of: Self.group) }

    func run(_ task: Int) {
        if let biasGradient {
            for number in gradient.columns.group(task, of: Self.group) { addToFilter(number, biasGradient) }
        } else {
            for word in gradient.rows.group(task, of: Self.group) { addToLetters(word) }
        }
    }

    /// Returns the letters where a filter had its largest answer.
    private func window(_ word: Int, _ number: Int) -> UnsafeMutablePointer<Float> {
        letters.row(Int(starts[word]) + chosen[word, number])
    }

    private func addToFilter(_ number: Int, _ biasGradient: Matrix) {
        for word in 0..<gradient.rows {
            let slope = gradient.row(word)[number]
            guard slope != 0 else { continue }
            biasGradient.start[number] += slope
            Vector.add(window(word, number), times: slope, to: filters.row(number), count: filters.columns)
        }
    }

    private func addToLetters(_ word: Int) {
        for number in 0..<gradient.columns {
            let slope = gradient.row(word)[number]
            guard slope != 0 else { continue }
            Vector.add(filters.row(number), times: slope, to: window(word, number), count: filters.columns)
        }
    }
}
