/// A data set in an HDF5 file.
public struct HDF5Dataset: Sendable, Equatable {
    /// Where it is: names of groups and its own, behind a slash each (`/RNN_0/B`).
    public let path: String
    /// Empty for a single value.
    public let shape: [Int]
    public let kind: Kind
    /// What it takes in the file.
    let stored: Storage

    public enum Kind: Sendable, Equatable {
        /// Floating-point numbers of so many bits (16, 32 or 64).
        case float(bits: Int)
        /// Integers of so many bits (8 to 64), with a sign or without.
        case integer(bits: Int)
        /// Strings, compounds, and whatever else is not read here.
        case other
    }

    struct Storage: Sendable, Equatable {
        var bytes: Int
        var isCompressed: Bool
    }

    /// The number of values.
    public var count: Int { shape.reduce(1, *) }

    public init(path: String, shape: [Int], kind: Kind) {
        self.init(path: path, shape: shape, kind: kind, stored: Storage(bytes: 0, isCompressed: false))
    }

    init(path: String, shape: [Int], kind: Kind, stored: Storage) {
        self.path = path
        self.shape = shape
        self.kind = kind
        self.stored = stored
    }

    public static func == (a: HDF5Dataset, b: HDF5Dataset) -> Bool {
        a.path == b.path && a.shape == b.shape && a.kind == b.kind
    }

    /// Bytes of a value, 0 where it is not read here.
    var elementSize: Int {
        switch kind {
        case .float(let bits), .integer(let bits): bits / 8
        case .other: 0
        }
    }
}
