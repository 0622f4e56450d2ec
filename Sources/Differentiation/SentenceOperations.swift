@_spi(HostMemory) import Kernels
internal import Parallel

// Operations over the words of each sentence, with sentences one after another: pooling, and dropout that is the same at all words.
extension Tape {
    // MARK: Pooling

    /// Returns the maximum of each column over the words of each sentence: [rows, n] to [sentences, n].
    public func maxima(_ words: Node, _ sentences: Sequences) -> Node { extremes(words, sentences) { $0 > $1 } }

    /// Returns the minimum of each column over the words of each sentence: [rows, n] to [sentences, n].
    public func minima(_ words: Node, _ sentences: Sequences) -> Node { extremes(words, sentences) { $0 < $1 } }

    /// Returns the first number of each column that no other number of its sentence precedes.
    @inline(__always)
    private func extremes(_ words: Node, _ sentences: Sequences, _ precedes: (Float, Float) -> Bool) -> Node {
        precondition(words.rows == sentences.rows)
        let count = words.columns, result = node(rows: sentences.count, columns: count), pool = backend.pool
        let chosen = numbers(sentences.count * count)
        pool.forEach(sentences.count) { sentence in
            let rows = sentences.rows(of: sentence), best = result.value.row(sentence), places = chosen.pointer + sentence * count
            best.update(from: words.value.row(rows.lowerBound), count: count)
            places.update(repeating: Int32(rows.lowerBound), count: count)
            for row in rows.dropFirst() {
                let values = words.value.row(row)
                for index in 0..<count where precedes(values[index], best[index]) {
                    best[index] = values[index]
                    places[index] = Int32(row)
                }
            }
        }
        record {
            guard let gradient = result.gradient, let target = words.gradient else { return }
            pool.forEach(sentences.count) { sentence in
                let given = gradient.row(sentence), places = chosen.pointer + sentence * count
                for index in 0..<count { target.row(Int(places[index]))[index] += given[index] }
            }
        }
        return result
    }

    /// Returns the mean of the words of each sentence: [rows, n] to [sentences, n].
    public func means(_ words: Node, _ sentences: Sequences) -> Node {
        precondition(words.rows == sentences.rows)
        let count = words.columns, result = node(rows: sentences.count, columns: count), pool = backend.pool
        pool.forEach(sentences.count) { sentence in
            let sums = result.value.row(sentence), share = 1 / Float(sentences.lengths[sentence])
            sums.update(repeating: 0, count: count)
            for row in sentences.rows(of: sentence) { Self.add(words.value.row(row), times: share, to: sums, count: count) }
        }
        record {
            guard let gradient = result.gradient, let target = words.gradient else { return }
            pool.forEach(sentences.count) { sentence in
                let given = gradient.row(sentence), share = 1 / Float(sentences.lengths[sentence])
                for row in sentences.rows(of: sentence) { Self.add(given, times: share, to: target.row(row), count: count) }
            }
        }
        return result
    }

    /// Returns the mean of the words of each sentence, weighted by the softmax of their scores over the sentence: [rows, n] to
    /// [sentences, n].
    /// - `scores`: [rows, 1]
    public func means(_ words: Node, weightedBy scores: Node, _ sentences: Sequences) -> Node {
        precondition(words.rows == sentences.rows && scores.rows == words.rows && scores.columns == 1)
        let count = words.columns, result = node(rows: sentences.count, columns: count), pool = backend.pool
        let weights = memory(rows: 1, columns: words.rows)
        pool.forEach(sentences.count) { sentence in
            let rows = sentences.rows(of: sentence), sums = result.value.row(sentence), start = weights.start + rows.lowerBound
            for row in rows { weights.start[row] = scores.value.row(row)[0] }
            SoftmaxRow.makeSoftmax(start, count: rows.count)
            sums.update(repeating: 0, count: count)
            for row in rows { Self.add(words.value.row(row), times: weights.start[row], to: sums, count: count) }
        }
        record { [self] in
            guard let gradient = result.gradient else { return }
            let slopes = memory(rows: 1, columns: words.rows)
            pool.forEach(sentences.count) { sentence in
                let rows = sentences.rows(of: sentence), given = gradient.row(sentence), first = rows.lowerBound
                for row in rows {
                    slopes.start[row] = Float(Vector.dot(given, words.value.row(row), count: count))
                    if let target = words.gradient?.row(row) { Self.add(given, times: weights.start[row], to: target, count: count) }
                }
                SoftmaxRow.bend(slopes.start + first, by: weights.start + first, count: rows.count)
                guard let target = scores.gradient else { return }
                for row in rows { target.row(row)[0] += slopes.start[row] }
            }
        }
        return result
    }

    // MARK: Dropout

    /// Returns `words` times the factors of inverted dropout, the same at all words of a sentence, in training (Gal and Ghahramani
    /// 2016).
    public func drop(_ words: Node, _ sentences: Sequences, rate: Float) -> Node {
        precondition(words.rows == sentences.rows)
        guard let draw = draw(rate: rate) else { return words }
        let count = words.columns, result = node(rows: words.rows, columns: count), pool = backend.pool
        let factors = memory(rows: sentences.count, columns: count)
        backend.fill(factors, with: draw)
        pool.forEach(sentences.count) { sentence in
            let factors = factors.row(sentence)
            for row in sentences.rows(of: sentence) {
                let values = words.value.row(row), target = result.value.row(row)
                for index in 0..<count { target[index] = values[index] * factors[index] }
            }
        }
        record {
            guard let gradient = result.gradient, let target = words.gradient else { return }
            pool.forEach(sentences.count) { sentence in
                let factors = factors.row(sentence)
                for row in sentences.rows(of: sentence) {
                    let given = gradient.row(row), target = target.row(row)
                    for index in 0..<count { target[index] += given[index] * factors[index] }
                }
            }
        }
        return result
    }

    /// `target += factor * source`
    private static func add(
        _ source: UnsafeMutablePointer<Float>, times factor: Float, to target: UnsafeMutablePointer<Float>, count: Int
    ) {
        for index in 0..<count { target[index] += factor * source[index] }
    }
}
