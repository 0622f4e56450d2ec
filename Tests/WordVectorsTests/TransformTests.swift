import Files
import Kernels
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

/// What is done to the vectors of a table before they are stored, and how they are stored.
@Suite struct TransformTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private static let words = (0..<40).map { "w\($0)" }
    /// Exact in Float32, of very different variance in each direction.
    private static let rows: [[Float]] = (0..<40).map { i in
        (0..<6).map { j in
            let mixed: Int = i * 7 + j * 13 + i * i * j + i * j * j
            let part = Float(mixed % 17 - 8) / 4
            return part * Float(j + 1) + Float(j) / 2
        }
    }

    private func build(
        threads: Int = 1, more: [(String, [Float])] = [], unknown: [String] = [], _ change: (inout TableBuilder) -> Void
    ) throws -> TableBuilder.Table {
        let lines = (zip(Self.words, Self.rows) + more).map { word, row in
            word + row.map { " \($0)" }.joined() + "\n"
        }
        var builder = TableBuilder()
        builder.unknown = .none
        change(&builder)
        let names = Self.words + more.map(\.0) + unknown
        let vocabulary = VocabularyWords(names.enumerated().map { ($1, UInt64(1000 - $0)) })
        return try builder.build(vocabulary, openVectors(scratch.file("v.txt", lines.joined())), threads: threads)
    }

    private func store(_ table: TableBuilder.Table, _ storage: RowStorage = .float32, threads: Int = 1) throws -> String {
        let path = "\(scratch.path)/table"
        let output = try OutputFile(path: path, binary: true)
        try table.write(to: output, tool: "test", fields: [:], storage: storage, pool: WorkerPool(threads: threads))
        try output.commit()
        return path
    }

    private func close(_ a: [Float], _ b: [Float], _ tolerance: Float = 1e-5) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
    }

    @Test func withoutOptionsVectorsStayAsTheyAre() throws {
        let table = try build { _ in }
        for id in 0..<40 { #expect(table.rows.row(id).values == Self.rows[id]) }
    }

    /// The numbers of NumPy 2: x - x.mean(0), and that less its part in the leading eigenvectors of its covariance.
    @Test(arguments: [1, 3]) func meanAndDirectionsAreThoseOfNumPy(threads: Int) throws {
        let mean: [Float] = [-0.06875, 1.575, 1.4875, 0.125, 0.8125, 0.925]
        let centred = try build(threads: threads) { $0.transform.centre = true }
        for id in 0..<40 { #expect(close(centred.rows.row(id).values, zip(Self.rows[id], mean).map { $0 - $1 })) }
        let removed = try build(threads: threads) { $0.transform.directions = 2 }
        #expect(close(
            removed.rows.row(0).values, [-2.10349338, -0.49133681, -2.41841691, 2.52508859, -1.76983563, 0.82174986]))
        #expect(close(
            removed.rows.row(39).values, [-1.83755234, -0.3466761, 4.01920286, -0.09623838, 1.52990636, -0.13651431]))
        let both = try build(threads: threads) {
            $0.transform.directions = 2
            $0.transform.normalise = true
        }
        #expect(close(
            both.rows.row(39).values, [-0.39159587, -0.07387922, 0.85652158, -0.0205091, 0.32603426, -0.0290922]))
    }

    @Test(arguments: 1...5) func whatIsRemovedIsGone(directions: Int) throws {
        let table = try build { $0.transform.directions = directions }
        // With all but one direction gone, what is left lies on a line.
        let left = (0..<40).map { table.rows.row($0).values }
        let longest = try #require(left.max { $0.reduce(0) { $0 + $1 * $1 } < $1.reduce(0) { $0 + $1 * $1 } })
        let square = longest.reduce(0) { $0 + $1 * $1 }
        var off: Float = 0
        for row in left {
            let part = zip(row, longest).reduce(0) { $0 + $1.0 * $1.1 } / square
            for (value, along) in zip(row, longest) {
                let rest = value - part * along
                off += rest * rest
            }
        }
        #expect(directions == 5 ? off < 1e-6 : off > 1)
    }

    /// Equal eigenvalues, and fewer vectors than numbers in each.
    @Test func degenerateVectors() throws {
        var builder = TableBuilder()
        builder.unknown = .none
        builder.transform.directions = 3
        let text = "a 1 0 0 0 0\nb 0 1 0 0 0\nc 0 0 1 0 0\n"
        let table = try builder.build(
            VocabularyWords([("a", 3), ("b", 2), ("c", 1)]), openVectors(scratch.file("d.txt", text)), threads: 1)
        for id in 0..<3 { #expect(close(table.rows.row(id).values, [0, 0, 0, 0, 0])) }
    }

    @Test func moreDirectionsThanThereAreAreRefused() {
        #expect(throws: ToolError.self) { try build { $0.transform.directions = 6 } }
    }

    /// The mean that train subtracts is that of the vectors as they are stored.
    @Test func theMeanIsThatOfTheTransformedVectors() throws {
        let table = try build {
            $0.transform.centre = true
            $0.transform.normalise = true
        }
        var mean = [Float](repeating: 0, count: 6)
        for id in 0..<40 { for index in 0..<6 { mean[index] += table.rows.row(id).values[index] / 40 } }
        #expect(close(table.mean, mean))
        for id in 0..<40 { #expect(abs(table.rows.row(id).values.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5) }
    }

    /// A word that the table was asked for and one that is met later get the same vector, and words without a vector stay
    /// without.
    @Test(arguments: RowStorage.allCases) func wordsMetLaterAreTransformedToo(storage: RowStorage) throws {
        let rule = SpellingRule(count: 300, dimension: 7)
        var builder = TableBuilder()
        builder.unknown = .subwords
        builder.subwords.heldOut = 20
        builder.transform.directions = 2
        builder.transform.normalise = true
        let path = try scratch.file("rule.txt", rule.text)
        func table(_ unknown: [String]) throws -> EmbeddingTable {
            let built = try builder.build(rule.vocabulary(unknown: unknown), openVectors(path), threads: 2)
            return try EmbeddingTable(FileSource(path: store(built, storage)), pool: WorkerPool(threads: 1))
        }
        let asked = try table(["abca", "qqq"]), later = try table([])
        let tolerance: Float = storage == .float32 ? 1e-6 : 1e-3
        #expect(asked.words.find("abca") != nil && later.words.find("abca") == nil)
        let (source, vector) = try later.vector(of: "abca")
        #expect(source == .ngrams && abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        #expect(close(try asked.vector(of: "abca").1, vector, tolerance))
        #expect(try asked.vector(of: "qqq") == (.none, [Float](repeating: 0, count: 7)))
        #expect(try later.vector(of: "qqq") == (.none, [Float](repeating: 0, count: 7)))
    }

    @Test(arguments: [false, true]) func halvesAreTheNearest(fromPipe: Bool) throws {
        let built = try build { $0.transform.normalise = true }
        let path = try store(built, .float16)
        let source: any ByteSource = fromPipe ? MemorySource(try readFile(path)) : try FileSource(path: path)
        let table = try EmbeddingTable(source, pool: WorkerPool(threads: 1))
        for id in 0..<42 { #expect(try table.rows.row(id) == built.rows.row(id).values.map { Float(Float16($0)) }) }
    }

    @Test func threadsDoNotShow() throws {
        var files: [[UInt8]] = []
        for threads in 1...3 {
            let built = try build(threads: threads) { $0.transform.directions = 3 }
            files.append(try readFile(store(built, .float16, threads: threads)))
        }
        #expect(files[0] == files[1] && files[0] == files[2])
    }
}
