#if HDF5
import Files
import Glibc
import HDF5
import Shards
import TestSupport
import Testing

/// Files that are written are read by h5py and by `HDF5File` alike, or are not there.
struct WriterTests {
    /// Different for each value and exact in float16: (tokens, layers, width).
    static func values(tokens: Int, layers: Int, width: Int) -> [Float] {
        (0..<tokens * layers * width).map { Float($0 % 2003) - 1000 }
    }

    /// `values` as the data set has it: (layers, tokens, width).
    static func turned(_ values: [Float], tokens: Int, layers: Int, width: Int) -> [Float] {
        var turned: [Float] = []
        for layer in 0..<layers {
            for token in 0..<tokens {
                let start = (token * layers + layer) * width
                turned += values[start..<start + width]
            }
        }
        return turned
    }

    static func write(_ values: ArraySlice<Float>, to writer: HDF5Writer) throws {
        try values.withUnsafeBufferPointer { try writer.write($0) }
    }

    static func string(_ text: String) -> MemorySource { MemorySource(Array(text.utf8)) }

    /// One token at a time, a few, all at once; rows longer than any buffer too.
    @Test(
        arguments: [RowStorage.float32, .float16],
        [(1, 3, 5, 1), (7, 3, 5, 1), (7, 2, 4, 3), (300, 3, 256, 64), (2, 2, 200_000, 1)])
    func piecesOfTokensBecomeLayers(type: RowStorage, sizes: (tokens: Int, layers: Int, width: Int, piece: Int)) throws {
        let (tokens, layers, width, piece) = sizes
        let directory = try TemporaryDirectory()
        let path = directory.file("vectors.h5")
        let values = Self.values(tokens: tokens, layers: layers, width: width)
        let writer = try HDF5Writer(path: path)
        try writer.beginDataset("before", shape: [3], type: type)
        try Self.write([1, 2, 3], to: writer)
        try writer.beginDataset("0", shape: [layers, tokens, width], type: type)
        for start in stride(from: 0, to: tokens, by: piece) {
            try Self.write(values[start * layers * width..<min(tokens, start + piece) * layers * width], to: writer)
        }
        try writer.beginDataset("behind", shape: [tokens, width], type: type)
        try Self.write(values[..<(tokens * width)], to: writer)
        #expect(directory.entries().allSatisfy { $0.hasPrefix(".") })
        try writer.commit()
        #expect(directory.entries() == ["vectors.h5"])
        let file = try HDF5File(path: path)
        #expect(file.datasets.map(\.path) == ["/0", "/before", "/behind"])
        #expect(file.datasets.map(\.shape) == [[layers, tokens, width], [3], [tokens, width]])
        #expect(try file.dataset("/0").kind == .float(bits: type == .float32 ? 32 : 16))
        #expect(try file.values("/0") == Self.turned(values, tokens: tokens, layers: layers, width: width))
        #expect(try file.values("/before") == [1, 2, 3])
        #expect(try file.values("/behind") == Array(values[..<(tokens * width)]))
    }

    @Test(.enabled("h5py is not installed") { try await Python.hasH5py() }) func h5pyReadsWhatIsWritten() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("vectors.h5")
        let writer = try HDF5Writer(path: path)
        for (name, type) in [("32", RowStorage.float32), ("16", .float16)] {
            try writer.beginDataset("group/ä/\(name)", shape: [2, 3, 4], type: type)
            try Self.write(Self.values(tokens: 3, layers: 2, width: 4)[...], to: writer)
        }
        try writer.beginDataset("none", shape: [3, 0, 8], type: .float32)
        try writer.beginDataset("halves", shape: [4], type: .float16)
        try Self.write([0.1, 65504, -.infinity, 0x1p-24], to: writer)
        for count in 0..<500 { try writer.beginDataset("many/\(count)", shape: [0], type: .float16) }
        try writer.commit()
        let printed = try await Python.run(
            """
            f = h5py.File(path)
            want = n.arange(24).reshape(3, 2, 4).transpose(1, 0, 2) - 1000
            for t in ('32', '16'): print(f['group/ä/' + t].dtype, n.array_equal(f['group/ä/' + t][:], want))
            print(f['none'].shape, f['none'].dtype, f['none'][:].size)
            print(n.array_equal(f['halves'][:], n.array([0.1, 65504, -n.inf, 2.0**-24], 'f2')), len(f['many']))
            """, path: path)
        #expect(printed == "float32 True\nfloat16 True\n(3, 0, 8) float32 0\nTrue 500")
    }

    /// Around the least size of a heap, and across the buffer's.
    @Test(.enabled("h5py is not installed") { try await Python.hasH5py() }) func h5pyReadsStrings() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("strings.h5")
        let writer = try HDF5Writer(path: path)
        let lengths = [0, 1, 7, 8, 9] + Array(4040...4066) + [65_535, 65_536, 262_112, 1_000_003]
        for length in lengths {
            // A data set between them, which must not lie where a string does.
            let text = String(repeating: "abcdefg", count: length / 7 + 1).prefix(length)
            try writer.writeString("string \(length)", from: Self.string(String(text)))
            try writer.beginDataset("number \(length)", shape: [1], type: .float32)
            try Self.write([Float(length)], to: writer)
        }
        try writer.writeString("words", from: Self.string("{\"naïve – 語\": \"0\"}"))
        try writer.commit()
        let printed = try await Python.run(
            """
            f = h5py.File(path)
            for l in \(lengths):
                s = f[f'string {l}']
                assert s.shape == (1,) and h5py.check_string_dtype(s.dtype) == ('utf-8', None), s.dtype
                assert s[0].decode() == ('abcdefg' * (l // 7 + 1))[:l], l
                assert f[f'number {l}'][0] == l
            print(ascii(f['words'][0].decode()))
            """, path: path)
        #expect(printed == "'{\"na\\xefve \\u2013 \\u8a9e\": \"0\"}'")
        let words = try HDF5File(path: path).dataset("/words")
        #expect(words.shape == [1] && words.kind == .other)
    }

    /// Whatever the time is.
    @Test func theSameCallsMakeTheSameBytes() throws {
        let directory = try TemporaryDirectory()
        func file(_ name: String) throws -> [UInt8] {
            let writer = try HDF5Writer(path: directory.file(name))
            for index in 0..<100 {
                try writer.beginDataset("a/\(index)", shape: [2, 3, 4], type: .float16)
                try Self.write(Self.values(tokens: 3, layers: 2, width: 4)[...], to: writer)
            }
            try writer.writeString("text", from: Self.string("text"))
            try writer.commit()
            return try contents(of: directory.file(name))
        }
        let first = try file("first")
        // What a file says of time it says in seconds, and the second file is begun in a later one.
        let second = time(nil)
        while time(nil) == second { usleep(10_000) }
        #expect(try file("second") == first)
    }

    @Test func badNamesAndNumbersAreRefused() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("vectors.h5")
        let writer = try HDF5Writer(path: path)
        func refusal(_ name: String) -> String {
            let error = #expect(throws: ToolError.self) { try writer.beginDataset(name, shape: [1], type: .float16) }
            #expect(error?.status == .dataError)
            return String(error?.description.dropFirst(path.count) ?? "")
        }
        try writer.beginDataset("0", shape: [0], type: .float32)
        #expect(refusal("0") == ": data set 0: cannot be made: name already exists")
        #expect(refusal("0/1").hasPrefix(": data set 0/1: cannot be made: "))
        #expect(refusal("").hasPrefix(": data set : "))
        #expect(refusal(".").hasPrefix(": data set .: "))
        #expect(refusal("a\0b") == ": data set a?b: is no name for one in HDF5")
        try writer.beginDataset("1", shape: [2], type: .float16)
        let error = #expect(throws: ToolError.self) { try Self.write([1, 65520], to: writer) }
        #expect(
            error?.description
                == "\(path): data set 1: a value is beyond 65504.0, the largest of float16; use float32")
    }

    @Test func whatIsNotCommittedIsNotThere() throws {
        let directory = try TemporaryDirectory()
        try directory.write("vectors.h5", "earlier")
        do {
            let writer = try HDF5Writer(path: directory.file("vectors.h5"))
            try writer.beginDataset("0", shape: [4], type: .float32)
            try Self.write([1, 2], to: writer)
        }
        #expect(directory.entries() == ["vectors.h5"])
        #expect(try contents(of: directory.file("vectors.h5")) == Array("earlier".utf8))
    }

    @Test func onlyFilesAreWritten() throws {
        let directory = try TemporaryDirectory()
        let refused: [(String, Files.ExitStatus, String)] = [
            ("-", .usage, "HDF5 needs a file, not standard output; use -o FILE"),
            ("/dev/null", .usage, "/dev/null: HDF5 needs a plain file; use another name"),
            (
                directory.file("no/vectors.h5"), .cannotCreate,
                directory.file("no/vectors.h5: cannot create: No such file or directory")
            ),
        ]
        for (path, status, text) in refused {
            let error = #expect(throws: ToolError.self) { try HDF5Writer(path: path) }
            #expect(error?.status == status && error?.description == text)
        }
        #expect(directory.entries() == [])
    }

    /// Whatever is written when the disk is full, the library's part or the values: one error, and nothing left.
    @Test(arguments: [1, 50_000], [true, false])
    func aFullDiskIsAnError(width: Int, fromTheStart: Bool) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("vectors.h5")
        let error = #expect(throws: ToolError.self) {
            let writer = try HDF5Writer(path: path)
            if fromTheStart { try Self.fill(directory) }
            for index in 0..<2000 {
                try writer.beginDataset("\(index)", shape: [width], type: .float32)
                try Self.write(ArraySlice(repeating: 1, count: width), to: writer)
                if index == 1000 && !fromTheStart { try Self.fill(directory) }
            }
            try writer.writeString("text", from: Self.string("text"))
            try writer.commit()
        }
        #expect(error?.status == .ioError)
        #expect(error?.description == "\(path): cannot write: No space left on device")
        #expect(directory.entries() == [])
    }

    /// Puts the full device in the place of the one file that is open in `directory`.
    private static func fill(_ directory: TemporaryDirectory) throws {
        let path = directory.file(try #require(directory.entries().first))
        let full = open("/dev/full", O_RDWR)
        defer { close(full) }
        var target = stat(), found = stat()
        try #require(full >= 0 && stat(path, &target) == 0)
        let descriptor = (0..<4096 as Range<CInt>).first {
            fstat($0, &found) == 0 && found.st_ino == target.st_ino && found.st_dev == target.st_dev
        }
        try #require(dup2(full, try #require(descriptor)) >= 0)
    }

    /// The library is one for all threads.
    @Test func writersAndReadersWorkBesideEachOther() async throws {
        let directory = try TemporaryDirectory()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    let path = directory.file("\(number)")
                    let writer = try HDF5Writer(path: path)
                    for index in 0..<50 {
                        try writer.beginDataset("\(index)", shape: [2], type: .float32)
                        try Self.write([Float(number), Float(index)], to: writer)
                    }
                    try writer.commit()
                    let file = try HDF5File(path: path)
                    for index in stride(from: 0, to: 50, by: 7) {
                        #expect(try file.values("/\(index)") == [Float(number), Float(index)])
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
#endif
