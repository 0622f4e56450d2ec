extension ResultRecord {
    /// The range of whole numbers in results: counts, sizes and seeds, exact in every reader of JSON.
    private static let wholeNumbers = 0...1 << 53

    /// Which whole number of the record cannot be, for a message; `nil` if all can.
    var complaint: String? {
        for (name, value) in Mirror(reflecting: record).children {
            guard let name, let number = value as? Int, !Self.wholeNumbers.contains(number) else { continue }
            return "\"\(name)\" is \(number), and must be from 0 to \(Self.wholeNumbers.upperBound)"
        }
        return nil
    }

    private var record: Any {
        switch self {
        case .machine(let record): record
        case .system(let record): record
        case .ratio(let record): record
        case .leftOut(let record): record
        case .differences(let record): record
        case .quality(let record): record
        case .curve(let record): record
        case .probe(let record): record
        case .evaluation(let record): record
        case .interrupted(let run): run as Any
        }
    }
}
