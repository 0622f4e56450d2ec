import Files
@_spi(HostMemory) import Kernels
public import Parallel
public import Shards

/// A tokenised sentence with one marked word: `the [bank] of the river`.
public struct MarkedSentence: Sendable, Equatable {
    /// Words of the sentence.
    public let words: [String]
    /// Index of the marked word.
    public let position: Int

    /// Parses words separated by white space, exactly one of which is in square brackets.
    public static func parse(_ text: String) throws -> MarkedSentence {
        var words = text.words
        let marked = words.indices.filter { words[$0].begins(with: "[") && words[$0].ends(with: "]") && words[$0].utf8.count > 2 }
        guard marked.count == 1 else {
            throw ToolError(.usage, "--query: a query marks one word with square brackets, as in 'the [bank] of the river'")
        }
        words[marked[0]] = String(words[marked[0]].unicodeScalars.dropFirst().dropLast())
        return MarkedSentence(words: words, position: marked[0])
    }
}

/// An occurrence of a word in a sentence, and its cosine with the query.
public struct Neighbour: Sendable {
    /// Cosine with the query.
    public let cosine: Double
    /// Words of the sentence.
    public let words: [String]
    /// Index of the word in the sentence.
    public let position: Int
    /// Number of its sentence in the inputs, from 0.
    let sentence: Int

    /// The sentence with the word marked: `the [bank] of the river`.
    public var marked: String {
        words.enumerated().map { $0.offset == position ? "[\($0.element)]" : $0.element }.joined(separator: " ")
    }
}

/// An exact search for the occurrences whose vectors have the largest cosine with a query, over vector shards of any size. Blocks
/// are examined on the threads of a pool, and only the best are kept in memory: one for each sentence, its nearest, and none for a
/// repeated sentence.
public final class NeighbourSearch {
    private let query: [Float]
    private let pool: WorkerPool
    private var best: BestNeighbours
    private var sentences = 0

    /// Creates a search.
    /// - `query`: a vector of the width of one layer.
    /// - `count`: number of occurrences to keep.
    public init(query: [Float], count: Int, pool: WorkerPool) {
        self.query = query
        self.pool = pool
        best = BestNeighbours(count: count)
    }

    /// Examines one layer of all sentences of a shard. Throws `ToolError` like the reader.
    public func look(at reader: VectorShardReader, layer: Int) throws {
        precondition(reader.width == query.count && layer < reader.layers)
        let count = best.count, query = query, first = sentences
        let workers = OrderedWorkers<VectorBlock, BestNeighbours>(pool: pool) { block in
            Self.best(in: block, layer: layer, query: query, count: count, first: first)
        }
        // Blocks are examined in any order, and combined in their order.
        while let block = try reader.nextBlock() {
            if workers.isFull { best.add(try workers.next()) }
            if let last = block.runs.last { sentences = first + last.sentence + 1 }
            workers.submit(block)
        }
        while !workers.isEmpty { best.add(try workers.next()) }
    }

    private static func best(
        in block: VectorBlock, layer: Int, query: [Float], count: Int, first: Int
    ) -> BestNeighbours {
        var best = BestNeighbours(count: count)
        let memory = RowMatrix(count: 1, dimension: query.count), vector = memory.row(0)
        for run in block.runs {
            var nearest: (cosine: Double, position: Int)?
            for token in run.tokens {
                block.copy(layer: layer, of: token, into: vector.floats)
                let cosine = vector.cosine(query)
                if cosine > nearest?.cosine ?? -2 { nearest = (cosine, run.first + token - run.tokens.lowerBound) }
            }
            guard let nearest, best.hasRoom(for: nearest.cosine) else { continue }
            best.add(
                Neighbour(
                    cosine: nearest.cosine, words: block.words(of: run), position: nearest.position,
                    sentence: first + run.sentence))
        }
        withExtendedLifetime(memory) {}
        return best
    }

    /// The nearest occurrences, in descending order of cosine; among equals, in the order of the text.
    public var neighbours: [Neighbour] { best.neighbours }
}

/// The nearest few, one for each sentence.
private struct BestNeighbours: Sendable {
    let count: Int
    private(set) var neighbours: [Neighbour] = []

    init(count: Int) { self.count = count }

    func hasRoom(for cosine: Double) -> Bool { neighbours.count < count || cosine > neighbours[count - 1].cosine }

    /// Adds the neighbours from a later part of the text.
    mutating func add(_ others: BestNeighbours) { for neighbour in others.neighbours { add(neighbour) } }

    mutating func add(_ found: Neighbour) {
        guard hasRoom(for: found.cosine) else { return }
        // A later part of a sentence may be nearer than an earlier one; a repeated sentence is skipped.
        if let index = neighbours.firstIndex(where: { $0.sentence == found.sentence || Self.areSame($0.words, found.words) }) {
            guard found.cosine > neighbours[index].cosine else { return }
            neighbours.remove(at: index)
        }
        neighbours.insert(found, at: neighbours.firstIndex { $0.cosine < found.cosine } ?? neighbours.count)
        if neighbours.count > count { neighbours.removeLast() }
    }

    /// Compares bytes: Swift also considers strings equal if only the composition of their characters differs.
    private static func areSame(_ first: [String], _ second: [String]) -> Bool {
        first.elementsEqual(second) { $0.utf8.elementsEqual($1.utf8) }
    }
}
