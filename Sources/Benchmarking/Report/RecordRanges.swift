extension ResultRecord {
    /// The range of whole numbers in results: counts, sizes and seeds, exact in every reader of JSON.
    private static let wholeNumbers = 0...1 << 53

    /// The largest of other numbers, either way: times, speeds and scores for which a picture can have an axis.
    private static let largest = 1e100

    /// Which number of the record cannot be, for a message; `nil` if all can.
    var complaint: String? { Self.complaint(record, "") }

    private static func complaint(_ value: Any, _ name: String) -> String? {
        if let number = value as? Int {
            return wholeNumbers.contains(number) ? nil : "\"\(name)\" is \(number), and must be from 0 to \(wholeNumbers.upperBound)"
        }
        if let number = value as? Double {
            return !number.isFinite || number.magnitude <= largest ? nil : "\"\(name)\" is \(number), and must be at most \(largest) in magnitude"
        }
        return Mirror(reflecting: value).children.lazy.compactMap { complaint($0.value, $0.label ?? name) }.first
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
