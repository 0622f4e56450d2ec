import Glibc
package import Kernels
package import Layers
package import Model

/// The targets of windows for the contrastive output: each distinct word once, starting with the negatives. Memory is planned once;
/// `fill` allocates nothing.
///
/// The targets of the window are used as negatives, each weighted by its occurrences, until there are as many distinct words as
/// requested; the search starts at a random position. If the window has fewer, words from elsewhere follow (`NegativeSource`),
/// until there are enough or no more are available.
package final class WindowTargets {
    private let configuration: EncoderConfiguration
    private let words: CorpusWords
    private let unigram: UnigramDistribution
    private let sampler: WordSampler?
    private let vectors: TargetVectors
    /// The backend that turns vectors into targets, in the host's memory.
    private let backend: any Backend
    private let direction: Direction
    private let positions: Int
    /// The distinct words, and for each word of the text its index among them, valid if that entry is the word (Briggs and Torczon
    /// 1993).
    private var distinct: [UInt32] = []
    private var placeOfWord: [Int32]
    /// Number of draws of each negative.
    private var draws: [Int32] = []
    private let vectorMemory: WindowVectors
    private let scratch, shareMemory, frequencyMemory, numberMemory: FloatBuffer
    private var shares, frequencies: [Float]
    private let rows, places: Numbers
    /// Index of each position's target, before operations may read it.
    private var plannedPlaces: [Int32]
    /// Targets of earlier windows, a ring whose oldest entry is at `nextEarlier` once it is full.
    private var earlier: [UInt32] = []
    private var nextEarlier = 0

    /// Number of earlier targets kept for each negative: frequent words are drawn repeatedly.
    private static let earlierTargets = 4
    /// Maximum number of draws for each negative.
    private static let tries = 16

    /// - Parameters:
    ///   - sampler: sampler of the words of the text; required if words are drawn from it.
    ///   - positions: maximum number of positions in a window.
    package init(
        _ configuration: EncoderConfiguration, _ words: CorpusWords, _ direction: Direction, sampler: WordSampler?,
        vectors: TargetVectors, positions: Int, backend: any Backend, resident: (any ResidentVectors)? = nil
    ) {
        self.configuration = configuration
        self.words = words
        self.direction = direction
        self.sampler = sampler
        self.vectors = vectors
        self.positions = positions
        self.backend = backend.computesInHostMemory ? backend : ProcessorBackend()
        unigram = UnigramDistribution(configuration, words)
        let most = configuration.negatives + positions, size = configuration.outputSize
        placeOfWord = Array(repeating: 0, count: words.count)
        distinct.reserveCapacity(most)
        draws.reserveCapacity(configuration.negatives)
        // Vectors that are changed are computed by the host.
        let isChanged = configuration.whitensTargets || configuration.randomShare > 0
        vectorMemory = WindowVectors(rows: most, size: size, resident: isChanged ? nil : resident, on: backend)
        scratch = FloatBuffer(count: configuration.whitensTargets ? most * size : 0)
        shareMemory = backend.allocateShared(configuration.negatives)
        frequencyMemory = backend.allocateShared(positions)
        shares = Array(repeating: 0, count: configuration.negatives)
        frequencies = Array(repeating: 0, count: positions)
        plannedPlaces = Array(repeating: 0, count: positions)
        numberMemory = backend.allocateShared(most + positions)
        rows = Numbers(numberMemory, count: most)
        places = Numbers(numberMemory, at: most, count: positions)
        if configuration.negativeSource == .earlier { earlier.reserveCapacity(Self.earlierTargets * configuration.negatives) }
    }

    /// Replaces the targets by those of a window. Throws `ToolError` if the table's file cannot be read.
    /// - Parameters:
    ///   - targets: target of each position.
    ///   - counted: 1 where a position counts, otherwise 0.
    package func fill(_ targets: [UInt32], counted: [Float], draw: Draw) throws {
        plan(targets, counted: counted, draw: draw)
        try publish()
    }

    /// Does the part of `fill` that touches nothing that operations read.
    func plan(_ targets: [UInt32], counted: [Float], draw: Draw) {
        var random = Random(seed: draw.seed, stream: "negatives", number: draw.step)
        distinct.removeAll(keepingCapacity: true)
        draws.removeAll(keepingCapacity: true)
        let most = configuration.negatives, first = random.below(max(1, targets.count))
        var drawn = 0
        for step in targets.indices where distinct.count < most {
            let position = (first + step) % targets.count
            if counted[position] == 1 { drawn += count(targets[position]) }
        }
        drawn += addOthers(&random)
        for negative in draws.indices { shares[negative] = Float(log(Double(draws[negative]) / Double(drawn))) }
        for position in targets.indices {
            guard counted[position] == 1 else {
                (plannedPlaces[position], frequencies[position]) = (0, 0)
                continue
            }
            plannedPlaces[position] = place(of: targets[position])
            frequencies[position] = Float(unigram.log(targets[position]))
        }
        keep(targets, counted)
    }

    /// Does the rest of `fill`, for the targets that were planned last. Throws what `fill` throws.
    func publish() throws {
        for position in plannedPlaces.indices { places[position] = plannedPlaces[position] }
        let own = configuration.targets == .trained ? words.vectors?.tableCount ?? 0 : 0
        for (index, word) in distinct.enumerated() { rows[index] = Int(word) < own ? Int32(word) : -1 }
        try gather()
    }

    private func gather() throws {
        let scratch = Matrix(scratch, rows: scratch.count > 0 ? distinct.count : 0, columns: configuration.outputSize)
        try vectorMemory.gather(distinct) { try vectors.gather(distinct, into: $0, scratch: scratch, backend) }
        Matrix(shareMemory, rows: 1, columns: shares.count).copy(from: shares)
        Matrix(frequencyMemory, rows: 1, columns: frequencies.count).copy(from: frequencies)
    }

    /// Returns the index of a word among the distinct ones, adding it if it is new.
    private func place(of word: UInt32) -> Int32 {
        let place = Int(placeOfWord[Int(word)])
        if place < distinct.count && distinct[place] == word { return Int32(place) }
        placeOfWord[Int(word)] = Int32(distinct.count)
        distinct.append(word)
        return Int32(distinct.count - 1)
    }

    /// Counts a drawn word, and returns 1.
    private func count(_ word: UInt32) -> Int {
        let place = Int(place(of: word))
        if place == draws.count { draws.append(1) } else { draws[place] += 1 }
        return 1
    }

    /// Draws words from elsewhere if the window has too few, and returns their number.
    private func addOthers(_ random: inout Random) -> Int {
        let most = configuration.negatives
        var drawn = 0
        switch configuration.negativeSource {
        case .window: break
        case .unigram:
            guard let sampler else { preconditionFailure("words are drawn by a sampler") }
            while distinct.count < min(most, sampler.count) && drawn < Self.tries * most { drawn += count(sampler.draw(&random)) }
        case .earlier:
            // The latest first.
            var place = nextEarlier
            for _ in earlier.indices where distinct.count < most {
                place = (place == 0 ? earlier.count : place) - 1
                drawn += count(earlier[place])
            }
        }
        return drawn
    }

    private func keep(_ targets: [UInt32], _ counted: [Float]) {
        guard configuration.negativeSource == .earlier else { return }
        for position in targets.indices where counted[position] == 1 {
            if earlier.count < Self.earlierTargets * configuration.negatives {
                earlier.append(targets[position])
            } else {
                earlier[nextEarlier] = targets[position]
                nextEarlier = (nextEarlier + 1) % earlier.count
            }
        }
    }

    /// The targets of earlier windows from which further negatives are taken, oldest first.
    package var kept: [UInt32] {
        get { Array(earlier[nextEarlier...] + earlier[..<nextEarlier]) }
        set {
            earlier.removeAll(keepingCapacity: true)
            earlier += newValue.suffix(Self.earlierTargets * configuration.negatives)
            nextEarlier = 0
        }
    }

    /// Returns the targets of the last window, with this many positions.
    package func targets(rows count: Int) -> WordTargets {
        WordTargets(
            vectors: vectorMemory.matrix(rows: distinct.count), rows: rows,
            negatives: draws.count, logShares: Matrix(shareMemory, rows: 1, columns: draws.count), places: places[0..<count],
            logFrequencies: Matrix(frequencyMemory, rows: 1, columns: count))
    }

    var bytes: Int {
        let numbers = 4 * (placeOfWord.count + plannedPlaces.count + distinct.capacity + draws.capacity + shares.count + frequencies.count + earlier.capacity)
        return numbers + vectorMemory.bytes + scratch.bytes + shareMemory.bytes + frequencyMemory.bytes + numberMemory.bytes
    }
}
