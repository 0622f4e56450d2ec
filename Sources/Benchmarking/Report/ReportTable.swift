/// A table of a report, before it is known whether it becomes HTML or text: rows and columns with their heads. Columns without
/// any value are left out, and a table that is much wider than long is turned, so that it fits a screen.
struct ReportTable {
    /// The contents of a cell: a value, and notes in small lines below it.
    struct Cell {
        let value: String?
        let notes: [String]
        /// True if words stand in place of a number.
        var isRemark = false

        init(_ value: String?, _ notes: String?...) { self.init(value, notes) }

        init(_ value: String?, _ notes: [String?]) {
            self.value = value
            self.notes = value == nil ? [] : notes.compactMap { $0 }
        }

        /// A median with its range and other notes.
        init(_ spread: Spread?, _ form: (Double) -> String, mark: String = "", notes: [String?] = []) {
            let range = spread.map { [form($0.lowest), form($0.highest)] } ?? []
            self.init(
                spread.map { form($0.median) + mark },
                [range.first == range.last ? nil : range.joined(separator: " to ")] + notes)
        }

        /// Returns a cell with words in place of a number.
        static func remark(_ text: String) -> Cell {
            var cell = Cell(text)
            cell.isRemark = true
            return cell
        }
    }

    /// The name of a row or a column.
    struct Head {
        let text: String
        var details: String?
        /// A system's colour in pictures.
        var colour: String?

        init(_ text: String, details: String? = nil, colour: String? = nil) {
            (self.text, self.details, self.colour) = (text, details, colour)
        }
    }

    /// The line above the table.
    let caption: String
    /// The head of the column of heads.
    private(set) var corner: String
    private(set) var columns: [Head]
    private(set) var rows: [(head: Head, cells: [Cell])] = []
    /// The paragraphs below the table.
    var footnotes: [String] = []

    init(_ caption: String, _ corner: String, _ columns: [String]) {
        (self.caption, self.corner) = (caption, corner)
        self.columns = columns.map { Head($0) }
    }

    mutating func append(_ head: Head, _ cells: [Cell]) {
        precondition(cells.count == columns.count, "\(cells.count) cells in a table of \(columns.count) columns")
        rows.append((head, cells))
    }

    /// The table without empty columns.
    var dense: ReportTable {
        let shown = columns.indices.filter { column in rows.contains { $0.cells[column].value != nil } }
        var table = self
        table.columns = shown.map { columns[$0] }
        table.rows = rows.map { row in (row.head, shown.map { row.cells[$0] }) }
        return table
    }

    /// The table as it is shown: dense, and turned if it has many columns and few rows.
    var arranged: ReportTable {
        let table = dense
        return table.columns.count > Self.mostColumns && table.rows.count <= Self.mostTurned ? table.turned : table
    }

    /// The numbers of columns, and of systems beside each other, that a screen of 1,200 points has room for.
    private static let mostColumns = 10, mostTurned = 6

    private var turned: ReportTable {
        var table = self
        table.corner = ""
        table.columns = rows.map(\.head)
        table.rows = columns.indices.map { column in (columns[column], rows.map { $0.cells[column] }) }
        return table
    }
}

extension ReportTable {
    /// The table in a box of its own, which scrolls if the page is too narrow for it; on a phone each row is a card.
    var html: String {
        let table = arranged
        let head = "<th scope=\"col\">\(table.corner.escapedForHTML)</th>"
            + table.columns.map { "<th scope=\"col\">\($0.html)</th>" }.joined()
        let body = table.rows.map { row in
            let cells = zip(table.columns, row.cells).map { column, cell in
                "<td\(cell.kind.map { " class=\"\($0)\"" } ?? "") data-name=\"\(column.name.escapedForHTML)\">\(cell.html)</td>"
            }.joined()
            return "<tr><th scope=\"row\">\(row.head.html)</th>\(cells)</tr>\n"
        }.joined()
        let label = (caption.isEmpty ? "table" : caption).escapedForHTML
        return "<div class=\"box\">\n" + (caption.isEmpty ? "" : "<p class=\"caption\">\(label)</p>\n")
            + "<div class=\"table\" role=\"region\" tabindex=\"0\" aria-label=\"\(label)\">\n"
            + "<table\(table.columns.count > 3 ? " class=\"cards\"" : "")>\n"
            + "<thead><tr>\(head)</tr></thead>\n<tbody>\n\(body)</tbody>\n</table>\n</div>\n</div>\n"
            + footnotes.map { HTML.paragraph($0, class: "weak") }.joined()
    }

    /// Returns the table as text for a terminal: columns in blocks below each other, no wider than `width` if they can help it.
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
        let above = caption.isEmpty ? "" : Self.wrapped(caption, to: width).joined(separator: "\n") + "\n\n"
        let below = footnotes.map { "\n" + Self.wrapped($0, to: width).joined(separator: "\n") + "\n" }.joined()
        return above + texts.joined(separator: "\n") + below
    }

    /// Returns lines of whole words, no longer than `width` unless a word is.
    static func wrapped(_ text: String, to width: Int) -> [String] {
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

extension ReportTable.Cell {
    /// The layout of a cell: a number stays on one line, and longer text may wrap; a card leaves out empty cells.
    fileprivate var kind: String? { value.map { $0.count > 18 ? "long" : nil } ?? "none" }

    fileprivate var html: String {
        guard let value else { return "–" }
        if isRemark { return "<span class=\"missing\">\(value.escapedForHTML)</span>" }
        return value.escapedForHTML + notes.map { "<small>\($0.escapedForHTML)</small>" }.joined()
    }

    fileprivate var text: String {
        guard let value else { return "-" }
        return (notes.isEmpty ? value : "\(value) (\(notes.joined(separator: "; ")))").printable
    }
}

extension ReportTable.Head {
    /// The head in one line.
    fileprivate var name: String { (details.map { "\(text), \($0)" } ?? text).printable }

    /// The head with its colour; a system's name may be of any script.
    var html: String {
        let patch = colour.map { "<span class=\"patch\" style=\"background:\($0)\"></span>" } ?? ""
        return patch + (colour == nil ? text.escapedForHTML : "<bdi>\(text.escapedForHTML)</bdi>")
            + (details.map { "<small>\($0.escapedForHTML)</small>" } ?? "")
    }
}
