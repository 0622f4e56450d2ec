internal import Files
internal import FoundationEssentials

/// A configuration as JSON, in which form it is stored in a model's file.
enum ConfigurationText {
    static func encode(_ configuration: EncoderConfiguration) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(configuration), as: UTF8.self)
    }

    /// Reads a configuration. Fields that an older file lacks get their default values; sizes are required. A missing clip means no
    /// clipping, which is how that is written. Throws what `JSONDecoder` throws.
    static func decode(_ text: String) throws -> EncoderConfiguration {
        var value = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        if case .object(let fields) = value, fields["cell"] != nil { value = .object(restructured(fields)) }
        let complete = value.over(try defaults(for: value))
        return try JSONDecoder().decode(EncoderConfiguration.self, from: JSONEncoder().encode(complete))
    }

    /// Returns the default values of a configuration with this kind of encoder, without the required fields.
    private static func defaults(for value: JSONValue) throws -> JSONValue {
        let named = EncoderShape.kinds.first { value["encoder"]?[$0.name] != nil }?.shape ?? EncoderShape.kinds[0].shape
        let configuration = EncoderConfiguration(named, vectorSize: 0)
        let all = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(configuration))
        return all.without(["inputSize", "outputSize", "cell", "projection", "cellClip", "projectionClip"])
    }

    /// Converts the fields of files from the time when all fields were on one level and the LSTM was the only encoder.
    private static func restructured(_ fields: [String: JSONValue]) -> [String: JSONValue] {
        var fields = fields, shape: [String: JSONValue] = [:]
        let ofShape = [
            "cell", "projection", "layers", "residual", "layerNorm", "cellClip", "projectionClip", "dropout", "dropoutKind",
        ]
        for name in ofShape { shape[name] = fields.removeValue(forKey: name) }
        if case .bool(false)? = fields.removeValue(forKey: "hasProjection") { shape["projection"] = nil }
        fields["encoder"] = .object(["lstm": .object(["shape": .object(shape)])])
        if case .array(let names)? = fields.removeValue(forKey: "directions") {
            let directions = names.compactMap { name -> Direction? in
                if case .string(let text) = name { Direction(rawValue: text) } else { nil }
            }
            fields["reading"] = .string(Reading(directions)?.rawValue ?? "none")
        }
        return fields
    }
}

/// Any JSON.
package indirect enum JSONValue: Codable {
    case object([String: JSONValue])
    case array([JSONValue])
    case string(String)
    case integer(Int)
    case number(Double)
    case bool(Bool)
    case null

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .object(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .bool(let value): try container.encode(value)
        case .null: try container.encodeNil()
        }
    }

    subscript(name: String) -> JSONValue? {
        if case .object(let fields) = self { fields[name] } else { nil }
    }

    /// Returns the fields of this object, and those of another that it lacks.
    func over(_ other: JSONValue) -> JSONValue {
        guard case .object(let own) = self, case .object(let others) = other else { return self }
        return .object(own.merging(others) { $0.over($1) })
    }

    /// Returns this value without the fields of these names, on any level.
    func without(_ names: Set<String>) -> JSONValue {
        guard case .object(let fields) = self else { return self }
        return .object(fields.filter { !names.contains($0.key) }.mapValues { $0.without(names) })
    }
}
