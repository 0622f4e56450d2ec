internal import Glibc
@_spi(HostMemory) public import Kernels
internal import Parallel

/// The mentions of a document in order, each paired with a number of preceding mentions that it may refer to, the nearest first.
/// Rows of matrices over them are pairs, those of the first mention first.
public struct AntecedentPairs {
    /// Number of mentions, and maximum number of antecedents of each.
    public let mentions, limit: Int
    /// First pair of each mention, and the end of the last.
    let starts: [Int]
    /// Mention and antecedent of each pair.
    let anchors, antecedents: Numbers
    /// Bucket of the distance of each pair.
    let buckets: Numbers
    /// Number of pairs.
    public var count: Int { starts[mentions] }

    /// Rows of a table with an embedding for each bucket.
    public static let bucketCount = 10

    /// Creates all pairs.
    /// - `limit`: maximum number of antecedents of a mention.
    public init(mentions: Int, limit: Int, on tape: Tape) {
        (self.mentions, self.limit) = (mentions, limit)
        var starts = [0]
        for mention in 0..<mentions { starts.append(starts[mention] + min(mention, limit)) }
        self.starts = starts
        anchors = tape.numbers(starts[mentions])
        antecedents = tape.numbers(starts[mentions])
        buckets = tape.numbers(starts[mentions])
        for mention in 0..<mentions {
            for (place, pair) in pairs(of: mention).enumerated() {
                anchors[pair] = Int32(mention)
                antecedents[pair] = Int32(mention - 1 - place)
                buckets[pair] = Int32(Self.bucket(ofDistance: place + 1))
            }
        }
    }

    /// Returns the bucket of a distance in mentions: 1, 2, 3, 4, 5 to 7, 8 to 15, 16 to 31, 32 to 63, 64 and more, starting at
    /// bucket 1.
    public static func bucket(ofDistance distance: Int) -> Int {
        if distance <= 4 { return distance }
        return min(bucketCount - 1, 3 + (Int.bitWidth - 1 - distance.leadingZeroBitCount))
    }

    func pairs(of mention: Int) -> Range<Int> { starts[mention]..<starts[mention + 1] }

    /// Returns ranges of mentions with about `size` pairs each.
    func blocks(of size: Int) -> [Range<Int>] {
        var blocks: [Range<Int>] = [], first = 0
        for mention in 0..<mentions where mention + 1 == mentions || starts[mention + 2] - starts[first] > size {
            blocks.append(first..<mention + 1)
            first = mention + 1
        }
        return blocks
    }
}

extension Tape {
    /// Applies an affine map to the vectors of pairs, [g_i; g_j; g_i * g_j; distance]. The parts that depend on one mention only
    /// are given:
    ///
    ///     anchors[i] + antecedents[j] + distances[bucket of i and j] + (g_i * g_j) W
    ///
    /// The products g_i * g_j, which would take more memory than everything else, are computed for some mentions at a time, and
    /// again in the backward pass.
    /// - `vectors`: g, [mentions, m]
    /// - `weight`: W, [m, n]
    /// - `anchors`: [mentions, n], like `antecedents`.
    /// - `distances`: [buckets, n]
    /// - Returns: [pairs, n]
    public func sums(
        over pairs: AntecedentPairs, vectors: Node, weight: Node, anchors: Node, antecedents: Node, distances: Node
    ) -> Node {
        let columns = weight.columns, width = vectors.columns, result = node(rows: pairs.count, columns: columns)
        let blocks = pairs.blocks(of: 1024), pool = backend.pool
        func rows(of block: Range<Int>) -> Range<Int> { pairs.starts[block.lowerBound]..<pairs.starts[block.upperBound] }
        let products = memory(rows: blocks.map { rows(of: $0).count }.max() ?? 0, columns: width)
        func multiplyVectors(_ block: Range<Int>) -> Matrix {
            let first = pairs.starts[block.lowerBound]
            pool.forEach(block.count) { index in
                let mention = block.lowerBound + index, own = vectors.value.row(mention)
                for pair in pairs.pairs(of: mention) {
                    let other = vectors.value.row(Int(pairs.antecedents[pair])), product = products.row(pair - first)
                    for column in 0..<width { product[column] = own[column] * other[column] }
                }
            }
            return products.rows(0..<rows(of: block).count)
        }
        let packed = backend.pack(
            weight.value, into: memory(rows: 1, columns: backend.packedCount(rows: width, columns: columns)))
        for block in blocks {
            let products = multiplyVectors(block), sums = result.value.rows(rows(of: block)), first = rows(of: block).lowerBound
            pool.forEach(block.count) { index in
                let mention = block.lowerBound + index
                for pair in pairs.pairs(of: mention) {
                    let sum = sums.row(pair - first), antecedent = antecedents.value.row(Int(pairs.antecedents[pair]))
                    let anchor = anchors.value.row(mention), distance = distances.value.row(Int(pairs.buckets[pair]))
                    for column in 0..<columns { sum[column] = anchor[column] + antecedent[column] + distance[column] }
                }
            }
            backend.multiply(products, packed, into: sums, adding: true)
        }
        record { [backend, self] in
            guard let gradient = result.gradient else { return }
            let pieces = (0..<columns).pieces(of: columnsTogether)
            pool.forEach(pieces.count) { piece in
                for (target, places) in [
                    (anchors.gradient, pairs.anchors), (antecedents.gradient, pairs.antecedents), (distances.gradient, pairs.buckets),
                ] {
                    guard let target else { continue }
                    for pair in 0..<pairs.count { addRow(gradient.row(pair), times: 1, to: target.row(Int(places[pair])), pieces[piece]) }
                }
            }
            let packed = backend.pack(
                weight.value.transposed, into: memory(rows: 1, columns: backend.packedCount(rows: columns, columns: width)))
            let all = memory(rows: products.rows, columns: width), parts = (0..<width).pieces(of: columnsTogether)
            for block in blocks {
                let rows = rows(of: block), given = gradient.rows(rows), productGradient = all.rows(0..<rows.count)
                if let target = weight.gradient {
                    backend.multiply(multiplyVectors(block).transposed, given, into: target, adding: true)
                }
                guard let target = vectors.gradient else { continue }
                backend.multiply(given, packed, into: productGradient, adding: false)
                pool.forEach(parts.count) { part in
                    for mention in block {
                        for pair in pairs.pairs(of: mention) {
                            let other = Int(pairs.antecedents[pair]), given = productGradient.row(pair - rows.lowerBound)
                            addProduct(given, vectors.value.row(other), to: target.row(mention), parts[part])
                            addProduct(given, vectors.value.row(mention), to: target.row(other), parts[part])
                        }
                    }
                }
            }
        }
        return result
    }

    /// Adds the scores of both mentions to the scores of pairs, [pairs, 1].
    /// - `mentions`: scores of mentions, [mentions, 1].
    /// - `scores`: [pairs, 1]
    public func add(mentions: Node, to scores: Node, _ pairs: AntecedentPairs) -> Node {
        precondition(mentions.rows == pairs.mentions && scores.rows == pairs.count && scores.columns == 1)
        let result = node(rows: pairs.count, columns: 1)
        for pair in 0..<pairs.count {
            result.value.row(pair)[0] =
                scores.value.row(pair)[0] + mentions.value.row(Int(pairs.anchors[pair]))[0]
                + mentions.value.row(Int(pairs.antecedents[pair]))[0]
        }
        record {
            guard let gradient = result.gradient else { return }
            for pair in 0..<pairs.count {
                let given = gradient.row(pair)[0]
                if let target = scores.gradient { target.row(pair)[0] += given }
                guard let target = mentions.gradient else { continue }
                target.row(Int(pairs.anchors[pair]))[0] += given
                target.row(Int(pairs.antecedents[pair]))[0] += given
            }
        }
        return result
    }

    /// Adds to the loss, summed over mentions, -log of the probability that a mention refers to any antecedent of its own cluster
    /// (Lee et al. 2017), and computes the gradient. A mention without such an antecedent should refer to nothing, which has score
    /// 0.
    /// - `scores`: [pairs, 1]
    /// - `clusters`: cluster of each mention; negative for none.
    public func addAntecedentLoss(_ scores: Node, _ pairs: AntecedentPairs, clusters: [Int32]) {
        precondition(scores.rows == pairs.count && scores.columns == 1 && clusters.count == pairs.mentions)
        var loss = 0.0
        for mention in 0..<pairs.mentions {
            let own = pairs.pairs(of: mention)
            func isGold(_ pair: Int) -> Bool { clusters[mention] >= 0 && clusters[Int(pairs.antecedents[pair])] == clusters[mention] }
            func score(_ pair: Int) -> Double { Double(scores.value.row(pair)[0]) }
            let hasGold = own.contains(where: isGold)
            var highest = 0.0, highestGold = hasGold ? -Double.infinity : 0
            for pair in own {
                highest = max(highest, score(pair))
                if isGold(pair) { highestGold = max(highestGold, score(pair)) }
            }
            var all = exp(-highest), gold = hasGold ? 0 : 1.0
            for pair in own {
                all += exp(score(pair) - highest)
                if isGold(pair) { gold += exp(score(pair) - highestGold) }
            }
            loss += highest + log(all) - highestGold - log(gold)
            guard let gradient = scores.gradient else { continue }
            for pair in own {
                let share = isGold(pair) ? exp(score(pair) - highestGold) / gold : 0
                gradient.row(pair)[0] += Float(exp(score(pair) - highest) / all - share)
            }
        }
        add(loss: loss)
    }
}

extension AntecedentPairs {
    /// Returns the best antecedent of each mention, the nearest of equals; `nil` if none has a score above 0.
    /// - Parameter scores: [pairs, 1]
    public func best(_ scores: Matrix) -> [Int?] {
        (0..<mentions).map { mention in
            var highest: Float = 0, place: Int?
            for pair in pairs(of: mention) where scores.row(pair)[0] > highest {
                (highest, place) = (scores.row(pair)[0], Int(antecedents[pair]))
            }
            return place
        }
    }
}
