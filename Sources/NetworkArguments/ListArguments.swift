public import ArgumentParser

/// Whole numbers with commas between them.
public struct NumberList: ExpressibleByArgument {
    public let numbers: [Int]

    public init(_ numbers: [Int]) { self.numbers = numbers }

    public var defaultValueDescription: String { numbers.map(String.init).joined(separator: ",") }

    public init?(argument: String) {
        let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard !numbers.isEmpty, !numbers.contains(nil) else { return nil }
        self.numbers = numbers.compactMap { $0 }
    }
}

/// Filters as WIDTH:COUNT with commas between them.
public struct FilterList: ExpressibleByArgument {
    public let filters: [[Int]]

    public init?(argument: String) {
        var filters: [[Int]] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
            guard pair.count == 2, let width = pair[0], let count = pair[1] else { return nil }
            filters.append([width, count])
        }
        self.filters = filters
    }
}
