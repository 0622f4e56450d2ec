internal import Glibc
@_spi(HostMemory) import Kernels
internal import Parallel

extension Tape {
    /// Attends from the words of each sentence to those of another sentence (Parikh et al. 2016; Chen et al. 2017, equations 11 to
    /// 13), or to its own words (McCann et al. 2017). With the words X of a sentence and the words Y of the other, the result is
    ///
    ///     softmax(X Y^T) Y        the softmax over the words of Y
    ///
    /// [rows, n] to [rows, n]. The scores of two sentences that attend to each other are computed once.
    /// - `others`: the sentence that each one attends to, which must attend back: itself, or its partner in a pair.
    public func attend(_ words: Node, _ sentences: Sequences, to others: [Int]) -> Node {
        precondition(words.rows == sentences.rows && others.count == sentences.count)
        precondition(others.indices.allSatisfy { others[others[$0]] == $0 }, "two sentences look at each other")
        let result = node(rows: words.rows, columns: words.columns)
        let pass = SentenceAttention(
            sentences: sentences, others: others, pairs: others.indices.filter { $0 <= others[$0] }, words: words, result: result,
            weights: squares(sentences, others))
        let parts = max(1, min(backend.pool.threads, pass.pairs.count)), backends = backendsSideBySide(parts), pool = backend.pool
        pool.forEach(parts) { pass.forward(part: $0, of: parts, backends[$0]) }
        record { [self] in
            let gradients = squares(sentences, others)
            pool.forEach(parts) { pass.backward(part: $0, of: parts, backends[$0], gradients) }
        }
        return result
    }

    /// Returns memory for one number for each word of each sentence and each word of the other: [words, the other's words] each.
    private func squares(_ sentences: Sequences, _ others: [Int]) -> [Matrix] {
        others.indices.map { memory(rows: sentences.lengths[$0], columns: sentences.lengths[others[$0]]) }
    }
}

/// One pass of attention. Threads take pairs in turn, and each writes only the rows of its own sentences.
private struct SentenceAttention: @unchecked Sendable {
    let sentences: Sequences
    let others: [Int]
    /// First sentence of each pair; a sentence that attends to itself is a pair of its own.
    let pairs: [Int]
    let words, result: Node
    /// The softmax of each sentence.
    let weights: [Matrix]

    private func words(_ sentence: Int) -> Matrix { words.value.rows(sentences.rows(of: sentence)) }

    func forward(part: Int, of parts: Int, _ backend: ProcessorBackend) {
        for index in stride(from: part, to: pairs.count, by: parts) {
            let one = pairs[index], other = others[one]
            backend.multiply(words(one), words(other).transposed, into: weights[one])
            if other != one { transpose(weights[one], into: weights[other]) }
            look(one, backend)
            if other != one { look(other, backend) }
        }
    }

    /// Replaces a sentence's scores by their softmax, and computes its result.
    private func look(_ sentence: Int, _ backend: ProcessorBackend) {
        let weights = weights[sentence]
        for row in 0..<weights.rows { SoftmaxRow.makeSoftmax(weights.row(row), count: weights.columns) }
        backend.multiply(weights, words(others[sentence]), into: result.value.rows(sentences.rows(of: sentence)))
    }

    /// The backward pass. With P the softmax, S the scores, and dO the gradient of the result:
    ///
    ///     dY += P^T dO,  dP = dO Y^T,  dS = P (dP - sum over words of P dP),  dX += dS Y,  dY += dS^T X
    func backward(part: Int, of parts: Int, _ backend: ProcessorBackend, _ gradients: [Matrix]) {
        guard let target = words.gradient else { return }
        for index in stride(from: part, to: pairs.count, by: parts) {
            let one = pairs[index], other = others[one]
            lookBack(one, backend, gradients, target)
            if other != one {
                lookBack(other, backend, gradients, target)
                addTransposed(gradients[other], to: gradients[one])
            }
            backend.multiply(gradients[one], words(other), into: target.rows(sentences.rows(of: one)), adding: true)
            backend.multiply(gradients[one].transposed, words(one), into: target.rows(sentences.rows(of: other)), adding: true)
        }
    }

    /// Computes the gradients of a sentence's scores, and of the words it attended to, from the gradient of its result.
    private func lookBack(_ sentence: Int, _ backend: ProcessorBackend, _ gradients: [Matrix], _ target: Matrix) {
        guard let above = result.gradient?.rows(sentences.rows(of: sentence)) else { return }
        let weights = weights[sentence], gradient = gradients[sentence], other = others[sentence]
        backend.multiply(weights.transposed, above, into: target.rows(sentences.rows(of: other)), adding: true)
        backend.multiply(above, words(other).transposed, into: gradient)
        for row in 0..<gradient.rows { SoftmaxRow.bend(gradient.row(row), by: weights.row(row), count: gradient.columns) }
    }

    private func transpose(_ source: Matrix, into target: Matrix) {
        for row in 0..<target.rows {
            let values = target.row(row)
            for column in 0..<target.columns { values[column] = source.row(column)[row] }
        }
    }

    private func addTransposed(_ source: Matrix, to target: Matrix) {
        for row in 0..<target.rows {
            let values = target.row(row)
            for column in 0..<target.columns { values[column] += source.row(column)[row] }
        }
    }
}

/// A softmax over a run of scores, and its derivative.
enum SoftmaxRow {
    /// Replaces scores by their softmax.
    static func makeSoftmax(_ scores: UnsafeMutablePointer<Float>, count: Int) {
        var highest = scores[0], sum: Float = 0
        for index in 1..<max(1, count) where scores[index] > highest { highest = scores[index] }
        for index in 0..<count {
            scores[index] = expf(scores[index] - highest)
            sum += scores[index]
        }
        let factor = 1 / sum
        for index in 0..<count { scores[index] *= factor }
    }

    /// Replaces the gradient of a softmax by that of its scores: dS = P (dP - sum of P dP).
    static func bend(_ gradient: UnsafeMutablePointer<Float>, by weights: UnsafeMutablePointer<Float>, count: Int) {
        let mean = Float(Vector.dot(gradient, weights, count: count))
        for index in 0..<count { gradient[index] = weights[index] * (gradient[index] - mean) }
    }
}
