public import Files
import Shards

/// The bytes that an output will take, and how accurate the number is.
public struct OutputSize: Sendable, Equatable {
    /// Accuracy, from the best to the worst.
    public enum Accuracy: Int, Sendable, Comparable {
        /// The exact size, an upper bound, and an estimate.
        case exact, atMost, about

        /// Returns true if one accuracy is better than another.
        public static func < (a: Accuracy, b: Accuracy) -> Bool { a.rawValue < b.rawValue }
    }

    /// Number of bytes.
    public var bytes: Int
    /// Accuracy of the number.
    public var accuracy: Accuracy

    /// Creates a size.
    public init(bytes: Double, _ accuracy: Accuracy) {
        self.bytes = Int(min(bytes.rounded(.up), 9e18))
        self.accuracy = accuracy
    }

    /// Returns the sum, with the worse of both accuracies.
    public static func + (a: OutputSize, b: OutputSize) -> OutputSize {
        OutputSize(bytes: Double(a.bytes) + Double(b.bytes), max(a.accuracy, b.accuracy))
    }
}

/// The amount that a form must write: sentences of tokens, each token with its vectors.
public struct OutputExtent: Sendable {
    /// The input as the form gets it: pooled sentences have one token each, their text.
    let input: InputSize
    let layout: VectorLayout
    let isPooled: Bool

    /// Creates an extent.
    public init(_ input: InputSize, _ layout: VectorLayout, isPooled: Bool) {
        var input = input
        if isPooled {
            input.wordBytes += input.tokens - (input.sentences - input.emptySentences)
            input.tokens = input.sentences
            input.emptySentences = 0
        }
        self.input = input
        self.layout = layout
        self.isPooled = isPooled
    }

    /// Accuracy of sizes that follow from the counts alone.
    var accuracy: OutputSize.Accuracy { input.isCounted ? .exact : .about }
    var values: Double { input.tokens * Double(layout.values) }
    var valueBytes: Double { values * (layout.storage == .float32 ? 4 : 2) }
}

/// A comparison of the space that outputs will take with the space available.
public struct DiskPlan: Sendable {
    private struct Share {
        /// The first of the outputs on the disk.
        let path: String
        let volume: Volume
        var size: OutputSize
    }

    private var shares: [Share] = []
    /// The outputs on a disk, if not all outputs are.
    private var alone: [String] = []

    /// Groups outputs by disk.
    /// - Parameters:
    ///   - outputs: paths and sizes of the outputs.
    ///   - volume: returns the volume of a path; `nil` for a place without a limit, such as a pipe, which is ignored.
    public init(_ outputs: [(path: String, size: OutputSize)], volume: (String) -> Volume? = { Volume(of: $0) }) {
        var onDisk: [String] = []
        for (path, size) in outputs {
            guard let volume = volume(path) else { continue }
            onDisk.append(path)
            if let index = shares.firstIndex(where: { $0.volume.number == volume.number }) {
                shares[index].size = shares[index].size + size
            } else {
                shares.append(Share(path: path, volume: volume, size: size))
            }
        }
        if onDisk.count < outputs.count { alone = onDisk }
    }

    /// One line for the user; `nil` if nothing is written to a disk.
    public var summary: String? {
        guard !shares.isEmpty else { return nil }
        let parts = shares.map { share in
            let place = shares.count > 1 ? "\(share.path): " : ""
            let doubt = share.size.bytes > share.volume.free ? ", which may not be enough" : ""
            return "\(place)\(Self.spelt(share.size)), and \(Self.grouped(share.volume.free)) are free\(doubt)"
        }
        return "output\(alone.isEmpty ? "" : " to \(alone.joined(separator: " and ")) alone"): " + parts.joined(separator: "; ")
    }

    /// Throws `ToolError` with status `cannotCreate` if there is too little space: less than an exact size, or clearly less than an
    /// estimate.
    public func check() throws {
        for share in shares {
            let isExact = share.size.accuracy == .exact
            guard Double(share.size.bytes) > Double(share.volume.free) * (isExact ? 1 : Self.clearly) else { continue }
            let name = share.path == "-" ? "standard output" : share.path
            throw ToolError(
                .cannotCreate,
                "\(name): will take \(Self.spelt(share.size)), \(isExact ? "" : "clearly ")more than the "
                    + "\(Self.grouped(share.volume.free)) that are free there; make room, write elsewhere, or write less "
                    + "(--layers, --storage, --pool)")
        }
    }

    /// Factor by which an estimate must exceed the space: its error, and what compression may save.
    private static let clearly = 1.25

    /// Writes a size: `1,234,567 bytes`, or an estimate with three significant digits.
    private static func spelt(_ size: OutputSize) -> String {
        switch size.accuracy {
        case .exact: return "\(grouped(size.bytes)) bytes"
        case .atMost: return "at most \(grouped(size.bytes)) bytes"
        case .about:
            var unit = 1
            while size.bytes / unit >= 1000 { unit *= 10 }
            return "about \(grouped((size.bytes / unit + (size.bytes % unit * 2 >= unit ? 1 : 0)) * unit)) bytes"
        }
    }

    private static func grouped(_ number: Int) -> String {
        let digits = String(number)
        return String(
            digits.enumerated().flatMap { place, digit in
                place > 0 && (digits.count - place) % 3 == 0 ? [",", digit] : [digit]
            })
    }
}
