internal import Files
internal import Glibc

/// The program gnuplot, which draws the pictures.
public struct Gnuplot {
    private let path: String

    /// Finds the program. Throws `ToolError` with status `unavailable` if gnuplot is not on the PATH.
    public init() throws {
        let folders = (getenv("PATH").map { String(fileName: $0) } ?? "/usr/bin:/bin").parts(separatedBy: ":")
        let paths = folders.map { "\($0)/gnuplot" }
        guard let path = paths.first(where: { isRegularFile($0) && $0.withFileName { access($0, X_OK) } == 0 }) else {
            throw ToolError(.unavailable, "gnuplot is missing: apt install gnuplot-nox")
        }
        self.path = path
    }

    /// Draws a picture in SVG. Throws `ToolError`: `software` if gnuplot fails.
    func draw(_ plot: Plot) throws -> Picture {
        let script = try TemporaryFile(), output = try TemporaryFile(), messages = try TemporaryFile()
        try script.write { try $0.write(plot.script) }
        // Returns to the start of the script, where gnuplot begins to read.
        _ = try script.source()
        let status = try run(input: script.descriptor, output: output.descriptor, errors: messages.descriptor)
        let text = try Self.text(output)
        guard status == 0, text.contains("</svg>") else {
            let lines = try Self.text(messages).split(whereSeparator: \.isNewline)
            let line = lines.last.map { $0.drop(while: \.isWhitespace) } ?? "status \(status >> 8)"
            // Status 127 means that the system could not load the program.
            throw ToolError(status >> 8 == 127 ? .systemError : .software, "\(path): \(plot.name): \(line)")
        }
        return Picture(plot: plot, svg: CleanSVG.cleaned(text, name: plot.name, title: plot.caption))
    }

    /// Runs the program with its own settings and environment, so that those of the user have no effect.
    private func run(input: CInt, output: CInt, errors: CInt) throws -> CInt {
        let (process, error) = startProgram(
            path, ["gnuplot", "--default-settings"], environment: ["LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"],
            descriptors: [(input, STDIN_FILENO), (output, STDOUT_FILENO), (errors, STDERR_FILENO)])
        guard error == 0 else { throw ToolError.system(.systemError, path, "cannot start", errno: error) }
        guard let status = waitForEnd(of: process) else {
            throw ToolError.system(.systemError, path, "cannot wait", errno: errno)
        }
        return status
    }

    private static func text(_ file: TemporaryFile) throws -> String {
        let source = try file.source()
        var bytes = [UInt8](repeating: 0, count: source.size ?? 0)
        let count = try bytes.withUnsafeMutableBytes { try source.readFully(into: $0) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

/// A picture after it is drawn.
struct Picture {
    let plot: Plot
    /// The picture as an `svg` element.
    let svg: String
}

/// The clean-up of gnuplot's SVG for a page: one element, names that no other picture has, no empty groups.
private enum CleanSVG {
    /// Returns the `svg` element of `text`.
    /// - `name`: the prefix of the names in the element.
    /// - `title`: a description for readers who do not see pictures.
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

    /// Removes the title of a plot's part, which browsers show beside the pointer, because gnuplot's titles are only numbers.
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

/// The folder that receives pictures.
public final class PictureFolder {
    private let path: String
    private var isNew: Bool

    /// Makes the folder if it does not exist. Throws `ToolError` with status `cannotCreate` if files cannot be created in it.
    public init(path: String) throws {
        self.path = path
        isNew = path.withFileName { mkdir($0, 0o777) } == 0
        guard isNew || errno == EEXIST else {
            throw ToolError.system(.cannotCreate, path, "cannot make the folder", errno: errno)
        }
        var status = stat()
        guard path.withFileName({ stat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw ToolError(.cannotCreate, "\(path): is not a folder")
        }
        guard path.withFileName({ access($0, W_OK | X_OK) }) == 0 else {
            throw ToolError.system(.cannotCreate, path, "cannot make files in it", errno: errno)
        }
    }

    /// Removes a folder that was made but stayed empty.
    deinit { if isNew { _ = path.withFileName { rmdir($0) } } }

    /// Writes each picture as NAME.svg, and its values as NAME.tsv; either all of them, or none. Throws what `OutputFile` throws.
    func write(_ pictures: [Picture]) throws {
        var files: [OutputFile] = []
        for picture in pictures {
            let name = "\(path)/\(picture.plot.name)"
            let svg = try OutputFile(path: "\(name).svg", binary: false)
            try svg.write("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\(picture.svg)")
            let table = try OutputFile(path: "\(name).tsv", binary: false)
            try table.write(picture.plot.table)
            files += [svg, table]
        }
        for file in files { try file.commit() }
        isNew = false
    }
}
