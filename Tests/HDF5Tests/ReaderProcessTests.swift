#if HDF5
import Files
import Glibc
import HDF5
import Shards
import Synchronization
import TestSupport
import Testing

/// The process that reads a file for this one.
struct ReaderProcessTests {
    private static let isFull = getenv("FUZZ_ITERATIONS") != nil

    /// A file with two values, as `HDF5Writer` makes it.
    private func file(_ directory: TemporaryDirectory) throws -> String {
        let path = directory.file("weights.h5")
        let writer = try HDF5Writer(path: path)
        try writer.beginDataset("a", shape: [2], type: .float32)
        try [1, 2].withUnsafeBufferPointer { try writer.write($0) }
        try writer.commit()
        return path
    }

    /// Neither a process that is large nor threads that are busy keep files from being read: a thousand times in `make fuzz`, which
    /// takes half a minute on two processors, and otherwise some hundred times.
    @Test(.timeLimit(.minutes(10))) func readsBesideBusyThreadsAndMuchMemory() async throws {
        let directory = try TemporaryDirectory()
        let path = try file(directory)
        let memory = try Mapping(bytes: 8 << 30), mapped = try Mapping(bytes: 1 << 30, file: directory.file("mapped"))
        let threads = BusyThreads(count: 8)
        defer { threads.end() }
        let readers = 8, count = (Self.isFull ? 1000 : 96) / readers
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<readers {
                group.addTask {
                    let file = try HDF5File(path: path)
                    for _ in 0..<count { #expect(try file.values("/a") == [1, 2]) }
                }
            }
            try await group.waitForAll()
        }
        #expect(threads.areAllBusy)
        withExtendedLifetime((memory, mapped)) {}
    }

    @Test func aReaderThatIsNotThereIsNamed() throws {
        let directory = try TemporaryDirectory()
        let path = try file(directory)
        for (reader, cause) in [(directory.file("encode"), "No such file or directory"), (path, "Permission denied")] {
            let error = #expect(throws: ToolError.self) { try HDF5File(path: path, reader: reader) }
            #expect(error?.status == .unavailable)
            #expect(error?.description == "\(path): cannot start \(reader), the program that reads HDF5 files: \(cause)")
        }
    }

    /// What does not serve, an older build for example.
    @Test func aReaderThatDoesNotServeIsNamed() throws {
        let directory = try TemporaryDirectory()
        let path = try file(directory), reader = "\(toolDirectory)/tokenize"
        let error = #expect(throws: ToolError.self) { try HDF5File(path: path, reader: reader) }
        #expect(error?.status == .unavailable)
        #expect(
            error?.description == "\(path): \(reader), which reads HDF5 files, ended with status 64; build all tools again: make")
    }

    /// A list of no data sets and no links is believed, but only if it is whole, and from a process that ends in good order.
    @Test(arguments: [
        ("", nil), ("kill -SEGV $$", "is damaged: the HDF5 library broke down over it"),
        ("kill -KILL $$", "is damaged: the HDF5 library broke down over it"),
        ("kill -XCPU $$", "is damaged: reading it does not end"),
    ] as [(String, String?)]) func anAnswerIsBelievedByItsEnd(_ end: String, _ refusal: String?) async throws {
        let directory = try TemporaryDirectory()
        let path = try file(directory)
        let list = #"{"list":{"_0":{"datasets":[],"links":[]}}}"#
        let answer = "\\x\(String(list.utf8.count, radix: 16))\(String(repeating: "\\0", count: 7))\(list)"
        let reader = try await script(directory, "printf '\(answer)' >&4\n\(end)\n")
        if let refusal {
            let error = #expect(throws: ToolError.self) { try HDF5File(path: path, reader: reader) }
            #expect(error?.status == .dataError && error?.description == "\(path): \(refusal)")
        } else {
            #expect(try HDF5File(path: path, reader: reader).datasets.isEmpty)
        }
        let short = try await script(directory, "printf '\(answer.dropLast(2))' >&4\n")
        let error = #expect(throws: ToolError.self) { try HDF5File(path: path, reader: short) }
        #expect(error?.description == "\(path): is damaged: the HDF5 library broke down over it")
    }

    /// None is blocked, whatever the thread has blocked that starts it, and a crash is one.
    @Test func signalsAreAsInAShell() async throws {
        let directory = try TemporaryDirectory()
        let path = try file(directory), told = directory.file("told")
        let reader = try await script(
            directory, "while read line; do [[ $line = Sig* ]] && echo \"$line\"; done < /proc/$$/status > \(told)")
        try await onThread {
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_SETMASK, &all, nil)
            _ = try? HDF5File(path: path, reader: reader)
        }
        let lines = String(decoding: try contents(of: told), as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(lines.contains { $0.hasPrefix("SigBlk") && $0.hasSuffix("\t0000000000000000") }, "\(lines)")
        let ignored = lines.first { $0.hasPrefix("SigIgn") }.flatMap { Int($0.suffix(16), radix: 16) }
        #expect(ignored.map { $0 & (1 << (SIGPIPE - 1) | 1 << (SIGSEGV - 1)) } == 0)
    }

    /// Typed by hand, the argument does nothing.
    @Test func theArgumentIsNotForPeople() async throws {
        let result = try await runTool("encode", ["--read-hdf5-for-parent"])
        #expect(result.status == 64 && result.output == [])
        #expect(result.errors.hasPrefix("encode: --read-hdf5-for-parent is for encode itself"))
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(try await !runTool("encode", ["--help"]).text.contains("hdf5-for-parent"))
    }

    /// A program that takes a request and does what `lines` say.
    /// Written by a process of its own: a program that this process has open for writing, or had when another thread started a
    /// process, cannot be run ("Text file busy").
    private func script(_ directory: TemporaryDirectory, _ lines: String) async throws -> String {
        let request = "count=$(head -c 8 <&4 | od -An -tu8)\nhead -c $count <&4 > /dev/null\n"
        let path = directory.file("reader")
        let result = try await runShell(
            "cat > '\(path)' && chmod 755 '\(path)'", input: Array("#!/bin/bash\n\(request)\(lines)".utf8))
        try #require(result.status == 0, "\(result.errors)")
        return path
    }

    private func onThread(_ body: @escaping @Sendable () -> Void) async throws {
        await withCheckedContinuation { continuation in
            startThread {
                body()
                continuation.resume()
            }
        }
    }
}

private func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Body(body)).toOpaque()
    pthread_create(
        &thread, nil,
        { context in
            if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }, context)
    pthread_detach(thread)
}

/// Threads that allocate, free, and take the locks of that, as fast as they can.
private final class BusyThreads: Sendable {
    private let isOver = Atomic<Bool>(false)
    private let rounds: [Rounds]

    final class Rounds: Sendable { let count = Atomic<Int>(0) }

    init(count: Int) {
        rounds = (0..<count).map { _ in Rounds() }
        for rounds in rounds {
            startThread { [self] in
                while !isOver.load(ordering: .relaxed) {
                    free(malloc(1 + rounds.count.wrappingAdd(1, ordering: .relaxed).newValue % 100_000))
                }
            }
        }
    }

    var areAllBusy: Bool { rounds.allSatisfy { $0.count.load(ordering: .relaxed) > 0 } }

    func end() { isOver.store(true, ordering: .relaxed) }
}

/// Memory of which every 64th MiB is touched: the process's own, or a file's.
private final class Mapping: Sendable {
    private let start: UInt
    private let bytes: Int

    /// Where the system does not grant so much (`vm.overcommit_memory`, `ulimit -v`), the half, or half of that.
    init(bytes: Int, file: String? = nil) throws {
        var bytes = bytes, start = MAP_FAILED
        let descriptor = file.map { open($0, O_RDWR | O_CREAT, 0o600) } ?? -1
        defer { if descriptor >= 0 { close(descriptor) } }
        if file != nil { try #require(ftruncate(descriptor, bytes) == 0) }
        while start == MAP_FAILED && bytes > 1 << 20 {
            start = mmap(nil, bytes, PROT_READ | PROT_WRITE, file == nil ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, descriptor, 0)
            if start == MAP_FAILED { bytes /= 2 }
        }
        let found = try #require(start == MAP_FAILED ? nil : start)
        for place in stride(from: 0, to: bytes, by: 64 << 20) { found.storeBytes(of: 1, toByteOffset: place, as: UInt8.self) }
        self.start = UInt(bitPattern: found)
        self.bytes = bytes
    }

    deinit { munmap(UnsafeMutableRawPointer(bitPattern: start), bytes) }
}
#endif
