import Files
import Glibc
import TestSupport
import Testing

struct OutputFileTests {
    @Test func appearsOnCommitAndNotBefore() throws {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file("out"), binary: true)
        try output.write("text")
        #expect(!directory.entries().contains("out"))
        try output.commit()
        #expect(directory.entries() == ["out"])
        #expect(try contents(of: directory.file("out")) == Array("text".utf8))
    }

    @Test func anAbandonedOutputLeavesTheEarlierFileAlone() throws {
        let directory = try TemporaryDirectory()
        try directory.write("out", "earlier")
        do {
            let output = try OutputFile(path: directory.file("out"), binary: true)
            try output.write([UInt8](repeating: 1, count: 1 << 20))
        }
        #expect(directory.entries() == ["out"])
        #expect(try contents(of: directory.file("out")) == Array("earlier".utf8))
    }

    /// A finished output gives up its place among the names to be removed once, and not that of a later one.
    @Test func aFinishedOutputDoesNotKeepALaterOne() throws {
        let directory = try TemporaryDirectory()
        do {
            var first: OutputFile? = try OutputFile(path: directory.file("first"), binary: true)
            try first?.commit()
            let second = try OutputFile(path: directory.file("second"), binary: true)
            first = nil
            try second.write("text")
        }
        #expect(directory.entries() == ["first"])
    }

    /// A growing file is locked while it is written and no longer, even if a process that was forked meanwhile still holds it open,
    /// which a second descriptor of the same file does here.
    @Test(arguments: [false, true]) func aClosedFileIsUnlocked(isCommitted: Bool) throws {
        let directory = try TemporaryDirectory(), path = directory.file("log")
        var log: OutputFile? = try OutputFile(path: path, binary: false, grows: true)
        let number = try #require(
            (3..<getdtablesize()).first { number in
                var opened = stat(), named = stat()
                return fstat(number, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
            })
        let second = dup(number)
        defer { close(second) }
        #expect(throws: ToolError.self) { try OutputFile(path: path, binary: false, grows: true) }
        if isCommitted { try log?.commit() }
        log = nil
        _ = try OutputFile(path: path, binary: false, grows: true)
    }

    @Test func bytesHavePlaces() throws {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file("out"), binary: true)
        #expect(output.hasPlaces)
        try Array("tail".utf8).withUnsafeBytes { try output.write($0, at: 6) }
        try Array("head".utf8).withUnsafeBytes { try output.write($0, at: 0) }
        var read = [UInt8](repeating: 1, count: 12)
        try read.withUnsafeMutableBytes { try output.read(at: 2, into: $0) }
        #expect(read == Array("ad\0\0tail\0\0\0\0".utf8))
        try output.resize(to: 12)
        try output.commit()
        #expect(try contents(of: directory.file("out")) == Array("head\0\0tail\0\0".utf8))
        #expect(try !OutputFile(path: "/dev/null", binary: true).hasPlaces)
    }

    /// Sizes below, at and above the buffer's.
    @Test(arguments: [0, 1, 7, 255, 256 << 10, 256 << 10 + 1, 3 << 20])
    func everyByteArrives(size: Int) throws {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file("out"), binary: true)
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for start in stride(from: 0, to: size, by: max(1, size / 3)) {
            try output.write(Array(bytes[start..<min(size, start + max(1, size / 3))]))
        }
        try output.commit()
        #expect(try contents(of: directory.file("out")) == bytes)
        #expect(output.bytesWritten == size)
    }

    @Test func aFullDiskIsAnError() throws {
        let output = try OutputFile(path: "/dev/full", binary: true)
        let error = #expect(throws: ToolError.self) {
            try output.write([UInt8](repeating: 1, count: 1 << 20))
            try output.commit()
        }
        #expect(error?.status == .ioError)
        #expect(error?.description == "/dev/full: cannot write: No space left on device")
    }

    @Test func aPlaceThatDoesNotExistIsAnError() throws {
        let error = #expect(throws: ToolError.self) { try OutputFile(path: "/no/such/place", binary: true) }
        #expect(error?.status == .cannotCreate)
    }

    /// What a killed process left of the same name goes away, and nothing else: not what another process holds, nor what has
    /// only a similar name.
    @Test func leftoversAreCleared() throws {
        let directory = try TemporaryDirectory()
        try directory.write(".out.0123456789abcdef.tmp", "a dead process's")
        for other in [".out.0123456789ABCDEF.tmp", ".out.0123.tmp", ".out2.0123456789abcdef.tmp", "out.0123456789abcdef.tmp"] {
            try directory.write(other, "another's")
        }
        let first = try OutputFile(path: directory.file("out"), binary: true)
        let second = try OutputFile(path: directory.file("out"), binary: true)
        #expect(directory.entries().count { $0.hasPrefix(".out.") && $0.utf8.count == 25 } == 3, "\(directory.entries())")
        #expect(!directory.entries().contains(".out.0123456789abcdef.tmp"))
        for (output, text) in [(second, "second"), (first, "first")] {
            try output.write(text)
            try output.commit()
        }
        #expect(try contents(of: directory.file("out")) == Array("first".utf8))
        #expect(directory.entries().count == 5, "\(directory.entries())")
    }

    /// A file that is replaced keeps its permissions, and a link to it stays one.
    @Test func permissionsAndLinksStay() throws {
        let directory = try TemporaryDirectory()
        try directory.write("file", "earlier")
        chmod(directory.file("file"), 0o640)
        try #require(symlink("file", directory.file("link")) == 0 && symlink(directory.file("link"), directory.file("second")) == 0)
        let output = try OutputFile(path: directory.file("second"), binary: true)
        try output.write("new")
        try output.commit()
        var status = stat()
        #expect(lstat(directory.file("file"), &status) == 0 && status.st_mode == S_IFREG | 0o640)
        #expect(lstat(directory.file("link"), &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
        #expect(try contents(of: directory.file("file")) == Array("new".utf8))
        #expect(directory.entries().sorted() == ["file", "link", "second"])
        // A link to what is not there yet makes it; links in a circle are refused.
        try #require(symlink("later", directory.file("ahead")) == 0 && symlink("circle", directory.file("circle")) == 0)
        let ahead = try OutputFile(path: directory.file("ahead"), binary: true)
        try ahead.write("x")
        try ahead.commit()
        #expect(try contents(of: directory.file("later")) == Array("x".utf8))
        #expect(throws: ToolError.self) { try OutputFile(path: directory.file("circle"), binary: true) }
    }

    /// A name as long as a system allows leaves no room for what is added to it.
    @Test func longNames() throws {
        let directory = try TemporaryDirectory(), name = String(repeating: "\u{E4}", count: 127)
        let output = try OutputFile(path: directory.file(name), binary: true)
        try output.write("x")
        try output.commit()
        #expect(directory.entries() == [name])
    }
}
