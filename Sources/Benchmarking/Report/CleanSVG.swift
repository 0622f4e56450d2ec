import Files

/// gnuplot's SVG made fit to stand in a page: one element, names that no other picture has, no empty groups.
enum CleanSVG {
    /// The `svg` element of `text`.
    /// - Parameters:
    ///   - name: what its names begin with.
    ///   - title: what it shows, for readers that see no pictures.
    static func cleaned(_ text: String, name: String, title: String) -> String {
        var lines: [String] = []
        var hasTitle = false
        for line in text.parts(separatedBy: "\n").drop(while: { !$0.begins(with: "<svg") }) {
            if line.begins(with: "<desc>") { continue }
            if line.begins(with: "<title>") && !hasTitle {
                lines.append("<title>\(title.escapedForHTML)</title>")
                hasTitle = true
            } else if line.utf8.contains("<text>".utf8) {
                lines.append(line)
            } else if line == "</g>", lines.last?.begins(with: "<g fill=") == true {
                lines.removeLast()
            } else {
                lines.append(renamed(withoutTitle(line), name))
            }
        }
        return lines.joined(separator: "\n").replacing("<svg \n", with: "<svg role=\"img\"\n", maxReplacements: 1) + "\n"
    }

    /// Browsers show the titles of a plot's parts beside the pointer, and gnuplot has only numbers for them.
    private static func withoutTitle(_ line: String) -> String {
        guard line.begins(with: "\t<g id="), let start = line.utf8.firstRange(of: "<title>".utf8) else { return line }
        return String(Substring(line.utf8[..<start.lowerBound]))
    }

    private static func renamed(_ line: String, _ name: String) -> String {
        var text = line
        for opening in [" id='", " id=\"", "href='#", "url(#"] {
            text = text.replacingBytes(of: opening, with: "\(opening)\(name)-")
        }
        return text
    }
}
