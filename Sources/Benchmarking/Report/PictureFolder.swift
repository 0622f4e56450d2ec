internal import Files
internal import Glibc

/// The folder that pictures go to.
public final class PictureFolder {
    private let path: String
    private var isNew: Bool

    /// Makes the folder if there is none. Throws `ToolError` with status `cannotCreate` if files cannot be made in it.
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

    /// A folder that was made for nothing goes again.
    deinit { if isNew { _ = path.withFileName { rmdir($0) } } }

    /// Writes each picture as NAME.svg, and what it draws as NAME.tsv; all of them, or none. Throws what `OutputFile` throws.
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
