extension String {
    /// For text and for values of attributes in HTML and XML.
    package var escapedForHTML: String {
        var text = ""
        for scalar in printable.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

/// Pieces of a page. Text is escaped where it goes in; what is `html` already is not.
enum HTML {
    static func paragraph(_ text: String, class name: String? = nil) -> String {
        "<p\(name.map { " class=\"\($0)\"" } ?? "")>\(text.escapedForHTML)</p>\n"
    }

    /// A picture with its sentence below.
    static func figure(_ picture: Picture) -> String {
        "<figure>\n\(picture.svg)<figcaption>\(picture.plot.caption.escapedForHTML)</figcaption>\n</figure>\n"
    }

    /// Pictures beside each other where there is room.
    static func figures(_ pictures: [Picture]) -> String {
        pictures.isEmpty ? "" : "<div class=\"figures\">\n\(pictures.map(figure).joined())</div>\n"
    }

    /// Names and values of facts; those without a value are left out.
    static func facts(_ facts: [(name: String, html: String?)]) -> String {
        let rows = facts.compactMap { fact in
            fact.html.map { html in
                "<div\(html.count > 60 ? " class=\"wide\"" : "")><dt>\(fact.name.escapedForHTML)</dt><dd>\(html)</dd></div>\n"
            }
        }
        return rows.isEmpty ? "" : "<dl>\n\(rows.joined())</dl>\n"
    }

    static func list(_ items: [String]) -> String {
        items.isEmpty ? "" : "<ul>\n\(items.map { "<li>\($0)</li>\n" }.joined())</ul>\n"
    }

    /// A name that may be of any script, with the colour that it has in pictures.
    static func system(_ name: String, _ styles: SystemStyles, details: String? = nil) -> String {
        "<span class=\"patch\" style=\"background:\(styles[name].colour)\"></span><bdi>\(name.escapedForHTML)</bdi>"
            + (details.map { "<small>\($0.escapedForHTML)</small>" } ?? "")
    }
}

/// A table: the first column names the rows, and columns without any value are left out.
struct HTMLTable {
    /// What stands in a cell: a value, and what is said about it in small lines below.
    struct Cell {
        let html: String?

        init(html: String?) { self.html = html }

        init(_ text: String?, _ notes: String?...) { self.init(text, notes) }

        init(_ text: String?, _ notes: [String?]) {
            html = text.map { text in
                text.escapedForHTML + notes.compactMap { $0 }.map { "<small>\($0.escapedForHTML)</small>" }.joined()
            }
        }

        /// A median and its range.
        init(_ spread: Spread?, _ form: (Double) -> String) {
            let texts = spread?.text(form)
            self.init(texts?.median, texts?.range)
        }
    }

    private let caption: String
    private let titles: [String]
    private var rows: [(name: String, cells: [Cell])] = []

    /// - Parameters:
    ///   - caption: stands above it, and stays where it is when the table scrolls.
    ///   - titles: of all columns, that of the names first.
    init(_ caption: String, _ titles: [String]) {
        self.caption = caption
        self.titles = titles
    }

    /// - Parameter name: HTML.
    mutating func append(_ name: String, _ cells: [Cell]) {
        precondition(cells.count == titles.count - 1, "\(cells.count) cells in a table of \(titles.count) columns")
        rows.append((name, cells))
    }

    /// In a box of its own, within which it scrolls where the page is narrow.
    var html: String {
        let shown = titles.indices.dropFirst().filter { column in rows.contains { $0.cells[column - 1].html != nil } }
        let head = ([0] + shown).map { "<th scope=\"col\">\(titles[$0].escapedForHTML)</th>" }.joined()
        let body = rows.map { row in
            let cells = shown.map { "<td>\(row.cells[$0 - 1].html ?? "–")</td>" }.joined()
            return "<tr><th scope=\"row\">\(row.name)</th>\(cells)</tr>\n"
        }.joined()
        let label = (caption.isEmpty ? "table" : caption).escapedForHTML
        return "<div class=\"box\">\n" + (caption.isEmpty ? "" : "<p class=\"caption\">\(label)</p>\n")
            + "<div class=\"table\" role=\"region\" tabindex=\"0\" aria-label=\"\(label)\">\n<table>\n"
            + "<thead><tr>\(head)</tr></thead>\n<tbody>\n\(body)</tbody>\n</table>\n</div>\n</div>\n"
    }
}
