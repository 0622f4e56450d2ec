@_spi(HostMemory) public import Kernels
public import Layers

/// Filters over the letters of a word with max pooling (Kim, Jernite, Sontag and Rush 2016):
///
///     features[n] = relu(b[n] + max over places t of [x_t; ...; x_{t+w-1}] . W[n])
///
/// Words shorter than a filter are padded with zeros.
public struct CharacterFilters: Sendable {
    /// Letters that a filter spans, and number of filters.
    public let width, count: Int
    /// Vectors of characters, [alphabet, size].
    public let table: Parameter
    /// Weights of the filters, [count, width x size].
    public let weight: Parameter
    /// Biases, [count].
    public let bias: Parameter
    private let size: Int

    /// Declares table and filters.
    public init(_ name: String, alphabet: Int, size: Int, width: Int, count: Int, in plan: inout Plan) {
        (self.width, self.count, self.size) = (width, count, size)
        table = plan.parameter("\(name).characters", [alphabet, size])
        weight = plan.parameter("\(name).filters.weight", [count, width * size])
        bias = plan.parameter("\(name).filters.bias", [count])
    }

    /// Sets the initial weights.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorot(table, inputs: table.shape[0], outputs: size, random: &random)
        parameters.fillGlorot(weight, inputs: width * size, outputs: count, random: &random)
        parameters.fill(bias, with: 0)
    }

    /// Returns the features of words, [words, count].
    /// - `words`: letters of each word, as rows of the table.
    public func forward(_ words: [[Int32]], on tape: Tape) -> Node {
        let backend = tape.backend, table = tape.value(table), weight = tape.value(weight), bias = tape.value(bias)
        let starts = tape.numbers(words.count), places = tape.numbers(words.count)
        let letters = tape.numbers(words.reduce(0) { $0 + $1.count + width })
        var next = 0, rows = 0
        for (index, word) in words.enumerated() {
            starts[index] = Int32(next)
            places[index] = Int32(max(1, word.count - width + 1))
            rows += Int(places[index])
            for place in 0..<word.count + width {
                letters[next] = place < word.count ? word[place] : -1
                next += 1
            }
        }
        let embedded = tape.node(rows: letters.count, columns: size)
        backend.gather(letters, of: table.value, into: embedded.value)
        let windows = tape.memory(rows: rows, columns: width * size), answers = tape.memory(rows: rows, columns: count)
        backend.unfold(embedded.value, width: width, words: 0..<words.count, starts: starts, places: places, into: windows)
        backend.multiply(windows, weight.value.transposed, into: answers)
        let features = tape.node(rows: words.count, columns: count)
        let chosen = ChosenPlaces(tape.numbers(words.count * count), features: count, column: 0)
        backend.maxPool(
            answers, words: 0..<words.count, places: places, bias: bias.value, .relu, into: features.value,
            chosen: tape.isTraining ? chosen : nil)
        tape.record {
            guard let gradient = features.gradient, let weightGradient = weight.gradient, let biasGradient = bias.gradient,
                let tableGradient = table.gradient, let lettersGradient = embedded.gradient
            else { return }
            backend.bend(gradient, by: features.value, .relu)
            backend.addFilterGradients(
                gradient, chosen, letters: embedded.value, starts: starts, weightGradient: weightGradient, biasGradient: biasGradient)
            backend.addLetterGradients(gradient, chosen, weights: weight.value, starts: starts, lettersGradient: lettersGradient)
            backend.scatterAdd(lettersGradient, to: tableGradient, at: letters)
        }
        return features
    }
}
