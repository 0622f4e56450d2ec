/// gnuplot's SVG made fit to stand in a page: one element, names that no other picture has, no empty groups.
enum CleanSVG {
    /// The `svg` element of `text`.
    /// - Parameters:
    ///   - name: what its names begin with.
    ///   - title: what it shows, for readers that see no pictures.
    static func cleaned(_ text: String, name: String, title: String) -> String {
        var lines: [String] = []
        var hasTitle = false
        for line in text.split(separator: "\n").drop(while: { !$0.hasPrefix("<svg") }) {
            if line.hasPrefix("<desc>") { continue }
            if line.hasPrefix("<title>") && !hasTitle {
                lines.append("<title>\(title.escapedForHTML)</title>")
                hasTitle = true
            } else if line.contains("<text>") {
                lines.append(String(line))
            } else if line == "</g>", lines.last?.hasPrefix("<g fill=") == true {
                lines.removeLast()
            } else {
                lines.append(renamed(withoutTitle(line), name))
            }
        }
        return lines.joined(separator: "\n").replacing("<svg \n", with: "<svg role=\"img\"\n", maxReplacements: 1) + "\n"
    }

    /// Browsers show the titles of a plot's parts beside the pointer, and gnuplot has only numbers for them.
    private static func withoutTitle(_ line: Substring) -> Substring {
        guard line.hasPrefix("\t<g id="), let start = line.firstRange(of: "<title>") else { return line }
        return line[..<start.lowerBound]
    }

    private static func renamed(_ line: Substring, _ name: String) -> String {
        var text = String(line)
        for opening in [" id='", " id=\"", "href='#", "url(#"] { text = text.replacing(opening, with: "\(opening)\(name)-") }
        return text
    }
}
