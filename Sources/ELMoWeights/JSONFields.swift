import Files
internal import FoundationEssentials
import Model

extension JSONValue {
    /// A short form of any value for messages.
    fileprivate var description: String {
        switch self {
        case .object: "an object"
        case .array: "a list"
        case .integer(let number): JSONValue.number(Double(number)).description
        case .number(let number): number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
        case .string(let text): "\"\(text.prefix(20))\""
        case .bool(let truth): "\(truth)"
        case .null: "null"
        }
    }

    fileprivate var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }
}

/// The fields of a JSON object by name. Every error is a `ToolError.data` with the file and the field's path.
struct JSONFields {
    let file: String
    /// Path of this object, with which the names of its fields start.
    let prefix: String
    let values: [String: JSONValue]
}

extension JSONFields {
    /// Parses a text. Throws unless it is a JSON object in UTF-8.
    init(_ bytes: [UInt8], file: String) throws {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw ToolError.data(file, "", "is not UTF-8") }
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)) else {
            throw ToolError.data(file, "", "is not JSON")
        }
        if let name = repeatedJSONName(bytes) {
            throw ToolError.data(file, "field \(name.prefix(40))", "stands twice in one object")
        }
        guard case .object(let values) = value else {
            throw ToolError.data(file, "", "is not a JSON object, but \(value.description)")
        }
        self.init(file: file, prefix: "", values: values)
    }

    func has(_ name: String) -> Bool { values[name] != nil }

    func error(_ name: String, _ cause: String) -> ToolError { ToolError.data(file, "field \(prefix)\(name)", cause) }

    /// Throws for a field with any other name.
    func check(known: Set<String>) throws {
        if let name = values.keys.filter({ !known.contains($0) }).min() { throw error(String(name.prefix(40)), "is unknown") }
    }

    /// Returns a required object.
    func object(_ name: String) throws -> JSONFields {
        guard case .object(let fields) = try value(name) else { throw try wrongType(name, "an object") }
        return JSONFields(file: file, prefix: "\(prefix)\(name).", values: fields)
    }

    /// Returns an integer within bounds. `missing`, if given, is the value of a field that is missing or null.
    func count(_ name: String, in range: ClosedRange<Int>, missing: Int? = nil) throws -> Int {
        if let missing, isMissing(name) { return missing }
        return try count(value(name), name, in: range)
    }

    private func count(_ value: JSONValue, _ name: String, in range: ClosedRange<Int>) throws -> Int {
        guard let number = value.number, number == number.rounded() else { throw wrongType(name, value, "a whole number") }
        guard number >= Double(range.lowerBound) && number <= Double(range.upperBound) else {
            throw error(name, "is \(value.description), and must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return Int(number)
    }

    /// Returns a bound above 0; `nil` for a field that is missing or null.
    func bound(_ name: String) throws -> Float? {
        if isMissing(name) { return nil }
        guard let number = try value(name).number else { throw try wrongType(name, "a number") }
        guard number > 0 && number <= 1e6 else {
            throw error(name, "is \(try value(name).description), and must be above 0 and at most 1000000, or null")
        }
        return Float(number)
    }

    /// Returns a truth value; false for a missing field.
    func truth(_ name: String) throws -> Bool {
        guard has(name) else { return false }
        guard case .bool(let truth) = try value(name) else { throw try wrongType(name, "true or false") }
        return truth
    }

    /// Returns one of the values of `type`.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String, _ type: Choice.Type) throws -> Choice {
        guard case .string(let text) = try value(name) else { throw try wrongType(name, "a word") }
        guard let choice = Choice(rawValue: text) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: " or ")
            throw error(name, "is \(try value(name).description), and must be \(choices)")
        }
        return choice
    }

    /// Returns a list of at least one pair of integers.
    func pairs(_ name: String, first: ClosedRange<Int>, second: ClosedRange<Int>) throws -> [[Int]] {
        guard case .array(let values) = try value(name), !values.isEmpty else { throw try wrongType(name, "a list of pairs") }
        return try values.enumerated().map { index, pair in
            guard case .array(let numbers) = pair, numbers.count == 2 else {
                throw wrongType("\(name)[\(index)]", pair, "a pair of numbers")
            }
            let ranges = [first, second]
            return try numbers.indices.map { try count(numbers[$0], "\(name)[\(index)][\($0)]", in: ranges[$0]) }
        }
    }

    private func value(_ name: String) throws -> JSONValue {
        guard let value = values[name] else { throw error(name, "is missing") }
        return value
    }

    private func isMissing(_ name: String) -> Bool {
        guard let value = values[name] else { return true }
        if case .null = value { return true }
        return false
    }

    private func wrongType(_ name: String, _ wanted: String) throws -> ToolError { wrongType(name, try value(name), wanted) }

    private func wrongType(_ name: String, _ value: JSONValue, _ wanted: String) -> ToolError {
        error(name, "is \(value.description), and must be \(wanted)")
    }
}
