public import ArgumentParser
public import Model

/// A kind of encoder, by name.
public struct EncoderChoice: ExpressibleByArgument {
    /// Name of the encoder.
    public let name: String
    let shape: EncoderShape

    /// Parses the name of an encoder.
    public init?(argument: String) {
        guard let kind = EncoderShape.kinds.first(where: { $0.name == argument }) else { return nil }
        (name, shape) = kind
    }

    /// Names of all encoders.
    public static var allValueStrings: [String] { EncoderShape.kinds.map(\.name) }

    /// Replaces the encoder of a network by one of this kind and about the same size, unless it is of this kind already.
    public func replaceEncoder(of configuration: inout EncoderConfiguration) {
        guard name != configuration.encoder.name else { return }
        let (cell, width) = (configuration.encoder.cell, configuration.encoder.width)
        configuration.encoder = shape
        configuration.encoder.family.takeSize(cell: cell, width: width)
    }
}

/// Comma-separated integers.
public struct NumberList: ExpressibleByArgument {
    /// The numbers.
    public let numbers: [Int]

    /// Creates a list from numbers.
    public init(_ numbers: [Int]) { self.numbers = numbers }

    /// The list as the help text shows it.
    public var defaultValueDescription: String { numbers.map(String.init).joined(separator: ",") }

    /// Parses comma-separated integers.
    public init?(argument: String) {
        guard let numbers = wholeNumbers(argument, separator: ",") else { return nil }
        self.numbers = numbers
    }
}

private func wholeNumbers(_ text: some StringProtocol, separator: Character) -> [Int]? {
    let numbers = text.split(separator: separator, omittingEmptySubsequences: false).map { Int($0) }
    return numbers.contains(nil) ? nil : numbers.compactMap { $0 }
}

/// Comma-separated filters, each as WIDTH:COUNT.
public struct FilterList: ExpressibleByArgument {
    /// Width and count of each filter.
    public let filters: [[Int]]

    /// Parses filters.
    public init?(argument: String) {
        let pairs = argument.split(separator: ",", omittingEmptySubsequences: false).map { wholeNumbers($0, separator: ":") }
        guard pairs.allSatisfy({ $0?.count == 2 }) else { return nil }
        filters = pairs.compactMap { $0 }
    }
}
