/// A kind of file that no tool reads but that people give as text, told from its first bytes.
public enum ForeignKind: CaseIterable {
    case utf32, utf16, zip, sevenZip, pdf, tar, utf16LE, utf16BE

    /// The kind of what begins with `head`; `nil` for everything else. A tar archive is told from 262 bytes or more.
    public init?(head: [UInt8]) {
        guard let kind = Self.allCases.first(where: { $0.matches(head) }) else { return nil }
        self = kind
    }

    /// The first bytes of the kinds that are told by them.
    static let allBeginnings = allCases.flatMap(\.beginnings)

    private var beginnings: [[UInt8]] {
        switch self {
        // Byte order marks; those of UTF-32 begin like those of UTF-16.
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

    /// Whether these look like the first bytes of UTF-16 without a byte order mark, in a script whose letters, or at least whose
    /// spaces, are in ASCII: of most units the high byte is NUL, and the low byte is never NUL.
    private static func isUTF16(_ head: [UInt8], highByte: Int) -> Bool {
        let units = head.count / 2
        guard units >= 2 else { return false }
        let high = (0..<units).count { head[2 * $0 + highByte] == 0 }
        return 4 * high >= 3 * units && (0..<units).allSatisfy { head[2 * $0 + 1 - highByte] != 0 }
    }

    /// What to tell the user: what the file is, and the command that makes text of it.
    /// - Parameters:
    ///   - name: the file, or `standard input`.
    ///   - compression: in what form such a file is compressed.
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
