import Files
import Parallel
import Shards
import TestSupport
import Testing

struct TokenShardTests {
    @Test(arguments: [1, 2, 7, 33], [1, 2, 5])
    func whatIsWrittenIsRead(count: Int, perBlock: Int) throws {
        let sentences = sampleSentences(count)
        #expect(try readTokens(tokenShard(sentences, perBlock: perBlock)) == sentences)
    }

    @Test func theNumberOfThreadsDoesNotShow() throws {
        let sentences = sampleSentences(100)
        let one = try tokenShard(sentences)
        #expect(try tokenShard(sentences, threads: 3) == one)
        #expect(try readTokens(one, threads: 3) == sentences)
    }

    @Test func joinedShardsAreAShard() throws {
        let first = sampleSentences(20), second = Array(sampleSentences(33).reversed())
        #expect(try readTokens(tokenShard(first) + tokenShard(second)) == first + second)
    }

    @Test func aFullDictionaryStartsANewPart() throws {
        let sentences = sampleSentences(60)
        let bytes = try tokenShard(sentences, dictionaryWords: 5)
        let reader = try TokenShardReader(MemorySource(bytes), pool: WorkerPool(threads: 1))
        var parts = 0
        while let block = try reader.next() { parts += block.firstNewWord == 0 ? 1 : 0 }
        #expect(parts > 5)
        #expect(reader.digests.count == parts)
        #expect(try readTokens(bytes) == sentences)
    }

    @Test func aShardWithoutSentencesIsSound() throws {
        #expect(try readTokens(tokenShard([])) == [])
    }

    @Test func printedAsText() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("a.tok", tokenShard([["a", "b"], ["c"], ["a", "c", "a"]], perBlock: 2))
        let output = try OutputFile(path: directory.file("text"), binary: false)
        try printTokens(paths: [path, path], to: output, pool: WorkerPool(threads: 2))
        try output.commit()
        #expect(try String(decoding: contents(of: directory.file("text")), as: UTF8.self) == "a b\nc\na c a\na b\nc\na c a\n")
    }
}

struct DamageTests {
    static let sound = (try? tokenShard(sampleSentences(12))) ?? []

    /// Reads to the end and returns the error.
    func failure(_ bytes: [UInt8]) -> ToolError? {
        do {
            _ = try readTokens(bytes, threads: 2)
            return nil
        } catch { return error as? ToolError }
    }

    @Test func everyFlippedByteIsNoticed() {
        #expect(failure(Self.sound) == nil)
        for index in Self.sound.indices {
            for bit in [UInt8(0x01), 0x10, 0x80, 0xFF] {
                var bytes = Self.sound
                bytes[index] ^= bit
                #expect(failure(bytes)?.status == .dataError, "byte \(index) xor \(bit)")
            }
        }
    }

    @Test func everyTruncationIsNoticed() {
        #expect(Self.sound.count > 500)
        for count in 0..<Self.sound.count {
            #expect(failure(Array(Self.sound[..<count]))?.status == .dataError, "cut to \(count) bytes")
        }
    }

    @Test func aMissingOrRepeatedOrMovedFrameIsNoticed() throws {
        let scanned = frames(of: Self.sound)
        #expect(scanned.count == 6)
        for index in scanned.indices {
            var missing = scanned
            missing.remove(at: index)
            #expect(failure(missing.flatMap { $0 }) != nil, "frame \(index) missing")
            if index < scanned.count - 1 {
                var moved = scanned
                moved.swapAt(index, index + 1)
                #expect(failure(moved.flatMap { $0 }) != nil, "frames \(index) and the next swapped")
            }
            if index > 0 && index < scanned.count - 1 {
                var repeated = scanned
                repeated.insert(scanned[index], at: index)
                #expect(failure(repeated.flatMap { $0 }) != nil, "frame \(index) repeated")
            }
        }
    }

    /// Cuts a shard at its frames' magic numbers.
    private func frames(of bytes: [UInt8]) -> [[UInt8]] {
        let magic: [UInt8] = [0x04, 0x22, 0x4D, 0x18]
        let starts = bytes.indices.filter { bytes[$0...].starts(with: magic) } + [bytes.count]
        return zip(starts, starts.dropFirst()).map { Array(bytes[$0..<$1]) }
    }

    @Test(arguments: [
        ([], "is empty"), (Array("plain text\n".utf8), "looks like text"), ([0x1F, 0x8B, 8, 0, 0], "gzip"),
        ([0xFF, 0xFE, 0x61, 0, 0x0A, 0], "it is UTF-16, and UTF-8 is needed"), (Array("PK\u{3}\u{4}rest".utf8), "it is a zip archive"),
        ([0x61, 0, 0x0A, 0], "iconv -f UTF-16LE"), ([0x5D, 0, 0, 0x80, 0, 0xFF], "compressed with lzma; unpack it first: xz -dc"),
        ([0xBA, 0x16, 0x4F, 0x2F, 12, 0, 0, 0], "fastText"), ([0, 1, 2, 3, 4], "unknown"),
    ] as [([UInt8], String)])
    func otherFilesAreRecognised(bytes: [UInt8], hint: String) throws {
        let error = try #require(failure(bytes))
        #expect(error.status == .dataError)
        #expect(error.description.contains(hint))
    }

    @Test func somethingBehindTheEndIsNoticed() throws {
        #expect(try #require(failure(Self.sound + Array("more".utf8))).description.contains("behind the end"))
    }

    @Test func theWrongKindIsNamedTogetherWithTheToolThatHelps() throws {
        let vocabulary = try shard { output, pool in
            try VocabularyShardWriter(output, tool: "test 1", options: [:], pool: pool).finish()
        }
        let error = try #require(failure(vocabulary))
        #expect(error.description.contains("is a vocabulary shard, and a tokens shard is needed here; tokenize makes one"))
    }
}
