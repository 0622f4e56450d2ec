internal import Layers

/// The available output layers. To add one, write a file in Layers and a line in each switch here.
public enum OutputKind: String, Codable, Sendable, CaseIterable {
    /// The vector of the next word (ELMo-C).
    case continuous
    /// The full softmax over a vocabulary.
    case softmax
    /// The softmax over randomly drawn classes (ELMo).
    case sampledSoftmax = "sampled-softmax"
    /// The adaptive softmax (ELMo-A).
    case adaptiveSoftmax = "adaptive-softmax"
    /// The full softmax over units of words (ELMo-Sub).
    case subwordSoftmax = "subword-softmax"
    /// None: a model that only encodes and cannot be trained.
    case none

    /// True if it predicts a class of a vocabulary.
    public var hasVocabulary: Bool { self != .continuous && self != .none }
}

extension EncoderConfiguration {
    /// Declares the layer from the encoder's output, `width` wide, to the loss; returns `nil` for a model that only encodes.
    /// - Parameter table: the input layer's table, if the output layer shares it.
    func makeOutput(
        _ name: String, rows: Int, tiedTo table: Parameter?, in plan: inout Plan
    ) -> (any OutputLayer)? {
        switch output {
        case .none: nil
        case .continuous:
            makeContinuousOutput(name, rows: rows, in: &plan)
        case .softmax, .subwordSoftmax:
            SoftmaxOutput(name, inputs: width, classes: vocabularySize, tiedTo: table, rows: rows, in: &plan)
        case .sampledSoftmax:
            SampledSoftmaxOutput(
                name, inputs: width, classes: vocabularySize, negatives: negatives, rows: rows, in: &plan)
        case .adaptiveSoftmax:
            AdaptiveSoftmaxOutput(
                name, inputs: width, classes: vocabularySize, cutoffs: cutoffs, rows: rows, in: &plan)
        }
    }

    /// Describes the output layer and its sizes.
    var outputDescription: String {
        switch output {
        case .continuous, .none: output.rawValue
        case .softmax: "\(output.rawValue) over \(vocabularySize)"
        case .subwordSoftmax: "\(output.rawValue) over \(vocabularySize)\(isTied ? ", the table of the input" : "")"
        case .sampledSoftmax: "\(output.rawValue) over \(vocabularySize), \(negatives) drawn"
        case .adaptiveSoftmax:
            "\(output.rawValue) over \(vocabularySize), cut off at \(cutoffs.map(String.init).joined(separator: " and "))"
        }
    }

    /// The complaint about values that do not form an output layer; `nil` if they are valid.
    var outputComplaint: String? {
        if output == .none { return nil }
        guard output.hasVocabulary else {
            if outputSize < 1 || outputSize > 1 << 20 { return "outputSize is \(outputSize), and must be from 1 to \(1 << 20)" }
            return nil
        }
        if vocabularySize < 2 || vocabularySize > 1 << 28 {
            return "vocabularySize is \(vocabularySize), and must be from 2 to \(1 << 28)"
        }
        switch output {
        case .sampledSoftmax where negatives < 1 || negatives >= vocabularySize:
            return "negatives is \(negatives), and must be from 1 to less than the size of the vocabulary, \(vocabularySize); see --negatives"
        case .adaptiveSoftmax:
            return AdaptiveSoftmaxOutput.complaint(cutoffs: cutoffs, classes: vocabularySize)
        case .subwordSoftmax where input != .subwords:
            return "the output subword-softmax needs the input subwords"
        default:
            return nil
        }
    }

    /// Approximate number of weights.
    var outputWeights: Double {
        switch output {
        case .none: 0
        case .continuous: Double(self.width) * Double(outputSize) + targetWeights
        case .softmax, .sampledSoftmax, .subwordSoftmax, .adaptiveSoftmax: outputWeights(ofFirst: vocabularySize)
        }
    }

    /// Number of weights of a contrastive loss's targets: trained vectors, or a map.
    private var targetWeights: Double {
        guard isContrastive else { return 0 }
        let size = Double(outputSize)
        switch targets {
        case .frozen: return 0
        case .mapped: return size * size
        case .trained: return Double(vocabularySize) * size
        }
    }

    /// Returns the approximate number of weights of a softmax that distinguish the `classes` most frequent words.
    public func outputWeights(ofFirst classes: Int) -> Double {
        let width = Double(self.width)
        guard output == .adaptiveSoftmax else { return width * Double(classes) }
        var total = width * Double(min(classes, cutoffs.first ?? 0)), size = width
        for (first, end) in zip(cutoffs, cutoffs.dropFirst() + [vocabularySize]) {
            size /= 4
            if classes > first { total += size * (width + Double(min(classes, end) - first)) }
        }
        return total
    }

    /// Returns the approximate bytes of the logits of `rows` positions.
    func outputBytes(rows: Double) -> Double {
        let classes: Double
        switch output {
        case .continuous where isContrastive: classes = Double(negatives)
        case .continuous, .none: return 0
        case .softmax, .subwordSoftmax: classes = Double(vocabularySize)
        case .sampledSoftmax: classes = Double(negatives)
        case .adaptiveSoftmax: classes = Double(cutoffs.first ?? 0)
        }
        return min(Double(LogitsMemory.defaultBytes), 4 * classes * rows)
    }

    /// Approximate number of weights that take part in training on one word. For an adaptive softmax, one word in ten uses the
    /// first cluster, and one in thirty each of the others.
    var outputWeightsOfWord: Double {
        let width = Double(self.width)
        switch output {
        // Products with the negatives: two if their vectors are frozen, compared with three for weights.
        case .continuous where isContrastive:
            let size = Double(outputSize), share = targets == .trained ? 1 : 2.0 / 3
            return width * size + (targets == .mapped ? size * size : 0) + share * size * Double(negatives)
        case .continuous, .softmax, .subwordSoftmax, .none: return outputWeights
        case .sampledSoftmax: return width * Double(negatives)
        case .adaptiveSoftmax:
            let head = width * Double(cutoffs.first ?? 0), first = width / 4 * Double((cutoffs + [vocabularySize])[1] - cutoffs[0])
            return head + 0.1 * first + 0.03 * max(0, outputWeights - head - first)
        }
    }
}
