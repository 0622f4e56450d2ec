public import Kernels

/// Parameters whose gradients are complete at the same time, roughly those of one layer. Machines that train together send them in
/// one piece.
///
/// ```swift
/// for bucket in layout.buckets { print(bucket.floats) }
/// ```
public struct ParameterBucket: Sendable, Equatable {
    /// Indices in `ParameterLayout.parameters`.
    public let indices: Range<Int>
    /// Floats of the parameters that are not sparse, in a store's memory.
    public let floats: Range<Int>

    package init(indices: Range<Int>, floats: Range<Int>) { (self.indices, self.floats) = (indices, floats) }

    /// Returns the floats that machine `index` of `count` updates. Parts consist of whole chunks of `LaneSums`, so that a norm does
    /// not depend on the number of machines; they may be empty.
    public func part(_ index: Int, of count: Int) -> Range<Int> {
        let chunks = LaneSums.chunks(floats.count)
        func cut(_ index: Int) -> Int { floats.lowerBound + min(floats.count, chunks * index / count * LaneSums.chunk) }
        return cut(index)..<cut(index + 1)
    }
}

extension ParameterLayout {
    /// All parameters, grouped by the first parts of their names: those of a direction and layer, or of a shared layer.
    public var buckets: [ParameterBucket] {
        var buckets: [ParameterBucket] = [], before: Substring?
        for (index, parameter) in parameters.enumerated() {
            let parts = parameter.name.split(separator: ".", maxSplits: parameter.isShared ? 1 : 2)
            let layer = parameter.name[..<(parameter.isShared ? parts[0] : parts[min(1, parts.count - 1)]).endIndex]
            let last = layer == before ? buckets.popLast() : nil
            before = layer
            let end = last?.floats.upperBound ?? buckets.last?.floats.upperBound ?? 0
            buckets.append(
                ParameterBucket(
                    indices: (last?.indices.lowerBound ?? index)..<index + 1,
                    floats: (last?.floats.lowerBound ?? end)..<end + (parameter.isSparse ? 0 : parameter.extent)))
        }
        return buckets
    }
}

extension ParameterStore {
    /// Returns some floats of the gradient as one row.
    public func gradients(_ floats: Range<Int>) -> Matrix {
        guard let training else { preconditionFailure("a network without gradients has none") }
        return Matrix(training.gradients, at: floats.lowerBound, rows: 1, columns: floats.count)
    }

    /// Returns some floats of the weights as one row.
    public func values(_ floats: Range<Int>) -> Matrix {
        Matrix(values, at: floats.lowerBound, rows: 1, columns: floats.count)
    }

    /// Sparse parameters in the order of the layout.
    public var sparseRows: [ParameterRows] { tables }

    /// Call this after changing weights other than by `update`: packed copies are discarded.
    public func weightsHaveChanged() { packedWeights?.expire() }
}
