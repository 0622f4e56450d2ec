import Files

/// A document with its clusters of mentions; the mentions of a cluster refer to the same thing.
public struct CoreferenceDocument: Sendable, Equatable {
    /// The text after `#begin document`: a name in brackets, and a part.
    public let name: String
    /// The words of each sentence.
    public let sentences: [[String]]
    /// The speaker of each word; `nil` if the file names none.
    public let speakers: [[String]]?
    /// The clusters in the order of their first mentions, each with its mentions in order. A mention is a range of the document's
    /// words within one sentence, and occurs once. A cluster may have one mention.
    public let clusters: [[Range<Int>]]

    /// The words of all sentences.
    public var words: [String] { Array(sentences.joined()) }

    /// Makes a document.
    public init(name: String, sentences: [[String]], speakers: [[String]]? = nil, clusters: [[Range<Int>]]) {
        (self.name, self.sentences, self.speakers, self.clusters) = (name, sentences, speakers, clusters)
    }

    /// Returns clusters in the order of a document, with their mentions in order.
    public static func sorted(_ clusters: [[Range<Int>]]) -> [[Range<Int>]] {
        func key(_ mention: Range<Int>) -> (Int, Int) { (mention.lowerBound, mention.upperBound) }
        return clusters.map { $0.sorted { key($0) < key($1) } }.filter { !$0.isEmpty }.sorted { key($0[0]) < key($1[0]) }
    }
}

/// Documents with coreference in the columns of CoNLL-2012 (Pradhan et al. 2012): `#begin document`, lines of one word each in the
/// fourth column, an empty line after every sentence, and `#end document`. In the last column, `(12` begins a mention of cluster 12,
/// `12)` ends one, and `(12)` is a mention of a single word. Several of these have `|` between them, or nothing. A line without
/// mentions whose fourth column is empty is ignored.
public struct CoreferenceText: Sendable {
    /// The name that the user gave to the file.
    public let name: String
    /// The documents: at least one, and none without words.
    public let documents: [CoreferenceDocument]
    /// The number of mentions that were left out because another mention has the same words, either of the same cluster or of an
    /// earlier one.
    public let repeated: Int

    /// Reads a file. Where several mentions of one cluster are open, the one that began last ends first.
    /// - `path`: `-` for standard input; the file may be compressed.
    ///
    /// Throws `ToolError`: `noInput`, `ioError`, and `dataError` with the line for text that is not UTF-8, missing columns, words
    /// outside of documents, documents that do not end, malformed mentions, mentions that do not end in their sentence or end without
    /// a beginning, and a file without documents.
    public init(path: String) throws { try self.init(TextLines(path: path), first: nil) }

    /// Reads documents from lines. Throws as `init(path:)` does.
    /// - `first`: the first line, if it has already been read.
    init(_ lines: TextLines, first: String?) throws {
        var documents: [CoreferenceDocument] = [], repeated = 0, builder: DocumentBuilder?, first = first
        func next() throws -> String? {
            defer { first = nil }
            return try first ?? lines.next()
        }
        while let line = try next() {
            if line.begins(with: "#begin document") {
                if let builder { throw lines.error("begins a document within that of line \(builder.line)") }
                builder = DocumentBuilder(name: line.parts(separatedBy: " ", most: 2).dropFirst(2).joined(), line: lines.number)
                continue
            }
            if line.begins(with: "#end document") {
                guard let ended = try builder?.document(lines) else { throw lines.error("ends a document that was not begun") }
                documents.append(ended.document)
                repeated += ended.repeated
                builder = nil
                continue
            }
            let columns = columns(of: line)
            if columns.allSatisfy(\.isEmpty) {
                try builder?.endSentence(lines)
            } else if !line.begins(with: "#") || builder != nil && columns.count >= DocumentBuilder.fewestColumns {
                guard builder != nil else { throw lines.error("has a word outside of documents, which '#begin document' begins") }
                try builder?.add(columns, lines)
            }
        }
        if let builder { throw lines.error(line: builder.line, "begins a document that '#end document' does not end") }
        guard !documents.isEmpty else { throw lines.error(ofAll: "has no documents; '#begin document' begins one") }
        name = lines.name
        (self.documents, self.repeated) = (documents, repeated)
    }
}

/// The lines of a document so far.
private struct DocumentBuilder {
    static let fewestColumns = 5
    /// The column of the speakers, from 0, and the number of columns of the lines that have it, which are in the full format of
    /// CoNLL-2012.
    private static let speakerColumn = 9, fullColumns = 12

    let name: String
    let line: Int
    private var sentences: [[String]] = [], speakers: [[String]] = []
    private var sentence: [String] = [], sentenceSpeakers: [String] = []
    private var words = 0
    /// The mentions that have begun, by cluster: their first words and lines.
    private var open: [Int: [(word: Int, line: Int)]] = [:]
    private var mentions: [Int: [Range<Int>]] = [:]
    /// The clusters in the order in which their first mentions ended.
    private var groups: [Int] = []

    init(name: String, line: Int) {
        (self.name, self.line) = (name, line)
    }

    mutating func add(_ columns: [String], _ lines: TextLines) throws {
        guard columns.count >= Self.fewestColumns else {
            throw lines.error("has \(counted(columns.count, "column")), and must have \(Self.fewestColumns) or more")
        }
        let cell = columns[columns.count - 1]
        guard !columns[3].isEmpty else {
            guard Self.isOutside(cell) else { throw lines.error("has no word in its column 4, and a mention") }
            return
        }
        sentence.append(columns[3])
        sentenceSpeakers.append(columns.count >= Self.fullColumns ? columns[Self.speakerColumn] : "")
        if !Self.isOutside(cell) { try addMentions(Array(cell.utf8), cell, lines) }
        words += 1
    }

    private static func isOutside(_ cell: String) -> Bool { ["", "-", "_", "*"].contains(cell) }

    private mutating func addMentions(_ cell: [UInt8], _ text: String, _ lines: TextLines) throws {
        var place = 0
        while place < cell.count {
            if cell[place] == UInt8(ascii: "|") {
                place += 1
                continue
            }
            let begins = cell[place] == UInt8(ascii: "(")
            if begins { place += 1 }
            let start = place
            while place < cell.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(cell[place]) { place += 1 }
            let ends = place < cell.count && cell[place] == UInt8(ascii: ")")
            guard let group = Int(String(decoding: cell[start..<place], as: UTF8.self)), begins || ends else {
                throw lines.error("has '\(text)' in its last column, and must have mentions such as (12, 12) or (12), or -")
            }
            if ends { place += 1 }
            if begins { open[group, default: []].append((words, lines.number)) }
            guard ends else { continue }
            guard let first = open[group]?.popLast() else { throw lines.error("ends a mention of group \(group), and none has begun") }
            if mentions[group] == nil { groups.append(group) }
            mentions[group, default: []].append(first.word..<words + 1)
        }
    }

    mutating func endSentence(_ lines: TextLines) throws {
        guard !sentence.isEmpty else { return }
        let unclosed = open.flatMap { group, mentions in mentions.map { (group: group, line: $0.line) } }
        if let first = unclosed.min(by: { ($0.line, $0.group) < ($1.line, $1.group) }) {
            throw lines.error(line: first.line, "begins a mention of group \(first.group), which does not end in its sentence")
        }
        sentences.append(sentence)
        speakers.append(sentenceSpeakers)
        (sentence, sentenceSpeakers) = ([], [])
    }

    /// Returns the document, and the number of mentions with the same words as another one.
    mutating func document(_ lines: TextLines) throws -> (document: CoreferenceDocument, repeated: Int) {
        try endSentence(lines)
        guard !sentences.isEmpty else { throw lines.error("ends a document without words") }
        var met: Set<Range<Int>> = [], repeated = 0
        let clusters = groups.map { group in
            (mentions[group] ?? []).filter { mention in
                let isNew = met.insert(mention).inserted
                if !isNew { repeated += 1 }
                return isNew
            }
        }
        let names = speakers.joined().contains { !["", "-", "_"].contains($0) }
        let document = CoreferenceDocument(
            name: name, sentences: sentences, speakers: names ? speakers : nil, clusters: CoreferenceDocument.sorted(clusters))
        return (document, repeated)
    }
}
