import Kernels
import Layers
import Model

/// The vectors of a sentence: [layers][tokens][forward, then backward].
typealias ELMoVectors = [[[Float]]]

/// Runs sentences through an encoder as ELMo does.
struct ELMoRun {
    let encoder: ContextualEncoder

    /// In one batch, each sentence from the zero state: each direction reads its mark first.
    func fromZero(_ sentences: [[String]]) -> [ELMoVectors] {
        let order = sentences.indices.sorted { sentences[$0].count > sentences[$1].count }
        let shape = WindowShape(lengths: order.map { sentences[$0].count + 1 })
        let batch = SpellingBatch(rows: encoder.directions.count * shape.rows, longest: encoder.configuration.longestWord)
        let places = encoder.directions.map { model in
            var places = [Int32](repeating: 0, count: shape.rows)
            for (column, index) in order.enumerated() {
                for (step, word) in read(sentences[index], model.direction).dropLast().enumerated() {
                    places[step * shape.batch + column] = append(word, to: batch)
                }
            }
            return places
        }
        withWords(batch, places) { encoder.encode($0, shape: shape) }
        var result = [ELMoVectors](repeating: [], count: sentences.count)
        for (column, index) in order.enumerated() { result[index] = vectors(sentences[index].count, column, shape) }
        return result
    }

    /// One after the other, each from the state that the one before it left: both marks are read.
    func carryingState(_ sentences: [[String]]) -> [ELMoVectors] {
        for model in encoder.directions { model.resetState() }
        return sentences.map { sentence in
            let shape = WindowShape(steps: sentence.count + 2, batch: 1)
            let batch = SpellingBatch(rows: encoder.directions.count * shape.rows, longest: encoder.configuration.longestWord)
            let places = encoder.directions.map { read(sentence, $0.direction).map { append($0, to: batch) } }
            withWords(batch, places) { words in
                for (model, words) in zip(encoder.directions, words) { model.advance(words, shape: shape) }
            }
            return vectors(sentence.count, 0, shape)
        }
    }

    /// What a direction reads, both marks included.
    private func read(_ sentence: [String], _ direction: Direction) -> [String] {
        let marked = [encoder.configuration.markNames[0]] + sentence + [encoder.configuration.markNames[1]]
        return direction == .forward ? marked : marked.reversed()
    }

    private func append(_ word: String, to batch: SpellingBatch) -> Int32 {
        switch encoder.configuration.markNames.firstIndex(of: word) {
        case 0: batch.append(.begin)
        case 1: batch.append(.end)
        default: Array(word.utf8).withUnsafeBytes { batch.append(.spelled($0)) }
        }
    }

    private func withWords(_ batch: SpellingBatch, _ places: [[Int32]], _ body: ([InputWords]) -> Void) {
        precondition(places.count == 2)
        let spellings = batch.spellings
        func words(_ places: UnsafeBufferPointer<Int32>) -> InputWords {
            .spellings(
                Spellings(letters: spellings.letters, ends: spellings.ends, words: spellings.words, places: places.baseAddress!))
        }
        places[0].withUnsafeBufferPointer { first in
            places[1].withUnsafeBufferPointer { second in body([words(first), words(second)]) }
        }
    }

    private func vectors(_ length: Int, _ column: Int, _ shape: WindowShape) -> ELMoVectors {
        (0..<encoder.layerCount).map { layer in
            (0..<length).map { token in
                encoder.directions.flatMap { model in
                    let step = model.direction == .forward ? token + 1 : length - token
                    let row = model.layerOutput(layer, shape: shape).row(step * shape.batch + column)
                    return (0..<encoder.configuration.projection).map { row[$0] }
                }
            }
        }
    }
}
