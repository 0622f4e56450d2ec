/// A compression format, recognised by the first bytes of a file.
public enum Compression: String, Sendable, CaseIterable {
    /// The formats; gzip and lz4 are read by libraries, the others by programs.
    case gzip, lz4, xz, lzma, zstd, bzip2

    /// Recognises the format of data that start with `head`; `nil` if they are not compressed in a known format.
    public init?(head: [UInt8]) {
        guard let form = Self.allCases.first(where: { form in form.beginnings.contains { head.starts(with: $0) } }) else {
            return nil
        }
        self = form
    }

    fileprivate var beginnings: [[UInt8]] {
        switch self {
        case .gzip: [[0x1F, 0x8B]]
        case .lz4: [lz4Magic]
        case .xz: [[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]]
        // The properties that every encoder uses, and a dictionary size in whole pages.
        case .lzma: [[0x5D, 0x00, 0x00]]
        // A frame, or a skippable frame, with which pzstd starts.
        case .zstd: [[0x28, 0xB5, 0x2F, 0xFD]] + (0x50...0x5F).map { [$0, 0x2A, 0x4D, 0x18] }
        // BZh and the block size, then the start of the first block, or of the end if there is no block: digits of pi and of its
        // square root.
        case .bzip2:
            (0x31...0x39).flatMap { size in
                [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]].map { [0x42, 0x5A, 0x68, size] + $0 }
            }
        }
    }

    /// Program that compresses and decompresses this format.
    var program: String { self == .lzma ? "xz" : rawValue }

    /// Options to decompress from standard input to standard output. A file may make xz request gibibytes of memory; files made by
    /// xz -9 need 65 MiB. The other programs have limits of their own.
    var unpackingOptions: [String] { program == "xz" ? ["-dc", "--memlimit-decompress=512MiB"] : ["-dc"] }

    /// Debian package that contains the program.
    var package: String { program == "xz" ? "xz-utils" : rawValue }

    /// File name suffix of this format.
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

    /// Returns a message for places that cannot read this format: what the file is, and the command that helps.
    /// - Parameter name: the file, or `standard input`.
    public func advice(_ name: String) -> String { "is compressed with \(rawValue); unpack it first: \(unpacking(name))" }

    /// Returns the command that decompresses a file of this format, or standard input.
    func unpacking(_ name: String) -> String {
        name == "standard input"
            ? "\(program) -dc in front of this tool"
            : "\(program) -dc \(name) > \(name.ends(with: suffix) ? String(Substring(name.utf8.dropLast(suffix.utf8.count))) : name + ".unpacked")"
    }
}

/// The first bytes of an LZ4 frame.
public let lz4Magic: [UInt8] = [0x04, 0x22, 0x4D, 0x18]

/// The first bytes of all kinds of files that are recognised by them.
let knownBeginnings = Compression.allCases.flatMap(\.beginnings) + ForeignKind.allCases.flatMap(\.beginnings)

/// A kind of file that no tool reads but that users pass as text, recognised by its first bytes.
public enum ForeignKind: CaseIterable {
    /// Encodings other than UTF-8, archives, and PDF.
    case utf32, utf16, zip, sevenZip, pdf, tar, utf16LE, utf16BE

    /// Recognises the kind of a file that starts with `head`; `nil` for anything else. Recognising a tar archive takes at least 262
    /// bytes.
    public init?(head: [UInt8]) {
        guard let kind = Self.allCases.first(where: { $0.matches(head) }) else { return nil }
        self = kind
    }

    fileprivate var beginnings: [[UInt8]] {
        switch self {
        // Byte order marks; those of UTF-32 start like those of UTF-16.
        case .utf32: [[0xFF, 0xFE, 0, 0], [0, 0, 0xFE, 0xFF]]
        case .utf16: [[0xFF, 0xFE], [0xFE, 0xFF]]
        case .zip: [Array("PK\u{3}\u{4}".utf8)]
        case .sevenZip: [[0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]]
        case .pdf: [Array("%PDF-".utf8)]
        case .tar, .utf16LE, .utf16BE: []
        }
    }

    private func matches(_ head: [UInt8]) -> Bool {
        switch self {
        case .tar: head.dropFirst(257).starts(with: Array("ustar".utf8))
        case .utf16LE: Self.isUTF16(head, highByte: 1)
        case .utf16BE: Self.isUTF16(head, highByte: 0)
        default: beginnings.contains { head.starts(with: $0) }
        }
    }

    /// Returns true if the bytes look like UTF-16 without a byte order mark, in a script whose letters, or at least whose spaces,
    /// are ASCII: the high byte of most units is NUL, and the low byte never is.
    private static func isUTF16(_ head: [UInt8], highByte: Int) -> Bool {
        let units = head.count / 2
        guard units >= 2 else { return false }
        let high = (0..<units).count { head[2 * $0 + highByte] == 0 }
        return 4 * high >= 3 * units && (0..<units).allSatisfy { head[2 * $0 + 1 - highByte] != 0 }
    }

    /// Returns the message for the user: the kind of the file, and the command that turns it into text.
    /// - Parameters:
    ///   - name: the file, or `standard input`.
    ///   - compression: compression of the file, if any.
    public func advice(_ name: String, in compression: Compression? = nil) -> String {
        let isPipe = name == "standard input"
        let file = isPipe ? "" : " " + name
        func converting(_ code: String) -> String {
            let command = "iconv -f \(code) -t UTF-8"
            guard !isPipe else { return "\(compression.map { "\($0.program) -dc | " } ?? "")\(command) in front of this tool" }
            return (compression.map { "\($0.program) -dc\(file) | \(command)" } ?? command + file) + " > text.txt"
        }
        return switch self {
        case .utf32: "is UTF-32, and UTF-8 is needed: \(converting("UTF-32"))"
        case .utf16: "is UTF-16, and UTF-8 is needed: \(converting("UTF-16"))"
        case .utf16LE, .utf16BE:
            "looks like UTF-16 without a byte order mark, and UTF-8 is needed: "
                + converting(self == .utf16LE ? "UTF-16LE" : "UTF-16BE")
        case .zip: "is a zip archive; unpack it first: unzip\(file)"
        case .sevenZip: "is a 7z archive; unpack it first: 7z x\(file)"
        case .pdf: "is a PDF document; make text of it first: pdftotext\(file)"
        case .tar: "is a tar archive; unpack it first: " + (isPipe ? "tar -xO in front of this tool" : "tar -xOf\(file)")
        }
    }
}
