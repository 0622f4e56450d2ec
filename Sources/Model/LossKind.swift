internal import Kernels
internal import Layers

/// The losses of the continuous output there are. A new one is a file in Layers and a line in each switch here.
public enum LossKind: String, Codable, Sendable, CaseIterable {
    /// 1 - cosine, as in ELMo-C.
    case cosine
    /// Squared distance.
    case squaredDistance = "l2"
    /// Hinge loss against the nearest other target of the window, with `margin`.
    case maxMargin = "max-margin"
    /// Negative log-likelihood of a von Mises-Fisher distribution, with `normPenalty` and `dotScale`.
    case vonMisesFisher = "vmf"
}

extension EncoderConfiguration {
    /// The loss, with memory for windows of `rows` positions.
    func makeLoss(rows: Int, in plan: inout Plan) -> any EmbeddingLoss {
        switch loss {
        case .cosine: Distance.cosine
        case .squaredDistance: Distance.squared
        case .maxMargin: MaxMarginLoss(margin: margin, rows: rows, size: outputSize, in: &plan)
        case .vonMisesFisher: Distance.vonMisesFisher(size: outputSize, normPenalty: normPenalty, dotScale: dotScale)
        }
    }

    /// The loss and its parameters in words.
    var lossDescription: String {
        switch loss {
        case .cosine, .squaredDistance: loss.rawValue
        case .maxMargin: "\(loss.rawValue), margin \(margin)"
        case .vonMisesFisher: "\(loss.rawValue), norm penalty \(normPenalty), dot scale \(dotScale)"
        }
    }

    /// The complaint about parameters that make no loss; `nil` if they make one.
    var lossComplaint: String? {
        // Cosines differ by 2 at most.
        if !(margin > 0 && margin <= 2) { return "margin is \(margin), and must be above 0 and at most 2" }
        if !(dotScale > 0 && dotScale <= 1) { return "dotScale is \(dotScale), and must be above 0 and at most 1" }
        // With a greater penalty the best prediction of all is the zero vector.
        if !(normPenalty >= 0 && normPenalty < dotScale) {
            return "normPenalty is \(normPenalty), and must be at least 0 and below dotScale, \(dotScale)"
        }
        return nil
    }
}
