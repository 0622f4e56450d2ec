import Files
import Glibc
import TestSupport
import Testing

struct LockedDirectoryTests {
    @Test func oneAtATime() throws {
        let directory = try TemporaryDirectory()
        var first: LockedDirectory? = try LockedDirectory(path: directory.file("run"))
        let error = #expect(throws: ToolError.self) { try LockedDirectory(path: directory.file("run")) }
        #expect(error?.status == .inUse)
        withExtendedLifetime(first) {}
        first = nil
        _ = try LockedDirectory(path: directory.file("run"))
    }

    /// As by a process that was forked meanwhile, and has not ended yet.
    @Test func anotherDescriptorOfTheLockDoesNotHoldIt() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("run")
        var first: LockedDirectory? = try LockedDirectory(path: path)
        var target = [CChar](repeating: 0, count: 4096)
        let descriptor = try #require((0..<4096 as Range<CInt>).first { number in
            let length = readlink("/proc/self/fd/\(number)", &target, target.count)
            return length > 0 && String(decoding: target[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self) == "\(path)/lock"
        })
        let copy = dup(descriptor)
        defer { close(copy) }
        withExtendedLifetime(first) {}
        first = nil
        _ = try LockedDirectory(path: path)
    }
}
