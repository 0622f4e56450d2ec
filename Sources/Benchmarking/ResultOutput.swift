public import Files
internal import FoundationEssentials

/// Results for programs as JSON Lines: one object per line, with its keys in alphabetical order.
public struct ResultLog {
    private let output: OutputFile
    private let encoder = JSONEncoder()

    /// Makes a log that writes to `output`.
    public init(_ output: OutputFile) {
        self.output = output
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    /// Writes the values by their names, without those that are `nil`. Throws what `output` throws.
    public func write(_ fields: ResultFields) throws { try writeLine(FieldsRecord(fields: fields)) }

    /// Writes an object as one line. Throws what `output` throws.
    func writeLine(_ record: some Encodable) throws {
        try output.write([UInt8](encoder.encode(record)) + [UInt8(ascii: "\n")])
    }
}

/// The values of one line of results by their names.
public typealias ResultFields = [String: (any Encodable)?]

private struct FieldsRecord: Encodable {
    let fields: ResultFields

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        for case let (name, value?) in fields { try container.encode(value, forKey: Name(stringValue: name)) }
    }
}

/// A table for a terminal. The first column is left-aligned, the others are right-aligned, and each is as wide as its content.
public struct TextTable: Sendable {
    private var rows: [[String]]

    /// Makes a table with the titles of its columns.
    public init(_ titles: [String]) { rows = [titles] }

    /// Makes a table from rows.
    /// - `rows`: at least one, all with the same number of cells.
    init(rows: [[String]]) { self.rows = rows }

    /// Appends a row with a cell for each title.
    public mutating func append(_ cells: [String]) {
        precondition(cells.count == rows[0].count, "\(cells.count) cells in a table of \(rows[0].count) columns")
        rows.append(cells)
    }

    /// The rows as lines, each with its line end and without leading spaces.
    public var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, pair in
                let space = String(repeating: " ", count: pair.1 - pair.0.count)
                return column == 0 ? pair.0 + space : space + pair.0
            }
            let line = cells.joined(separator: "  ").utf8
            return String(Substring(line.dropLast(line.reversed().prefix { $0 == UInt8(ascii: " ") }.count))) + "\n"
        }.joined()
    }
}
