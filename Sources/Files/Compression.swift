/// A form of compression, told from the first bytes of a file.
public enum Compression: String, Sendable, CaseIterable {
    case gzip, lz4, xz, lzma, zstd, bzip2

    /// The form of data that begin with `head`; `nil` if they are not compressed in a known form.
    public init?(head: [UInt8]) {
        guard let form = Self.allCases.first(where: { form in form.beginnings.contains { head.starts(with: $0) } }) else {
            return nil
        }
        self = form
    }

    /// The first bytes of all forms.
    static let allBeginnings = allCases.flatMap(\.beginnings)

    private var beginnings: [[UInt8]] {
        switch self {
        case .gzip: [[0x1F, 0x8B]]
        case .lz4: [lz4Magic]
        case .xz: [[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]]
        // The properties that every encoder uses, and a dictionary of whole pages.
        case .lzma: [[0x5D, 0x00, 0x00]]
        // A frame, or one to be skipped, with which pzstd begins.
        case .zstd: [[0x28, 0xB5, 0x2F, 0xFD]] + (0x50...0x5F).map { [$0, 0x2A, 0x4D, 0x18] }
        // BZh and the size of blocks, then the first block, or the end where there is none: digits of pi and of its root.
        case .bzip2:
            (0x31...0x39).flatMap { size in
                [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]].map { [0x42, 0x5A, 0x68, size] + $0 }
            }
        }
    }

    /// The program that packs and unpacks data of this form.
    var program: String { self == .lzma ? "xz" : rawValue }

    /// The program's options to unpack from its standard input to its standard output. A file may ask xz for gibibytes of memory; what
    /// xz -9 has packed takes 65 MiB. The other programs have limits of their own.
    var unpackingOptions: [String] { program == "xz" ? ["-dc", "--memlimit-decompress=512MiB"] : ["-dc"] }

    /// The package of Debian that has the program.
    var package: String { program == "xz" ? "xz-utils" : rawValue }

    /// The ending of the names of files of this form.
    private var suffix: String {
        switch self {
        case .gzip: ".gz"
        case .lz4: ".lz4"
        case .xz: ".xz"
        case .lzma: ".lzma"
        case .zstd: ".zst"
        case .bzip2: ".bz2"
        }
    }

    /// A message for places where data of this form cannot be read as they are: what the file is, and the command that helps.
    /// - Parameter name: the file, or `standard input`.
    public func advice(_ name: String) -> String { "is compressed with \(rawValue); unpack it first: \(unpacking(name))" }

    /// The command that unpacks a file of this form, or standard input.
    func unpacking(_ name: String) -> String {
        name == "standard input"
            ? "\(program) -dc in front of this tool"
            : "\(program) -dc \(name) > \(name.ends(with: suffix) ? String(Substring(name.utf8.dropLast(suffix.utf8.count))) : name + ".unpacked")"
    }
}

/// The first bytes of an LZ4 frame.
public let lz4Magic: [UInt8] = [0x04, 0x22, 0x4D, 0x18]
