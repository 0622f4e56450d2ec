public import ArgumentParser
public import Model

/// One of the encoders there are, by its name.
public struct EncoderChoice: ExpressibleByArgument {
    public let name: String
    let shape: EncoderShape

    public init?(argument: String) {
        guard let kind = EncoderShape.kinds.first(where: { $0.name == argument }) else { return nil }
        (name, shape) = kind
    }

    public static var allValueStrings: [String] { EncoderShape.kinds.map(\.name) }

    /// Gives a network this encoder, as large as the one it has, unless it has one of this kind.
    public func replaceEncoder(of configuration: inout EncoderConfiguration) {
        guard name != configuration.encoder.name else { return }
        let (cell, width) = (configuration.encoder.cell, configuration.encoder.width)
        configuration.encoder = shape
        configuration.encoder.family.takeSize(cell: cell, width: width)
    }
}

/// Whole numbers with commas between them.
public struct NumberList: ExpressibleByArgument {
    public let numbers: [Int]

    public init(_ numbers: [Int]) { self.numbers = numbers }

    public var defaultValueDescription: String { numbers.map(String.init).joined(separator: ",") }

    public init?(argument: String) {
        guard let numbers = wholeNumbers(argument, separator: ",") else { return nil }
        self.numbers = numbers
    }
}

private func wholeNumbers(_ text: some StringProtocol, separator: Character) -> [Int]? {
    let numbers = text.split(separator: separator, omittingEmptySubsequences: false).map { Int($0) }
    return numbers.contains(nil) ? nil : numbers.compactMap { $0 }
}

/// Filters as WIDTH:COUNT with commas between them.
public struct FilterList: ExpressibleByArgument {
    public let filters: [[Int]]

    public init?(argument: String) {
        let pairs = argument.split(separator: ",", omittingEmptySubsequences: false).map { wholeNumbers($0, separator: ":") }
        guard pairs.allSatisfy({ $0?.count == 2 }) else { return nil }
        filters = pairs.compactMap { $0 }
    }
}
