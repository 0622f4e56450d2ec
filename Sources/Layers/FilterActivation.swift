internal import Kernels

/// What a filter's largest answer goes through. Both rise, so that the largest answer is that of the largest sum.
public enum FilterActivation: String, Codable, Sendable, CaseIterable {
    case relu, tanh

    func apply(_ values: UnsafeMutablePointer<Float>, count: Int) {
        switch self {
        case .relu: for index in 0..<count { values[index] = max(0, values[index]) }
        case .tanh: Vector.hyperbolicTangent(values, into: values, count: count)
        }
    }

    /// Makes `gradient`, that of `values`, the gradient of what these were before `apply`.
    func bend(_ gradient: UnsafeMutablePointer<Float>, by values: UnsafePointer<Float>, count: Int) {
        switch self {
        case .relu: for index in 0..<count where !(values[index] > 0) { gradient[index] = 0 }
        case .tanh: for index in 0..<count { gradient[index] *= 1 - values[index] * values[index] }
        }
    }
}
