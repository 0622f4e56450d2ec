public import Files
internal import FoundationEssentials

/// Results for programs: JSON Lines, one object a line with its keys in alphabetical order.
public struct ResultLog {
    private let output: OutputFile
    private let encoder = JSONEncoder()

    public init(_ output: OutputFile) {
        self.output = output
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    /// Throws what `output` throws.
    public func write(_ record: some Encodable) throws {
        try output.write([UInt8](encoder.encode(record)) + [UInt8(ascii: "\n")])
    }
}

/// A table for a terminal: the first column to the left, the others to the right, as wide as they need to be.
public struct TextTable: Sendable {
    private var rows: [[String]]

    public init(_ titles: [String]) { rows = [titles] }

    public mutating func append(_ cells: [String]) {
        precondition(cells.count == rows[0].count, "\(cells.count) cells in a table of \(rows[0].count) columns")
        rows.append(cells)
    }

    /// One line a row, each with its end.
    public var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, pair in
                let space = String(repeating: " ", count: pair.1 - pair.0.count)
                return column == 0 ? pair.0 + space : space + pair.0
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}
