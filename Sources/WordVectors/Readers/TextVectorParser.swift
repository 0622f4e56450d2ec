import Glibc
import Shards

/// Whole lines of a vector file; the first `start` bytes are not looked at.
struct TextPiece: Sendable {
    let bytes: [UInt8]
    let start: Int
}

/// What one thread found in a piece.
struct ParsedPiece: Sendable {
    /// Words that were asked for, and their vectors one after the other.
    var ids: [UInt32] = []
    var values: [Float] = []
    /// Other words that the reader looks out for.
    var noticed: [UInt32] = []
    var lines = 0
    var vectors = 0
    var invalidWords = 0
    /// The first line that is wrong, counted from 1 within the piece, and why.
    var failure: (line: Int, cause: String)?
}

/// Parses lines `word number number …`, keeps the vectors of the words in a table, and notes which others there are.
struct TextVectorParser: Sendable {
    let words: WordTable
    let others: WordTable
    let dimension: Int

    func parse(_ piece: TextPiece) -> ParsedPiece {
        var result = ParsedPiece()
        piece.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            var place = piece.start
            while place < bytes.count && result.failure == nil {
                let newline = memchr(base + place, 0x0A, bytes.count - place)
                let end = newline.map { base.distance(to: UnsafeRawPointer($0)) } ?? bytes.count
                result.lines += 1
                parseLine(UnsafeRawBufferPointer(rebasing: bytes[place..<end]), &result)
                place = end + 1
            }
        }
        return result
    }

    private func parseLine(_ line: UnsafeRawBufferPointer, _ result: inout ParsedPiece) {
        var end = line.count
        while end > 0 && (isSeparator(line[end - 1]) || line[end - 1] == 0x0D) { end -= 1 }
        guard end > 0 else { return }
        let line = UnsafeRawBufferPointer(rebasing: line[..<end])
        // Nearly every line: as many single separators as there are numbers, so the word ends at the first.
        if countSeparators(line) == dimension, !isSeparator(line[0]), let space = line.firstIndex(where: isSeparator) {
            result.vectors += 1
            accept(UnsafeRawBufferPointer(rebasing: line[..<space]), line, from: space, &result)
        } else {
            parseUnusual(line, &result)
        }
    }

    /// Counts the fields from the end: a word with spaces, doubled separators, or a line that is wrong.
    private func parseUnusual(_ line: UnsafeRawBufferPointer, _ result: inout ParsedPiece) {
        var place = line.count
        var lastField = place..<place
        for count in 0...dimension {
            let fieldEnd = skipSeparatorsBack(line, place)
            guard fieldEnd > 0 else {
                return fail(&result, "has \(max(0, count - 1)) numbers, should have \(dimension)")
            }
            if count == dimension {
                place = fieldEnd
                break
            }
            place = fieldEnd
            while place > 0 && !isSeparator(line[place - 1]) { place -= 1 }
            lastField = place..<fieldEnd
        }
        var start = 0
        while isSeparator(line[start]) { start += 1 }
        let word = UnsafeRawBufferPointer(rebasing: line[start..<place])
        if let space = word.lastIndex(where: isSeparator),
            FloatParser.parse(UnsafeRawBufferPointer(rebasing: word[(space + 1)...])) != .notANumber {
            return fail(&result, "has more than \(dimension) numbers")
        }
        result.vectors += 1
        accept(word, line, from: lastField.lowerBound, &result)
    }

    /// Keeps the vector of `word`, whose numbers start at `start` or after separators there, if it was asked for.
    private func accept(
        _ word: UnsafeRawBufferPointer, _ line: UnsafeRawBufferPointer, from start: Int, _ result: inout ParsedPiece
    ) {
        guard isUTF8(word) else {
            result.invalidWords += 1
            return
        }
        guard let id = words.find(word) else {
            if let other = others.find(word) { result.noticed.append(UInt32(other)) }
            return
        }
        let first = result.values.count
        result.values.append(contentsOf: repeatElement(0, count: dimension))
        let cause: String? = result.values.withUnsafeMutableBufferPointer { values in
            var place = start
            for index in 0..<dimension {
                while place < line.count && isSeparator(line[place]) { place += 1 }
                let fieldStart = place
                var outcome = FloatParser.parse(line, &place)
                if place < line.count && !isSeparator(line[place]) || outcome == .notANumber {
                    // Not a plain number: look at the whole field.
                    place = fieldStart
                    while place < line.count && !isSeparator(line[place]) { place += 1 }
                    if place == fieldStart { return "has \(index) numbers, should have \(dimension)" }
                    outcome = FloatParser.parse(UnsafeRawBufferPointer(rebasing: line[fieldStart..<place]))
                }
                switch outcome {
                case .number(let value): values[first + index] = value
                case .notFinite: return "number \(index + 1) is not finite, word \(quoted(word))"
                case .notANumber: return "field \(index + 2) is not a number, word \(quoted(word))"
                }
            }
            return nil
        }
        if let cause { return fail(&result, cause) }
        result.ids.append(UInt32(id))
    }

    private func fail(_ result: inout ParsedPiece, _ cause: String) { result.failure = (result.lines, cause) }

    private func skipSeparatorsBack(_ line: UnsafeRawBufferPointer, _ end: Int) -> Int {
        var place = end
        while place > 0 && isSeparator(line[place - 1]) { place -= 1 }
        return place
    }

    @inline(__always)
    private func isSeparator(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// Counts spaces and tabs, 16 bytes at a time.
    private func countSeparators(_ line: UnsafeRawBufferPointer) -> Int {
        typealias Lanes = SIMD16<UInt8>
        let space = Lanes(repeating: 0x20), tab = Lanes(repeating: 0x09), one = Lanes(repeating: 1)
        var total = 0
        var place = 0
        while place + 16 <= line.count {
            var counts = Lanes()
            // A lane counts to 255 at most.
            let stop = min(line.count - 15, place + 255 * 16)
            while place < stop {
                let bytes = line.loadUnaligned(fromByteOffset: place, as: Lanes.self)
                counts &+= Lanes().replacing(with: one, where: (bytes .== space) .| (bytes .== tab))
                place += 16
            }
            total += Int(SIMD16<UInt16>(truncatingIfNeeded: counts).wrappedSum())
        }
        while place < line.count {
            if isSeparator(line[place]) { total += 1 }
            place += 1
        }
        return total
    }
}

/// A word of an input as it may stand in a message: short, on one line.
func quoted(_ word: UnsafeRawBufferPointer) -> String {
    let text = String(decoding: word.prefix(60), as: UTF8.self)
    return "\"" + text.map { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } ? String($0) : "?" }.joined() + "\""
}
