import Glibc

// File names and arguments are bytes and need not be UTF-8. A String can hold them all the same: a byte that is not part of UTF-8
// is represented by a scalar in a private range, and turned back into the byte where the system takes a name. If a name contains
// such scalars itself, their bytes are escaped, too, so that no two names become the same String.
private let firstEscape: UInt32 = 0x10F700
private let escapes = firstEscape + 0x80...firstEscape + 0xFF

extension String {
    /// Creates a name or argument from the system's bytes.
    public init(fileName bytes: some Collection<UInt8>) {
        if let text = String(validating: bytes, as: UTF8.self), !text.hasEscapes {
            self = text
            return
        }
        self = ""
        var parser = Unicode.UTF8.ForwardParser(), rest = bytes.makeIterator(), place = bytes.startIndex
        while true {
            let length: Int
            switch parser.parseScalar(from: &rest) {
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded)
                guard escapes.contains(scalar.value) else {
                    unicodeScalars.append(scalar)
                    place = bytes.index(place, offsetBy: encoded.count)
                    continue
                }
                length = encoded.count
            case .error(let count): length = count
            case .emptyInput: return
            }
            for _ in 0..<length {
                appendEscape(of: bytes[place])
                place = bytes.index(after: place)
            }
        }
    }

    /// Creates a name or argument from the system's C string.
    public init(fileName: UnsafePointer<CChar>) {
        self.init(fileName: UnsafeRawBufferPointer(start: fileName, count: strlen(fileName)))
    }

    /// Appends a byte of a name that must not join the previous ones.
    public mutating func appendEscape(of byte: UInt8) {
        if let scalar = Unicode.Scalar(firstEscape + UInt32(byte)), byte >= 0x80 { unicodeScalars.append(scalar) }
    }

    /// The bytes of a name or argument as the system takes them.
    public var fileNameBytes: [UInt8] {
        guard hasEscapes else { return Array(utf8) }
        return unicodeScalars.flatMap { scalar in
            escapes.contains(scalar.value) ? [UInt8(scalar.value - firstEscape)] : Array(String(scalar).utf8)
        }
    }

    /// Calls `body` with the name as the system takes it.
    public func withFileName<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
        guard hasEscapes else { return try withCString(body) }
        return try body(fileNameBytes.map { CChar(bitPattern: $0) } + [0])
    }

    /// The name in readable form, with bytes that are not UTF-8 as `\xFF`.
    public var shownFileName: String {
        guard hasEscapes else { return self }
        return String(fileName: fileNameBytes).unicodeScalars.reduce(into: "") { text, scalar in
            if escapes.contains(scalar.value) {
                text += "\\x" + String(scalar.value - firstEscape, radix: 16, uppercase: true)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }

    private var hasEscapes: Bool {
        // The first byte of all scalars from U+100000 on.
        utf8.contains(0xF4) && unicodeScalars.contains { escapes.contains($0.value) }
    }
}

/// The arguments of this process, without the program's name. A value joined to its option (`--output=file`, `-ofile`) is separated
/// whatever it starts with: Swift would treat a combining mark at its start as part of the preceding `=`.
public let commandLineArguments: [String] = {
    let arguments = (1..<max(1, Int(CommandLine.argc))).compactMap { CommandLine.unsafeArgv[$0] }
    var words: [String] = [], areOptions = true
    for argument in arguments {
        let bytes = UnsafeRawBufferPointer(start: argument, count: strlen(argument))
        if bytes.elementsEqual("--".utf8) { areOptions = false }
        guard areOptions, bytes.first == UInt8(ascii: "-") else {
            words.append(String(fileName: bytes))
            continue
        }
        if bytes.starts(with: "-o".utf8), bytes.count > 2, bytes[2] != UInt8(ascii: "-") {
            words += ["-o", String(fileName: bytes[2...])]
        } else if bytes.starts(with: "--".utf8), let sign = bytes.firstIndex(of: UInt8(ascii: "=")) {
            let value = bytes[(sign + 1)...], marks = value.prefix { $0 >= 0x80 }
            var word = String(fileName: bytes[...sign])
            for byte in marks { word.appendEscape(of: byte) }
            words.append(word + String(fileName: value[marks.endIndex...]))
        } else {
            words.append(String(fileName: bytes))
        }
    }
    return words
}()
