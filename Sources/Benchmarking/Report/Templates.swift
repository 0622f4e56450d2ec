internal import Files
internal import Mustache

/// The templates in the folder `Templates`, which are embedded in the program: those of the page in HTML, and of gnuplot's scripts. A
/// template escapes the values that it inserts, unless they are in three braces.
enum Templates {
    /// Values by their names in templates.
    typealias Values = [String: Any]

    /// Returns the text of a template with inserted values; those that are `nil` are absent.
    static func render(_ name: String, _ values: [String: Any?]) -> String {
        library.render(present(values), withTemplate: name) ?? ""
    }

    /// Returns the values that are not `nil`, because a template would take a `nil` among them for a value.
    static func present(_ values: [String: Any?]) -> Values { values.compactMapValues { $0 } }

    static let styleSheet = text(PackageResources.style_css)

    private static let library: MustacheLibrary = {
        // The library's own escaping works on Characters, in which a combining mark hides the quotation mark before it.
        MustacheContentTypes.register(Escape { $0.escapedForHTML }, named: "PAGE")
        MustacheContentTypes.register(Escape { $0.escapedForGnuplot }, named: "SCRIPT")
        let page = [
            ("page", PackageResources.page_mustache), ("method", PackageResources.method_mustache),
            ("part", PackageResources.part_mustache), ("table", PackageResources.table_mustache),
            ("cell", PackageResources.cell_mustache), ("head", PackageResources.head_mustache),
            ("figure", PackageResources.figure_mustache),
        ]
        let scripts = [
            ("frame", PackageResources.frame_mustache), ("axis", PackageResources.axis_mustache),
            ("lines", PackageResources.lines_mustache), ("scores", PackageResources.scores_mustache),
            ("bars", PackageResources.bars_mustache),
        ]
        var library = MustacheLibrary()
        for (kind, templates) in [("PAGE", page), ("SCRIPT", scripts)] {
            for (name, bytes) in templates {
                do {
                    // A template for use within a line has no line end.
                    let body = text(bytes), isInline = ["cell", "head"].contains(name)
                    try library.register("{{% CONTENT_TYPE:\(kind)}}\n" + (isInline ? String(body.dropLast()) : body), named: name)
                } catch {
                    preconditionFailure("template \(name): \(error)")
                }
            }
        }
        return library
    }()

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private struct Escape: MustacheContentType {
        let escape: @Sendable (String) -> String

        func escapeText(_ text: String) -> String { escape(text) }
    }
}

extension String {
    /// The string as text or as the value of an attribute in HTML and XML.
    package var escapedForHTML: String {
        let entities: [Unicode.Scalar: String] = ["&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;"]
        return printable.unicodeScalars.map { entities[$0] ?? String($0) }.joined()
    }

    /// The string as text for gnuplot, which neither executes nor replaces anything within single quotes. The text comes from files of
    /// results, so an apostrophe becomes the typographic one, and no text can end its quotes. The end mark of an XML section is split
    /// in two, because gnuplot does not escape it.
    package var escapedForGnuplot: String {
        var safe = String.UnicodeScalarView()
        for scalar in printable.unicodeScalars { safe.append(scalar == "'" ? "\u{2019}" : scalar) }
        return String(safe).replacingBytes(of: "]]>", with: "]] >")
    }
}
