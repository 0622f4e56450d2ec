public import HDF5

/// A file of named tensors.
public protocol WeightFile {
    /// What the user calls it.
    var name: String { get }
    /// The shapes of all tensors by their paths (`/CNN/W_cnn_0`).
    var shapes: [String: [Int]] { get }
    /// The numbers of a tensor, row-major. Throws `ToolError` if they cannot be read as floats.
    func values(_ path: String) throws -> [Float]
}

extension HDF5File: WeightFile {
    public var shapes: [String: [Int]] {
        Dictionary(datasets.map { ($0.path, $0.shape) }, uniquingKeysWith: { first, _ in first })
    }
}
