#if HDF5
import Files
import Glibc
import HDF5
import Shards
import TestSupport
import Testing

/// Damaged files end in values or in a `ToolError`, never in a trap, and never in a word of the library.
///
/// As many as the conventions of `ReaderFuzzTests` say, but a fiftieth of FUZZ_ITERATIONS: two processes are started for each.
@Suite struct HDF5FuzzTests {
    private static let iterations = variable("FUZZ_ITERATIONS").map { $0 / 50 }
    private static let first = variable("FUZZ_FIRST") ?? 0
    private static let seed = UInt64(variable("FUZZ_SEED") ?? 1)

    private static func variable(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    /// SplitMix64.
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }
        mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self) }
    }

    /// What this library writes, and, where h5py is, what h5py writes in both formats: chunks, filters, links, strings.
    private static func originals(_ directory: TemporaryDirectory) async throws -> [[UInt8]] {
        let path = directory.file("original")
        let writer = try HDF5Writer(path: path)
        for name in ["a/float", "a/b/half"] {
            try writer.beginDataset(name, shape: [2, 3, 4], type: name == "a/float" ? .float32 : .float16)
            try WriterTests.write(WriterTests.values(tokens: 3, layers: 2, width: 4)[...], to: writer)
        }
        try writer.writeString("text", from: WriterTests.string("text"))
        try writer.commit()
        var files = [try contents(of: path)]
        guard try await Python.hasH5py() else { return files }
        for version in ["earliest", "latest"] {
            _ = try await Python.run(
                """
                with h5py.File(path, 'w', libver='\(version)') as f:
                    f['RNN/B'] = n.arange(6, dtype='f8')
                    f['RNN/W'] = n.arange(6, dtype='>f4').reshape(2, 3)
                    f['RNN/I'] = n.arange(5, dtype='i8')
                    f.create_dataset('packed', data=n.arange(60, dtype='f2').reshape(10, 6), chunks=(4, 3), compression='gzip',
                                     shuffle=True, fletcher32=True)
                    f.create_dataset('growing', data=n.arange(9, dtype='f4'), chunks=(2,), maxshape=(None,))
                    f['packed'].attrs['name'] = 'value'
                    f['soft'] = h5py.SoftLink('/RNN')
                    for i in range(12): f[f'many/{i}'] = n.float32(i)
                """, path: path)
            files.append(try contents(of: path))
        }
        return files
    }

    @Test func damagedFilesAreReadOrRefused() async throws {
        let directory = try TemporaryDirectory()
        let originals = try await Self.originals(directory)
        let path = directory.file("damaged")
        if Self.iterations != nil { print("HDF5: each file in turn \(path)") }
        var accepted = 0, refused = 0, broken = 0
        for number in Self.first..<Self.first + (Self.iterations ?? 60) {
            var random = Numbers(state: Self.seed &* 0x1_0000_0001 &+ UInt64(number))
            var bytes = originals[random.below(originals.count)]
            for _ in 0...random.below(4) { Self.damage(&bytes, &random) }
            try directory.write("damaged", bytes)
            switch try Self.read(path, random.next()) {
            case nil: accepted += 1
            case let text?:
                refused += 1
                if text.contains("broke down") || text.contains("does not end") { broken += 1 }
                #expect(text.hasPrefix(path) && !text.contains("\n"), "file \(number): \(text)")
            }
        }
        #expect(accepted > 0 && refused > accepted / 10, "\(accepted) accepted, \(refused) refused")
        if Self.iterations != nil { print("HDF5: \(accepted) accepted, \(refused) refused, \(broken) of these by a crash") }
    }

    @Test func filesThatAreCutShortAreRefused() async throws {
        let directory = try TemporaryDirectory()
        for original in try await Self.originals(directory) {
            for count in stride(from: 0, to: original.count, by: max(1, original.count / 30)) {
                let path = try directory.write("short", Array(original[..<count]))
                let text = try Self.read(path, UInt64(count))
                #expect(text?.hasPrefix(path) == true, "\(count) bytes of \(original.count)")
            }
        }
    }

    /// Reads one of the data sets of a file; nil, or what it is refused for.
    private static func read(_ path: String, _ choice: UInt64) throws -> String? {
        do {
            let file = try HDF5File(path: path)
            guard !file.datasets.isEmpty else { return nil }
            let dataset = file.datasets[Int(choice % UInt64(file.datasets.count))]
            _ = try file.values(dataset.path)
            return nil
        } catch let error as ToolError {
            return error.description
        }
    }

    /// One damage: to bytes, to a number, to the length.
    private static func damage(_ bytes: inout [UInt8], _ random: inout Numbers) {
        let place = random.below(bytes.count)
        switch random.below(8) {
        case 0...2: bytes[place] ^= 1 << UInt8(random.below(8))
        case 3, 4: bytes[place] = [0, 0xFF, 0x7F, 0x80, 1, UInt8(random.below(256))][random.below(6)]
        case 5:
            let numbers: [Int64] = [-1, 0, 1, 255, 1 << 16, 1 << 31, 1 << 32, 1 << 40, .max, Int64(random.below(4096))]
            let number = numbers[random.below(10)]
            withUnsafeBytes(of: number.littleEndian) { number in
                for (offset, byte) in number.prefix([2, 4, 8][random.below(3)]).enumerated() where place + offset < bytes.count {
                    bytes[place + offset] = byte
                }
            }
        case 6:
            let from = random.below(bytes.count), length = min(1 + random.below(16), bytes.count - max(from, place))
            bytes.replaceSubrange(place..<place + length, with: Array(bytes[from..<from + length]))
        default: bytes[place..<min(bytes.count, place + 8)] = [UInt8](repeating: 0, count: min(8, bytes.count - place))[...]
        }
    }
}
#endif
