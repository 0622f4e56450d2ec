/// A rule that turns gradients into new weights, all of it in one pass over memory: clipping, moments, weight decay,
/// update, and the gradient set to zero for the next step.
public protocol Optimizer: Sendable {
    /// Names of the numbers that the rule keeps for each weight, one or two.
    var momentNames: [String] { get }
    /// What these numbers are before the first update.
    var initialMoment: Float { get }

    func update(_ run: WeightRun, _ step: OptimizerStep, compute: Compute)
}

/// A run of weights in memory, with what belongs to each: [count] each.
public struct WeightRun: @unchecked Sendable {
    public let weights, gradients, firstMoments: UnsafeMutablePointer<Float>
    /// `nil` for a rule that keeps one number only.
    public let secondMoments: UnsafeMutablePointer<Float>?
    public let count: Int

    public init(
        weights: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>,
        firstMoments: UnsafeMutablePointer<Float>, secondMoments: UnsafeMutablePointer<Float>?, count: Int
    ) {
        self.weights = weights
        self.gradients = gradients
        self.firstMoments = firstMoments
        self.secondMoments = secondMoments
        self.count = count
    }

    /// The weights in `range` alone.
    public func part(_ range: Range<Int>) -> WeightRun {
        WeightRun(
            weights: weights + range.lowerBound, gradients: gradients + range.lowerBound,
            firstMoments: firstMoments + range.lowerBound, secondMoments: secondMoments.map { $0 + range.lowerBound },
            count: range.count)
    }
}

/// What one update needs to know beside the numbers themselves.
public struct OptimizerStep: Sendable {
    /// 1 for the first update.
    public var number: Int
    public var rate: Float
    /// A factor of all gradients: what clipping asks for, and the mean over accumulated windows.
    public var scale: Float = 1
    /// Decoupled from the gradient (Loshchilov and Hutter 2019): w loses rate x decay x w.
    public var weightDecay: Float = 0

    public init(number: Int, rate: Float, scale: Float = 1, weightDecay: Float = 0) {
        self.number = number
        self.rate = rate
        self.scale = scale
        self.weightDecay = weightDecay
    }
}
