import Files
import Glibc
import Kernels
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

/// Damaged files for the readers of binary vectors: each ends in vectors or in a `ToolError`, never in a trap.
///
/// A few thousand files here; `make fuzz` takes a million for each reader. An input depends on FUZZ_SEED and its number alone,
/// FUZZ_FIRST says with which number to begin. The file that a reader died of is left where the first line says.
@Suite struct ReaderFuzzTests {
    private static let iterations = variable("FUZZ_ITERATIONS")
    private static let first = variable("FUZZ_FIRST") ?? 0
    private static let seed = UInt64(variable("FUZZ_SEED") ?? 1)

    private static func variable(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    @Test func fastText() throws {
        var images: [FastTextImage] = []
        for pruned in [nil, [(0, 1), (3, 0), (4, 2)]] as [[(Int32, Int32)]?] {
            for parts in [nil, (2, false), (1, true)] as [(Int, Bool)?] {
                var image = FastTextImage()
                image.pruned = pruned
                image.parts = parts.map { (width: $0.0, hasNorms: $0.1) }
                images.append(image)
            }
        }
        var words = FastTextImage()
        words.minimum = 0
        words.maximum = 0
        words.bucket = 0
        images.append(words)
        try fuzz(images.map(\.bytes), "fasttext")
    }

    @Test func word2vec() throws {
        let plain: [UInt8] = Array("3 4\n".utf8) + ["cat", "dog", "é"].flatMap { word in
            Array("\(word) ".utf8) + littleEndian([0.5, -1, 2, 0.25]) + [0x0A]
        }
        let bare: [UInt8] = Array("2 3\n".utf8) + ["cat", "dog"].flatMap { Array("\($0) ".utf8) + littleEndian([1, 2, 3]) }
        try fuzz([plain, bare], "word2vec")
    }

    private func fuzz(_ originals: [[UInt8]], _ name: String) throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/\(name)"
        if let iterations = Self.iterations { print("\(name): \(iterations) files, each in turn \(path)") }
        let memory = Self.peakMemory
        let asked = table(["cat", "dog", "</s>", "other"])
        let pool = WorkerPool(threads: 1)
        var accepted = 0, refused = 0
        for number in Self.first..<Self.first + (Self.iterations ?? 5000) {
            var random = TestRandom(Self.seed &* 0x1_0000_0001 &+ UInt64(number))
            var bytes = originals[random.below(originals.count)]
            for _ in 0...random.below(4) { Self.damage(&bytes, originals, &random) }
            try Self.write(bytes, path)
            do {
                let file = try openVectors(path)
                _ = try file.lookUp(asked, threads: 1)
                _ = file.ownGenerator()?.vectorArray("unknown")
                if file.format == .fastText {
                    let model = try openWordVectorModel(path, pool: pool)
                    let row = RowMatrix(count: 1, dimension: model.dimension)
                    _ = try Array("dog".utf8).withUnsafeBytes { try model.known($0, into: row.row(0)) }
                }
                accepted += 1
            } catch is ToolError {
                refused += 1
            }
        }
        #expect(accepted > 0 && refused > accepted / 10, "\(accepted) accepted, \(refused) refused")
        if Self.iterations != nil {
            // Nothing else runs then: what a header promises has not been allocated.
            let grown = Self.peakMemory - memory
            #expect(grown < 100_000, "\(grown) kB")
            print("\(name): \(accepted) accepted, \(refused) refused, \(grown) kB more memory at the peak")
        }
    }

    private static var peakMemory: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Int(usage.ru_maxrss)
    }

    private static func write(_ bytes: [UInt8], _ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    /// One damage: to bytes, to a number, to the length, by a piece of another file.
    private static func damage(_ bytes: inout [UInt8], _ others: [[UInt8]], _ random: inout TestRandom) {
        guard !bytes.isEmpty else { return }
        // Headers are where damage tells most.
        let isEarly = random.below(2) == 0
        let place = random.below(isEarly ? min(bytes.count, 160) : bytes.count)
        let length = min(bytes.count - place, 1 + random.below(random.below(3) == 0 ? 64 : 8))
        switch random.below(8) {
        case 0: bytes[place] ^= 1 << UInt8(random.below(8))
        case 1: bytes[place] = [0, 0xFF, 0x7F, 0x80, 0x20, 0x0A, UInt8(random.below(256))][random.below(7)]
        case 2, 3:
            let number: Int64 = [
                -1, 0, 1, 2, 127, 255, 1 << 16, 1 << 31 - 1, 1 << 31, 1 << 32, 1 << 40, .max, .min, Int64(random.below(20)),
            ][random.below(14)]
            for (offset, byte) in littleEndian(number).prefix(random.below(2) == 0 ? 4 : 8).enumerated()
            where place + offset < bytes.count { bytes[place + offset] = byte }
        case 4: bytes.removeLast(bytes.count - place)
        case 5: bytes.removeSubrange(place..<place + length)
        case 6: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
        default:
            let other = others[random.below(others.count)]
            let start = random.below(other.count)
            bytes.replaceSubrange(place..<place + length, with: other[start..<min(other.count, start + length)])
        }
    }
}
