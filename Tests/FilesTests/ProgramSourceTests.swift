import Files
import Glibc
import TestSupport
import Testing

/// Data that a program unpacks.
extension InputTests {
    private static let programs = ["xz", "zstd", "bzip2"].filter { isInstalled($0) }

    private func packed(_ program: String, _ text: [UInt8]) async throws -> [UInt8] {
        let result = try await runShell("\(program) -c", input: text)
        try #require(result.status == 0, "\(result.errors)")
        return result.output
    }

    /// The children of this process that unpack with `program`.
    private func unpacking(_ program: String) throws -> [String] {
        try #require(opendir("/proc")).names().filter { entry in
            guard Int(entry) != nil, let line = try? contents(of: "/proc/\(entry)/cmdline"),
                let stat = try? contents(of: "/proc/\(entry)/stat")
            else { return false }
            let parent = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ")[1]
            return line.starts(with: "\(program)\0-dc\0".utf8) && parent == "\(getpid())"
        }
    }

    /// Not a file: bytes that come one by one, and end when they end.
    private final class Dripping: ByteSource {
        let name = "dripping"
        var bytes: ArraySlice<UInt8>
        init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

        func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
            guard let byte = bytes.popFirst() else { return 0 }
            buffer[0] = byte
            return 1
        }
    }

    @Test(arguments: programs) func anySourceWillDo(program: String) async throws {
        let bytes = try await packed(program, InputTests.text)
        #expect(try readAll(decompressed(Dripping(bytes))) == InputTests.text)
        #expect(try readAll(decompressed(MemorySource(try await packed(program, [])))) == [])
    }

    /// The form of before xz, which xz reads too.
    @Test(.enabled(if: isInstalled("xz"))) func lzmaIsReadByXz() async throws {
        let bytes = try await runShell("xz --format=lzma -c", input: InputTests.text).output
        #expect(try readAll(decompressed(MemorySource(bytes))) == InputTests.text)
        let error = try #require(throws: ToolError.self) { try readAll(decompressed(MemorySource(bytes.dropLast(bytes.count / 2), name: "a"))) }
        #expect(error.description.hasPrefix("a: the lzma stream is damaged or cut short (xz: "), "\(error)")
    }

    /// Far more than the program takes before it gives up.
    @Test(arguments: programs) func damageIsNamed(program: String) async throws {
        let bytes = try await packed(program, InputTests.text)
        let damaged = bytes.prefix(bytes.count / 2) + [UInt8](repeating: 0xA5, count: 5 << 20)
        let error = try #require(throws: ToolError.self) { try readAll(decompressed(MemorySource(Array(damaged), name: "text"))) }
        #expect(error.status == .dataError)
        #expect(error.description.hasPrefix("text: the \(program) stream is damaged or cut short (\(program): "), "\(error)")
    }

    /// A reader that has seen enough ends its program and leaves nothing behind.
    @Test(arguments: programs) func noProgramOutlivesItsReader(program: String) async throws {
        let text = (0..<20).flatMap { _ in InputTests.text }
        let bytes = try await packed(program, text)
        var source: (any ByteSource)? = try decompressed(MemorySource(bytes))
        var start = [UInt8](repeating: 0, count: 100)
        #expect(try start.withUnsafeMutableBytes { try #require(source).readFully(into: $0) } == 100)
        #expect(start == Array(text.prefix(100)))
        let processes = try unpacking(program)
        #expect(processes.count == 1)
        source = nil
        // One that has ended, and has not been waited for, is there too.
        for process in processes { #expect(access("/proc/\(process)", F_OK) != 0) }
    }

    @Test(arguments: [
        ("utf16", [0xFF, 0xFE, 0x61, 0], "iconv -f UTF-16 -t UTF-8 text"), ("utf16be", [0xFE, 0xFF, 0, 0x61], "is UTF-16"),
        ("utf32", [0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], "iconv -f UTF-32"), ("zip", Array("PK\u{3}\u{4}rest".utf8), "unzip text"),
        ("7z", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C, 0, 4], "7z x text"), ("pdf", Array("%PDF-1.7\n".utf8), "pdftotext text"),
        ("utf16le", [0x61, 0, 0x20, 0, 0x62, 0, 0x0A], "iconv -f UTF-16LE -t UTF-8 text"),
        ("utf16be", [0, 0x61, 0, 0x20, 0x20, 0x1C, 0, 0x62, 0, 0x0A], "iconv -f UTF-16BE -t UTF-8 text"),
        ("tar", Array("text.txt".utf8) + [UInt8](repeating: 0, count: 249) + Array("ustar\u{0}00".utf8), "tar -xOf text"),
    ] as [(String, [UInt8], String)])
    func otherKindsAreNamed(kind: String, bytes: [UInt8], hint: String) async throws {
        let error = try #require(throws: ToolError.self) { try decompressed(MemorySource(bytes, name: "text")) }
        #expect(error.status == .dataError && error.description.contains(hint), "\(error)")
        let inside = try await runShell("gzip -c", input: bytes)
        let second = try #require(throws: ToolError.self) { try decompressed(MemorySource(inside.output, name: "text")) }
        // iconv alone would convert the compressed bytes.
        let behind = hint.hasPrefix("iconv") ? hint.replacing(" text", with: "") : hint
        #expect(second.description.contains(behind), "\(second)")
        if hint.hasPrefix("iconv") { #expect(second.description.contains("gzip -dc text | iconv"), "\(second)") }
    }

    @Test func compressedTwiceIsNamed() async throws {
        let twice = try await runShell("gzip -c | gzip -c", input: InputTests.text)
        let error = try #require(throws: ToolError.self) { try decompressed(MemorySource(twice.output, name: "text.gz")) }
        #expect(error.description.contains("compressed twice, first with gzip and then with gzip") && error.description.contains("gzip -dc text.gz > text"), "\(error)")
    }

    /// Text may begin with the first letters of other kinds.
    @Test(arguments: ["B", "BZh", "BZh9 is text\n", "P", "PK\n", "7z\n", "%PDF\n", "(\n", ""]) func textRemainsText(text: String) throws {
        #expect(try readAll(decompressed(Dripping(Array(text.utf8)))) == Array(text.utf8))
    }
}

extension OpaquePointer {
    /// The names in an open directory, which is closed.
    fileprivate func names() -> [String] {
        defer { closedir(self) }
        var names: [String] = []
        while let entry = readdir(self) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
    }
}
