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
