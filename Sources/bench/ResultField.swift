import ArgumentParser

/// `--field name=value`: what a pipeline adds to each record of its results.
struct ResultField: ExpressibleByArgument, Equatable {
    let name: String
    let value: String

    init?(argument: String) {
        guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else { return nil }
        name = String(argument[..<sign])
        value = String(argument[argument.index(after: sign)...])
    }

    struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// As an integer, if it is written as one, else as a string.
    func encode(to container: inout KeyedEncodingContainer<Name>) throws {
        if let number = Int(value), String(number) == value {
            try container.encode(number, forKey: Name(stringValue: name))
        } else {
            try container.encode(value, forKey: Name(stringValue: name))
        }
    }
}
