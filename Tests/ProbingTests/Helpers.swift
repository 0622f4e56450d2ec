import Files
import Parallel
import Probing
import Shards
import TestSupport
import WordVectors

/// A labelled text of sentences such as `a/DT bird/NN`.
func labelled(_ sentences: [String]) throws -> LabelledText {
    let directory = try TemporaryDirectory()
    let text = sentences.map { sentence in
        sentence.split(separator: " ").map { $0.split(separator: "/").joined(separator: " ") + "\n" }.joined()
    }.joined(separator: "\n")
    return try LabelledText(path: directory.write("text", text))
}

/// A table of words with vectors of two numbers, without a generator.
func table(_ words: [(word: String, row: [Float])]) throws -> EmbeddingTable {
    let directory = try TemporaryDirectory()
    let output = try OutputFile(path: directory.file("table"), binary: true)
    let pool = WorkerPool(threads: 1)
    let writer = try TableShardWriter(
        output, tool: "test 1", dimension: 2, count: words.count, fields: ["generator": "none"], pool: pool)
    for (word, row) in words {
        try row.withUnsafeBufferPointer { row in
            try Array(word.utf8).withUnsafeBytes { try writer.append($0, count: 1, source: .pretrained, row: row) }
        }
    }
    try writer.append(tensor: "mean", shape: [2], values: [0, 0])
    try writer.finish()
    try output.commit()
    return try EmbeddingTable(FileSource(path: directory.file("table")), pool: pool)
}
