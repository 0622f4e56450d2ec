/// A kind of file that no tool reads but that people give as text, told from its first bytes.
enum ForeignKind: CaseIterable {
    case utf32, utf16, zip, sevenZip, pdf

    /// The kind of what begins with `head`; `nil` for everything else.
    init?(head: [UInt8]) {
        guard let kind = Self.allCases.first(where: { kind in kind.beginnings.contains { head.starts(with: $0) } }) else {
            return nil
        }
        self = kind
    }

    /// What the first bytes of any kind may be.
    static let allBeginnings = allCases.flatMap(\.beginnings)

    private var beginnings: [[UInt8]] {
        switch self {
        // Byte order marks; those of UTF-32 begin like those of UTF-16.
        case .utf32: [[0xFF, 0xFE, 0, 0], [0, 0, 0xFE, 0xFF]]
        case .utf16: [[0xFF, 0xFE], [0xFE, 0xFF]]
        case .zip: [Array("PK\u{3}\u{4}".utf8)]
        case .sevenZip: [[0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]]
        case .pdf: [Array("%PDF-".utf8)]
        }
    }

    /// What to tell the user: what the file is, and the command that makes text of it.
    /// - Parameter name: the file, or `standard input`.
    func advice(_ name: String) -> String {
        let file = name == "standard input" ? "" : " " + name
        return switch self {
        case .utf32: "is UTF-32, and UTF-8 is needed: iconv -f UTF-32 -t UTF-8\(file)"
        case .utf16: "is UTF-16, and UTF-8 is needed: iconv -f UTF-16 -t UTF-8\(file)"
        case .zip: "is a zip archive; unpack it first: unzip\(file)"
        case .sevenZip: "is a 7z archive; unpack it first: 7z x\(file)"
        case .pdf: "is a PDF document; make text of it first: pdftotext\(file)"
        }
    }
}
