import Files

/// Text with semantic roles in columns: one word per line, one column of bracketed spans for each predicate, `(ARG0*`, `*`, `*)`,
/// `(V*)`, and an empty line after every sentence.
///
/// There are three formats of the other columns, which are told apart by their number. PropBank has word, tag, parse, lemma or `-`,
/// roleset or `-`. CoNLL-2005 (Carreras and Màrquez 2005) has word, entity, tag, chunk, clause, parse, sense, lemma or `-`, or only
/// the first and the last of these. CoNLL-2012 (Pradhan et al. 2012) has document, part, number, word, tag, parse, lemma, roleset or
/// `-`, sense, speaker, entity, and coreference in the last column.
public struct RoleText: Sendable {
    /// The name that the user gave to the file.
    public let name: String
    /// The sentences: at least one, none without words, and at least one with a predicate.
    public let sentences: [RoleSentence]

    /// The roles, including V, sorted.
    public var roles: [String] {
        Set(sentences.lazy.flatMap(\.predicates).flatMap(\.spans).map(\.role)).sorted()
    }

    /// Reads a file.
    /// - `path`: `-` for standard input; the file may be compressed.
    ///
    /// Throws `ToolError`: `noInput`, `ioError`, and `dataError` with the line for text that is not UTF-8, missing or additional
    /// columns, malformed bracketed roles, nested spans of one predicate, spans that do not close or close without a beginning, and a
    /// file without sentences or without predicates.
    public init(path: String) throws {
        let lines = try TextLines(path: path)
        var sentences: [RoleSentence] = [], form: RoleColumns?
        var rows: [[String]] = []
        /// Makes a sentence of the lines so far, which end before line `end`, the line that was read last.
        func finish(_ end: Int) throws {
            guard !rows.isEmpty else { return }
            defer { rows.removeAll(keepingCapacity: true) }
            let first = end - rows.count
            form = try form ?? RoleColumns(rows, lines, line: first)
            if let form { sentences.append(try form.sentence(rows, lines, line: first)) }
        }
        while let line = try lines.next() {
            var columns = columns(of: line)
            while columns.last?.isEmpty == true { columns.removeLast() }
            if columns.isEmpty || columns[0].begins(with: "#begin") || columns[0].begins(with: "#end") {
                try finish(lines.number)
                continue
            }
            if let first = rows.first, first.count != columns.count {
                throw lines.error("has \(counted(columns.count, "column")), and the line before it \(first.count)")
            }
            rows.append(columns)
        }
        try finish(lines.number + 1)
        guard !sentences.isEmpty else { throw lines.error(ofAll: "has no sentences") }
        guard sentences.contains(where: { !$0.predicates.isEmpty }) else { throw lines.error(ofAll: "has no predicates") }
        name = lines.name
        self.sentences = sentences
    }
}

/// The columns of a text with roles.
private struct RoleColumns {
    /// The columns, from 0, of the words, of the lemmas of predicates, and of the text that is `-` at all words but predicates.
    let word, lemma, predicate: Int
    /// The number of columns before and after the columns of the predicates.
    let before, behind: Int

    private static let all = [
        RoleColumns(word: 0, lemma: 3, predicate: 3, before: 5, behind: 0),
        RoleColumns(word: 0, lemma: 7, predicate: 7, before: 8, behind: 0),
        RoleColumns(word: 3, lemma: 6, predicate: 7, before: 11, behind: 1),
        RoleColumns(word: 0, lemma: 1, predicate: 1, before: 2, behind: 0),
    ]

    private init(word: Int, lemma: Int, predicate: Int, before: Int, behind: Int) {
        (self.word, self.lemma, self.predicate, self.before, self.behind) = (word, lemma, predicate, before, behind)
    }

    /// Finds the format of the first sentence. Throws `ToolError.data` if it has none of the three.
    init(_ rows: [[String]], _ lines: TextLines, line: Int) throws {
        guard let form = Self.all.first(where: { $0.fits(rows) }) else {
            throw lines.error(
                line: line,
                "has \(counted(rows[0].count, "column")), which is neither PropBank's form (5 and one for each predicate), nor "
                    + "CoNLL-2005's (8, or 2), nor CoNLL-2012's (12)")
        }
        self = form
    }

    /// Returns the columns of predicates.
    private func columns(_ row: [String]) -> Range<Int> { before..<max(before, row.count - behind) }

    private func fits(_ rows: [[String]]) -> Bool {
        let width = rows[0].count
        return width >= before + behind && rows.count { $0[predicate] != "-" } == width - before - behind
            && rows.allSatisfy { row in columns(row).allSatisfy { row[$0].utf8.contains(UInt8(ascii: "*")) } }
    }

    func sentence(_ rows: [[String]], _ lines: TextLines, line: Int) throws -> RoleSentence {
        guard rows[0].count >= before + behind else {
            throw lines.error(line: line, "has \(counted(rows[0].count, "column")), and must have \(before + behind) or more")
        }
        let words = rows.indices.filter { rows[$0][predicate] != "-" }, columns = columns(rows[0])
        guard words.count == columns.count else {
            throw lines.error(
                line: line,
                "begins a sentence with \(counted(words.count, "predicate")) and \(counted(columns.count, "column")) for them")
        }
        return RoleSentence(
            words: rows.map { $0[word] },
            predicates: try zip(words, columns).map { index, column in
                RoleSentence.Predicate(
                    word: index, lemma: rows[index][lemma],
                    spans: try Self.spans(rows.map { $0[column] }) { lines.error(line: line + $0, "column \(column + 1) \($1)") })
            })
    }

    /// Returns the spans of a column of brackets.
    /// - `error`: makes the error in a row.
    private static func spans(_ cells: [String], error: (Int, String) -> ToolError) throws -> [RoleSpan] {
        var spans: [RoleSpan] = [], open: (role: String, start: Int)?
        for (row, cell) in cells.enumerated() {
            let parts = cell.parts(separatedBy: "*", keepsEmpty: true)
            guard parts.count == 2, parts[0].isEmpty || parts[0].begins(with: "("), parts[1].isEmpty || parts[1].ends(with: ")") else {
                throw error(row, "has '\(cell)', and must have a star, with a bracket and a role before it or a bracket behind it")
            }
            let roles = parts[0].parts(separatedBy: "("), ends = parts[1].utf8.count { $0 == UInt8(ascii: ")") }
            for role in roles {
                if let open { throw error(row, "begins \(role) within \(open.role), which is not closed") }
                open = (role, row)
            }
            guard roles.count == parts[0].utf8.count(where: { $0 == UInt8(ascii: "(") }) else {
                throw error(row, "has a bracket without a role")
            }
            if ends > 0 {
                guard let last = open, ends == 1 else { throw error(row, "closes a bracket that is not open") }
                spans.append(RoleSpan(role: last.role, words: last.start..<row + 1))
                open = nil
            }
        }
        if let open { throw error(open.start, "begins \(open.role), which is not closed in its sentence") }
        return spans
    }
}
