/// A table of a report, from which the page (Templates/table.mustache) and the text are made, with heads of rows and columns. Columns
/// without values are left out. A table that is much wider than long is transposed, so that it fits a screen.
struct ReportTable {
    /// The contents of a cell: a value, and notes in small lines below it.
    struct Cell {
        let value: String?
        let notes: [String]
        /// True if there are words in place of a number.
        var isRemark = false
        /// The layout in HTML: a number stays on one line, and longer text may wrap; a card omits empty cells.
        let layout: String?
        /// The name of the cell's column, which a card shows above the cell.
        fileprivate(set) var column = ""

        init(_ value: String?, _ notes: String?...) { self.init(value, notes) }

        init(_ value: String?, _ notes: [String?]) {
            self.value = value
            self.notes = value == nil ? [] : notes.compactMap { $0 }
            layout = value.map { $0.count > 18 ? "long" : nil } ?? "none"
        }

        /// Makes a cell with a median, its range and other notes.
        init(_ spread: Spread?, _ form: (Double) -> String, mark: String = "", notes: [String?] = []) {
            let range = spread.map { [form($0.lowest), form($0.highest)] } ?? []
            self.init(
                spread.map { form($0.median) + mark },
                [range.first == range.last ? nil : range.joined(separator: " to ")] + notes)
        }

        fileprivate var text: String {
            guard let value else { return "-" }
            return (notes.isEmpty ? value : "\(value) (\(notes.joined(separator: "; ")))").printable
        }
    }

    /// The name of a row or a column.
    struct Head {
        let text: String
        var details: String?
        /// The colour of a system in pictures.
        var colour: String?

        /// The head in one line.
        fileprivate var name: String { (details.map { "\(text), \($0)" } ?? text).printable }
    }

    struct Row {
        let head: Head
        var cells: [Cell]
    }

    /// The line above the table and its caption.
    var title: String?
    /// The line above the table; `nil` if there is none.
    let caption: String?
    /// The head of the column that contains the heads of rows.
    private(set) var corner: String
    private(set) var columns: [Head]
    private(set) var rows: [Row] = []
    /// The paragraphs below the table.
    var footnotes: [String] = []
    /// True if a phone has too little room for the columns.
    private var hasCards = false

    init(_ caption: String, _ corner: String, _ columns: [String], title: String = "") {
        self.title = title.isEmpty ? nil : title
        self.caption = caption.isEmpty ? nil : caption
        self.corner = corner
        self.columns = columns.map { Head(text: $0) }
    }

    mutating func append(_ head: Head, _ cells: [Cell]) {
        precondition(cells.count == columns.count, "\(cells.count) cells in a table of \(columns.count) columns")
        rows.append(Row(head: head, cells: cells))
    }

    /// The table without empty columns.
    private var dense: ReportTable {
        let shown = columns.indices.filter { column in rows.contains { $0.cells[column].value != nil } }
        var table = self
        table.columns = shown.map { columns[$0] }
        table.rows = rows.map { row in Row(head: row.head, cells: shown.map { row.cells[$0] }) }
        return table
    }

    /// The number of columns, and of systems side by side, for which a screen of 1,200 points has room.
    private static let mostColumns = 10, mostTurned = 6

    /// The table as a page shows it: without empty columns, and transposed if it has many columns and few rows.
    var arranged: ReportTable {
        var table = dense
        if table.columns.count > Self.mostColumns && table.rows.count <= Self.mostTurned {
            let (columns, rows) = (table.columns, table.rows)
            table.corner = ""
            table.columns = rows.map(\.head)
            table.rows = columns.indices.map { column in Row(head: columns[column], cells: rows.map { $0.cells[column] }) }
        }
        table.hasCards = table.columns.count > 3
        for row in table.rows.indices {
            for column in table.columns.indices { table.rows[row].cells[column].column = table.columns[column].name }
        }
        return table
    }

    /// Returns the table as text for a terminal, with columns in blocks below each other, no wider than `width` if possible.
    func text(width: Int = 118) -> String {
        let table = dense
        let nameWidth = ([table.corner] + table.rows.map(\.head.name)).map(\.count).max() ?? 0
        let cells = table.rows.map { $0.cells.map(\.text) }
        let titles = table.columns.indices.map { column in
            Self.wrapped(table.columns[column].name, to: max(12, cells.map { $0[column].count }.max() ?? 0))
        }
        var blocks: [Range<Int>] = [], start = 0, used = nameWidth
        for column in titles.indices {
            let own = 2 + ((titles[column] + cells.map { $0[column] }).map(\.count).max() ?? 0)
            if column > start && used + own > width {
                blocks.append(start..<column)
                (start, used) = (column, nameWidth)
            }
            used += own
        }
        blocks.append(start..<titles.count)
        let texts = blocks.map { block in
            let height = block.map { titles[$0].count }.max() ?? 1
            let heads = (0..<height).map { row in
                [row == height - 1 ? table.corner : ""] + block.map { column in
                    let place = row - (height - titles[column].count)
                    return place >= 0 ? titles[column][place] : ""
                }
            }
            return TextTable(rows: heads + zip(table.rows, cells).map { [$0.head.name] + $1[block] }).text
        }
        func paragraph(_ text: String) -> String { Self.wrapped(text, to: width).joined(separator: "\n") + "\n" }
        return (title.map { "\($0.printable)\n\n" } ?? "") + (caption.map { paragraph($0) + "\n" } ?? "")
            + texts.joined(separator: "\n") + footnotes.map { "\n" + paragraph($0) }.joined()
    }

    /// Returns lines of whole words, no longer than `width` unless a word is longer.
    private static func wrapped(_ text: String, to width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines.isEmpty ? [""] : lines
    }
}
