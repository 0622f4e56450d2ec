import Files
import Parallel
import Shards
import TestSupport

/// Sentences as text, for comparison.
typealias Sentences = [[String]]

func batch(_ sentences: Sentences) -> TokenBatch {
    var batch = TokenBatch()
    for sentence in sentences {
        batch.sentenceLengths.append(UInt32(sentence.count))
        for word in sentence { batch.ids.append(UInt32(batch.words.insert(word))) }
    }
    return batch
}

/// A token shard of `sentences`, `perBlock` sentences a block.
func tokenShard(
    _ sentences: Sentences, perBlock: Int = 3, threads: Int = 1, dictionaryWords: Int = 1000
) throws -> [UInt8] {
    try shard(threads: threads) { output, pool in
        let writer = try TokenShardWriter(
            output, tool: "test 1", options: ["lowercase": "false"], pool: pool, dictionaryWords: dictionaryWords)
        for start in stride(from: 0, to: sentences.count, by: perBlock) {
            try writer.append(batch(Array(sentences[start..<min(sentences.count, start + perBlock)])))
        }
        try writer.finish()
    }
}

/// The bytes of whatever `write` writes to an output file.
func shard(threads: Int = 1, _ write: (OutputFile, WorkerPool) throws -> Void) throws -> [UInt8] {
    let directory = try TemporaryDirectory()
    let output = try OutputFile(path: directory.file("shard"), binary: true)
    try write(output, WorkerPool(threads: threads))
    try output.commit()
    return try contents(of: directory.file("shard"))
}

/// All that the frames of a shard hold.
func decompressedBytes(_ bytes: [UInt8]) throws -> [UInt8] { try readSmall(decompressed(MemorySource(bytes)), limit: 16 << 20) }

extension VectorShardWriter {
    func append(_ sentence: SentenceVectors) throws {
        try begin(sentence.words)
        try sentence.values.withUnsafeBufferPointer { try append($0) }
    }
}

func readTokens(_ bytes: [UInt8], threads: Int = 1) throws -> Sentences {
    let reader = try TokenShardReader(MemorySource(bytes), pool: WorkerPool(threads: threads))
    var words: [String] = []
    var sentences: Sentences = []
    while let block = try reader.next() {
        if block.firstNewWord == 0 { words = [] }
        block.forEachNewWord { words.append(String(decoding: $0, as: UTF8.self)) }
        block.forEachSentence { ids in sentences.append(ids.map { words[Int($0)] }) }
    }
    return sentences
}

/// Sentences of lengths 1, 2, 7 and 33 over a growing vocabulary.
func sampleSentences(_ count: Int) -> Sentences {
    var word = 0
    return (0..<count).map { index in
        (0..<[1, 2, 7, 33][index % 4]).map { position in
            word = (word &* 31 &+ position) % (10 + index)
            return "w\(word)é"
        }
    }
}
