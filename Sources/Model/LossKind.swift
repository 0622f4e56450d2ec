internal import Kernels
internal import Layers

/// The available losses of the continuous output. To add one, write a file in Layers and a line in each switch here.
public enum LossKind: String, Codable, Sendable, CaseIterable {
    /// 1 - cosine, as in ELMo-C.
    case cosine
    /// Squared distance.
    case squaredDistance = "l2"
    /// Hinge loss against the nearest other target of the window, with `margin`.
    case maxMargin = "max-margin"
    /// Negative log-likelihood of a von Mises-Fisher distribution, with `normPenalty` and `dotScale`.
    case vonMisesFisher = "vmf"
    /// Negative log-likelihood among the words of the window: a sampled softmax over the words' own vectors.
    case contrastive
}

extension EncoderConfiguration {
    /// Declares the continuous output with its loss, from `width` numbers, for windows of `rows` positions.
    func makeContinuousOutput(_ name: String, rows: Int, in plan: inout Plan) -> any VectorOutput {
        func output(_ loss: any EmbeddingLoss) -> ContinuousOutput {
            ContinuousOutput(name, inputs: width, outputs: outputSize, loss: loss, rows: rows, in: &plan)
        }
        switch loss {
        case .cosine: return output(Distance.cosine)
        case .squaredDistance: return output(Distance.squared)
        case .maxMargin: return output(MaxMarginLoss(margin: margin, rows: rows, size: outputSize, in: &plan))
        case .vonMisesFisher:
            return output(Distance.vonMisesFisher(size: outputSize, normPenalty: normPenalty, dotScale: dotScale))
        case .contrastive:
            return ContrastiveOutput(
                name, inputs: width, size: outputSize, negatives: negatives, isMapped: targets == .mapped,
                trainedWords: targets == .trained ? vocabularySize : 0, learnsScale: learnsScale, rows: rows, in: &plan)
        }
    }

    /// True if the loss makes the continuous output a language model, which gives every word a probability.
    public var isContrastive: Bool { output == .continuous && loss == .contrastive }

    /// Describes the loss and its parameters.
    var lossDescription: String {
        switch loss {
        case .cosine, .squaredDistance: loss.rawValue
        case .maxMargin: "\(loss.rawValue), margin \(margin)"
        case .vonMisesFisher: "\(loss.rawValue), norm penalty \(normPenalty), dot scale \(dotScale)"
        case .contrastive:
            "\(loss.rawValue), \(negatives) negatives (\(negativeSource.rawValue)), targets \(targetDescription)"
                + (learnsScale ? ", a learned scale" : "")
        }
    }

    /// Describes the targets of the contrastive loss.
    private var targetDescription: String {
        targets.rawValue + (whitensTargets ? ", whitened" : "") + (randomShare > 0 ? ", \(randomShare) random" : "")
    }

    /// The complaint about parameters that do not form a loss; `nil` if they are valid.
    var lossComplaint: String? {
        // Cosines differ by at most 2.
        if !(margin > 0 && margin <= 2) { return "margin is \(margin), and must be above 0 and at most 2" }
        if !(dotScale > 0 && dotScale <= 1) { return "dotScale is \(dotScale), and must be above 0 and at most 1" }
        // With a greater penalty, the best prediction would be the zero vector.
        if !(normPenalty >= 0 && normPenalty < dotScale) {
            return "normPenalty is \(normPenalty), and must be at least 0 and below dotScale, \(dotScale)"
        }
        if !(randomShare >= 0 && randomShare <= 1) { return "randomShare is \(randomShare), and must be from 0 to 1; see --random-share" }
        if !(otherCount >= 0 && otherCount < 1e15) { return "otherCount is \(otherCount), and must be at least 0 and below 1e15" }
        if !(0..<1 << 56).contains(sentenceCount) { return "sentenceCount is \(sentenceCount), and must be from 0 to \(1 << 56)" }
        guard isContrastive else { return nil }
        // A single one would be the target itself.
        if negatives < 2 || negatives > 1 << 20 { return "negatives is \(negatives), and must be from 2 to \(1 << 20); see --negatives" }
        if targets == .trained && !(1...1 << 28).contains(vocabularySize) {
            return "vocabularySize is \(vocabularySize), and must be from 1 to \(1 << 28)"
        }
        return nil
    }
}
