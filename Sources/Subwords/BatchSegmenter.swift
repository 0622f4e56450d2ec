public import Shards

/// Turns batches of words into batches of units. Each distinct word is cut once and remembered.
public struct BatchSegmenter {
    private let segmenter: Segmenter
    /// Words met, and for each the range of its units in `unitNumbers`, which are numbers in `units`.
    private var words = WordTable()
    private var ends: [Int] = []
    private var unitNumbers: [UInt32] = []
    private var units = WordTable()
    private var map: [UInt32] = []
    /// Numbers of units in the batch under way, if `batches` says that they are of it.
    private var numbers: [UInt32] = [], batches: [UInt32] = []
    private var batchNumber: UInt32 = 0

    /// Words remembered at most: then everything is forgotten, so that memory stays bounded.
    private static let mostWords = 2_000_000

    public init(_ merges: Merges) { segmenter = Segmenter(merges) }

    /// The units of a batch's words. Sentences stay sentences.
    public mutating func segment(_ batch: borrowing TokenBatch) -> TokenBatch {
        if words.count > Self.mostWords {
            words = WordTable()
            units = WordTable()
            numbers = []
            batches = []
            ends = []
            unitNumbers = []
        }
        let known = words.count
        words.insert(contentsOf: batch.words, map: &map)
        for word in known..<words.count {
            words.withWord(word) { word in
                segmenter.forEachUnit(of: word) { unitNumbers.append(UInt32(units.insert($0))) }
            }
            ends.append(unitNumbers.count)
        }
        numbers.append(contentsOf: repeatElement(0, count: units.count - numbers.count))
        batches.append(contentsOf: repeatElement(0, count: units.count - batches.count))
        batchNumber += 1
        var result = TokenBatch(), next = 0
        result.ids.reserveCapacity(batch.ids.count + batch.ids.count / 4)
        for length in batch.sentenceLengths {
            let before = result.ids.count
            for id in batch.ids[next..<next + Int(length)] {
                let word = Int(map[Int(id)])
                for place in (word == 0 ? 0 : ends[word - 1])..<ends[word] {
                    let unit = Int(unitNumbers[place])
                    if batches[unit] != batchNumber {
                        batches[unit] = batchNumber
                        numbers[unit] = UInt32(units.withWord(unit) { result.words.insert($0) })
                    }
                    result.ids.append(numbers[unit])
                }
            }
            result.sentenceLengths.append(UInt32(result.ids.count - before))
            next += Int(length)
        }
        return result
    }
}
