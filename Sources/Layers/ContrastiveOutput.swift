internal import Glibc
public import Kernels

/// The continuous output as a language model: a linear layer to a vector o of the embedding's size, and a softmax over the words'
/// vectors w, weighted by their unigram frequencies u,
///
///     p(w | o) = u(w) e^(o·w) / Z,  Z = sum over all words of u(w) e^(o·w).
///
/// Instead of summing over all words, training draws words from u: the targets of the window, which are such draws, and further
/// words if these are few. With q(j) the share of word j among the words drawn, the loss of a position with target t is
///
///     -log [ u(t) e^(o·t) / (u(t) e^(o·t) + sum over drawn words j other than t of q(j) e^(o·j)) ],
///
/// This is a sampled softmax (Jean et al. 2015) whose candidates are those of the batch (Yih et al. 2011; InfoNCE, van den Oord et
/// al. 2018), corrected for how often each is drawn (Yi et al. 2019). No step depends on the size of the vocabulary, and every word
/// that has a vector can be a target.
///
/// Vectors are frozen by default. With a map M, o·Mw = (M^T o)·w: the map is applied to the prediction, once for each position, and
/// so covers words outside the vocabulary, too. Alternatively vectors are trained, starting from the frozen ones, as sparse
/// parameters (`ParameterRows`); words without a row there keep their frozen vectors.
///
/// ```swift
/// let output = ContrastiveOutput(
///     "output", inputs: 512, size: 300, negatives: 8192, isMapped: true, trainedWords: 0, learnsScale: true, rows: 320, in: &plan)
/// ```
public struct ContrastiveOutput: VectorOutput {
    /// The layer from the encoder's size to the embedding's size.
    public let linear: Linear
    /// The transposed map, [size, size], initially the identity; `nil` without a map.
    public let map: Linear?
    /// The trained vectors, [words, size], filled by the caller; `nil` if all are frozen.
    public let table: Parameter?
    /// Logarithm of the norm of all predictions, [1]; `nil` if predictions keep their own norms.
    public let logScale: Parameter?
    private let chunks: LogitChunks
    private let factors: ScalarSlot
    private let gradient, scaled: MatrixSlot
    /// If targets are trained: vectors of a window's words, and their gradients, [words, size].
    private let vectors, vectorGradients: MatrixSlot
    /// Rows of a window's words, or of their gradients, [words].
    private let rowPlaces: NumberSlot
    /// Place of each target among the negatives, or -1, [rows].
    private let excluded: NumberSlot

    /// Initial norm of predictions if the scale is learned.
    private static let firstScale = 10.0

    /// Declares the layer.
    /// - `negatives`: maximum number of words that each target is compared with.
    /// - `trainedWords`: number of words whose vectors are trained; 0 if all are frozen.
    /// - `rows`: maximum number of rows in one pass.
    public init(
        _ name: String, inputs: Int, size: Int, negatives: Int, isMapped: Bool, trainedWords: Int, learnsScale: Bool, rows: Int,
        logitsBytes: Int = LogitsMemory.defaultBytes, in plan: inout Plan
    ) {
        linear = Linear(name, inputs: inputs, outputs: size, rows: rows, in: &plan)
        map = isMapped ? Linear("\(name).map", inputs: size, outputs: size, bias: false, rows: rows, in: &plan) : nil
        table = trainedWords > 0 ? plan.parameter("\(name).vectors", [trainedWords, size], isSparse: true) : nil
        logScale = learnsScale ? plan.parameter("\(name).scale", [1]) : nil
        let memory = LogitsMemory(bytes: logitsBytes, classes: negatives, rows: rows, in: &plan)
        chunks = LogitChunks(classes: negatives, inputs: size, rows: rows, memory, in: &plan)
        factors = plan.scalars(rows, forHost: false)
        gradient = plan.matrix(rows: rows, columns: size)
        scaled = plan.matrix(rows: learnsScale ? rows : 0, columns: size)
        let words = trainedWords > 0 ? negatives + rows : 0
        vectors = plan.matrix(rows: words, columns: size)
        vectorGradients = plan.gradient(rows: words, columns: size)
        rowPlaces = plan.numbers(words)
        excluded = plan.numbers(rows)
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        linear.initialize(parameters, random: &random)
        if let map { parameters.fillIdentity(map.weight) }
        if let logScale { parameters.fill(logScale, with: Float(log(Self.firstScale))) }
    }

    public func accumulate(
        _ states: Matrix, _ targets: Targets, weights: Matrix?, draw: Draw, statesGradient: Matrix, loss: Scalars, _ run: Run
    ) {
        let words = targets.words, gradient = run.matrix(gradient, rows: states.rows)
        let vectorGradients = table.map { _ in run.matrix(self.vectorGradients, rows: words.vectors.rows) }
        if let vectorGradients { run.backend.fill(vectorGradients, with: 0) }
        addLoss(
            predict(states, run), words, vectors: vectors(of: words, run), factors: run.rowFactors(factors, weights, rows: states.rows),
            gradient: gradient, vectorGradients: vectorGradients, loss: loss, run)
        if let vectorGradients { addToTable(vectorGradients, words, run) }
        run.enter(.outputProducts)
        var below = linear.output(rows: states.rows, run)
        if let logScale {
            let unscaled = map?.output(rows: states.rows, run) ?? below
            run.backend.scaleToNormBackward(
                unscaled, logScale: run.value(logScale), gradient: gradient, logScaleGradient: run.gradient(logScale))
        }
        if let map {
            // The map's input is no longer needed when its gradient overwrites the map's output.
            let output = map.output(rows: states.rows, run)
            map.backward(below, outputGradient: gradient, inputGradient: output, run)
            below = output
        } else {
            below = gradient
        }
        linear.backward(states, outputGradient: below, inputGradient: statesGradient, run)
        run.enter(.other)
    }

    /// Adds the mean loss among the negatives of this window, without gradients.
    public func evaluate(_ states: Matrix, _ targets: Targets, weights: Matrix?, loss: Scalars, _ run: Run) {
        let words = targets.words
        addLoss(
            predict(states, run), words, vectors: vectors(of: words, run), factors: run.rowFactors(factors, weights, rows: states.rows),
            gradient: run.matrix(gradient, rows: states.rows), vectorGradients: nil, loss: loss, run)
        run.enter(.other)
    }

    public func predictions(rows: Int, _ run: Run) -> Matrix {
        logScale == nil ? (map ?? linear).output(rows: rows, run) : run.matrix(scaled, rows: rows)
    }

    public func predict(_ states: Matrix, _ run: Run) -> Matrix {
        run.enter(.outputProducts)
        var predictions = linear.forward(states, run)
        if let map { predictions = map.forward(predictions, run) }
        if let logScale {
            let scaled = run.matrix(scaled, rows: states.rows)
            run.backend.scaleToNorm(predictions, logScale: run.value(logScale), into: scaled)
            predictions = scaled
        }
        return predictions
    }

    /// Returns the current vectors of a window's words, [words, size].
    private func vectors(of words: WordTargets, _ run: Run) -> Matrix {
        guard let table else { return words.vectors }
        run.enter(.sampling)
        let vectors = run.matrix(self.vectors, rows: words.vectors.rows)
        run.backend.gather(words.rows, of: run.value(table), into: vectors)
        for word in 0..<vectors.rows where words.rows[word] < 0 {
            run.backend.copy(words.vectors.rows(word..<word + 1), to: vectors.rows(word..<word + 1))
        }
        return vectors
    }

    private func addLoss(
        _ predictions: Matrix, _ words: WordTargets, vectors: Matrix, factors: Scalars, gradient: Matrix, vectorGradients: Matrix?,
        loss: Scalars, _ run: Run
    ) {
        let backend = run.backend, negatives = vectors.rows(0..<words.negatives)
        // Without a target in the window there is nothing to compare.
        guard words.negatives > 0 else { return backend.fill(gradient, with: 0) }
        let excluded = run.numbers(excluded)
        for row in 0..<predictions.rows { excluded[row] = words.places[row] < words.negatives ? words.places[row] : -1 }
        chunks.forEach(predictions, run) { chunk, predictions in
            let logits = chunks.logits(negatives, predictions, run), places = words.places[chunk], below = gradient.rows(chunk)
            backend.exclude(excluded[chunk], from: logits)
            var pass = chunks.pass(predictions, targets: places, bias: words.logShares, factors: factors[chunk], run)
            pass.hasOwnTargets = true
            backend.targetLogits(
                predictions, weights: vectors, rows: places, shifts: words.logFrequencies.columns(chunk), into: pass.targetLogits)
            backend.softmax(logits, pass, loss: loss)
            run.enter(.outputProducts)
            if let vectorGradients {
                backend.multiply(logits, pass.scaled, into: vectorGradients.rows(0..<words.negatives), adding: true)
            }
            backend.multiply(logits.transposed, negatives, into: below)
            run.enter(.loss)
            backend.addTargetGradients(
                pass, statesGradient: below, weights: vectors, rows: places, gradient: vectorGradients, biasGradient: nil,
                slots: places)
        }
    }

    private func addToTable(_ gradients: Matrix, _ words: WordTargets, _ run: Run) {
        guard let table else { return }
        run.enter(.sampling)
        let places = run.numbers(rowPlaces)[0..<gradients.rows]
        for word in 0..<gradients.rows { places[word] = words.rows[word] }
        run.rows(table).touch(places, places: places)
        run.backend.scatterAdd(gradients, to: run.rows(table).gradient, at: places)
    }
}

/// The words with which the contrastive output compares the targets of a window, each word once.
///
/// ```swift
/// let targets = Targets.words(WordTargets(
///     vectors: vectors, rows: numbers, negatives: 64, logShares: shares, places: places, logFrequencies: frequencies))
/// ```
public struct WordTargets {
    /// Frozen vectors, those of the negatives first, [words, size].
    public let vectors: Matrix
    /// Row of each word in the trained vectors, or -1, [words].
    public let rows: Numbers
    /// Number of words with which each target is compared.
    public let negatives: Int
    /// log q: logarithm of the share of each negative among the words drawn, [1, negatives].
    public let logShares: Matrix
    /// Target word at each row of the states, [rows]; any word for rows of weight 0.
    public let places: Numbers
    /// log u of these targets, [1, rows].
    public let logFrequencies: Matrix

    /// Creates the targets of a window; see the properties for shapes.
    public init(
        vectors: Matrix, rows: Numbers, negatives: Int, logShares: Matrix, places: Numbers, logFrequencies: Matrix
    ) {
        precondition(negatives <= vectors.rows)
        self.vectors = vectors
        self.rows = rows
        self.negatives = negatives
        self.logShares = logShares
        self.places = places
        self.logFrequencies = logFrequencies
    }
}
