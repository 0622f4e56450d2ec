internal import Glibc
public import Kernels

/// The sampled softmax of ELMo (Jean et al. 2015; bilm-tf): compares each row's target with a few thousand classes, which are drawn
/// for each pass and shared by its rows.
///
/// The logarithm of a class's expected count among those drawn is subtracted from its logit, so that the expected gradient is close
/// to that of the full softmax. A target that was also drawn counts once. Classes must be sorted by frequency. Held-out text is
/// scored by the full softmax over the same weights.
///
/// A pass touches few rows of the weights, which are therefore sparse parameters (`ParameterRows`).
///
/// ```swift
/// let output = SampledSoftmaxOutput("output", inputs: 512, classes: 800_000, negatives: 8192, rows: 320, in: &plan)
/// ```
public struct SampledSoftmaxOutput: SoftmaxClasses {
    /// Weights [classes, inputs] and biases [classes, 1].
    public let weights: ClassWeights
    private let bias: Parameter
    private let inputs: Int
    private let sampler: LogUniformSampler
    private let chunks: LogitChunks
    private let factors: ScalarSlot
    /// Weights of the classes drawn and their gradient, [negatives, inputs], and the same for what is added to logits.
    private let drawn, drawnGradient, shifts, shiftGradient: MatrixSlot
    /// Correction of the targets' logits, [1, rows].
    private let targetShifts: MatrixSlot
    /// Logarithms of the expected counts of the classes drawn, and of the targets.
    private let corrections, targetCorrections: ScalarSlot
    /// For each target, its index among the classes drawn, or -1, and its index among the rows touched, [rows].
    private let drawnPlaces, targetPlaces: NumberSlot
    /// Index of each class drawn among the rows touched, [negatives].
    private let negativePlaces: NumberSlot

    /// Declares the layer.
    /// - `negatives`: number of classes drawn for a pass, at most `classes`.
    public init(
        _ name: String, inputs: Int, classes: Int, negatives: Int, rows: Int,
        logitsBytes: Int = LogitsMemory.defaultBytes, in plan: inout Plan
    ) {
        self.inputs = inputs
        let weight = plan.parameter("\(name).weight", [classes, inputs], isSparse: true)
        bias = plan.parameter("\(name).bias", [classes, 1], isSparse: true)
        weights = ClassWeights(weight: weight, bias: bias)
        sampler = LogUniformSampler(classes: classes, count: negatives, in: &plan)
        let memory = LogitsMemory(bytes: logitsBytes, classes: negatives, rows: rows, in: &plan)
        chunks = LogitChunks(classes: negatives, inputs: inputs, rows: rows, memory, in: &plan)
        factors = plan.scalars(rows)
        drawn = plan.matrix(rows: negatives, columns: inputs)
        drawnGradient = plan.matrix(rows: negatives, columns: inputs)
        shifts = plan.matrix(rows: 1, columns: negatives)
        shiftGradient = plan.matrix(rows: 1, columns: negatives)
        targetShifts = plan.matrix(rows: 1, columns: rows)
        corrections = plan.scalars(negatives)
        targetCorrections = plan.scalars(rows)
        drawnPlaces = plan.numbers(rows)
        targetPlaces = plan.numbers(rows)
        negativePlaces = plan.numbers(negatives)
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillClasses(weights.weight, random: &random)
        parameters.fill(bias, with: 0)
    }

    public func accumulate(
        _ states: Matrix, _ targets: Targets, weights: Matrix?, draw: Draw, statesGradient: Matrix, loss: Scalars, _ run: Run
    ) {
        run.enter(.sampling)
        let targets = targets.numbers[0..<states.rows]
        var random = Random(seed: draw.seed, stream: "negatives", number: draw.step)
        let tries = sampler.draw(&random, run)
        gather(tries, run)
        let factors = run.rowFactors(factors, weights, rows: states.rows)
        // The host reads the factors.
        run.backend.wait()
        prepareTargets(targets, factors, tries, run)
        chunks.forEach(states, run) { chunk, states in
            accumulate(states, chunk, targets[chunk], factors[chunk], statesGradient.rows(chunk), loss, run)
        }
        run.enter(.sampling)
        addDrawnGradients(run)
        run.enter(.other)
    }

    /// Copies the weights of the classes drawn together.
    private func gather(_ tries: Int, _ run: Run) {
        let numbers = sampler.drawn(run), drawn = run.matrix(drawn, rows: numbers.count)
        run.backend.gather(numbers, of: run.value(weights.weight), into: drawn)
        setCorrections(corrections, numbers, tries, run)
        run.backend.classShifts(
            of: run.value(bias), at: numbers, corrections: run.scalars(corrections), into: run.vector(shifts))
        run.backend.fill(run.vector(drawnGradient), with: 0)
        run.backend.fill(run.vector(shiftGradient), with: 0)
    }

    private func setCorrections(_ slot: ScalarSlot, _ numbers: Numbers, _ tries: Int, _ run: Run) {
        let corrections = run.scalars(slot)
        for index in 0..<numbers.count {
            corrections[index] = Double(Float(log(sampler.expectedCount(Int(numbers[index]), tries: tries))))
        }
    }

    private func prepareTargets(_ targets: Numbers, _ factors: Scalars, _ tries: Int, _ run: Run) {
        let drawnPlaces = run.numbers(drawnPlaces), targetPlaces = run.numbers(targetPlaces)
        setCorrections(targetCorrections, targets, tries, run)
        for row in 0..<targets.count {
            drawnPlaces[row] = sampler.place(of: Int(targets[row]), run) ?? -1
            // Rows with factor 0 touch nothing.
            targetPlaces[row] = factors[row] == 0 ? -1 : targets[row]
        }
        touch(targetPlaces[0..<targets.count], run)
        run.backend.classShifts(
            of: run.value(bias), at: targets, corrections: run.scalars(targetCorrections),
            into: run.matrix(targetShifts, rows: 1, columns: targets.count))
    }

    /// Replaces class numbers by their indices among the rows touched, which are the same for weights and biases.
    private func touch(_ numbers: Numbers, _ run: Run) {
        run.rows(bias).touch(numbers)
        run.rows(weights.weight).touch(numbers, places: numbers)
    }

    private func accumulate(
        _ states: Matrix, _ chunk: Range<Int>, _ targets: Numbers, _ factors: Scalars, _ statesGradient: Matrix,
        _ loss: Scalars, _ run: Run
    ) {
        let backend = run.backend, weight = run.value(weights.weight)
        let drawn = run.matrix(drawn, rows: sampler.count)
        let logits = chunks.logits(drawn, states, run)
        backend.exclude(run.numbers(drawnPlaces)[chunk], from: logits)
        var pass = chunks.pass(states, targets: targets, bias: run.vector(shifts), factors: factors, run)
        pass.hasOwnTargets = true
        backend.targetLogits(
            states, weights: weight, rows: targets,
            shifts: run.vector(targetShifts).columns(chunk), into: pass.targetLogits)
        backend.softmax(logits, pass, loss: loss)
        backend.addClassSums(of: logits, pass, to: run.vector(shiftGradient))
        run.enter(.outputProducts)
        backend.multiply(logits, pass.scaled, into: run.matrix(drawnGradient, rows: sampler.count), adding: true)
        backend.multiply(logits.transposed, drawn, into: statesGradient)
        run.enter(.loss)
        backend.addTargetGradients(
            pass, statesGradient: statesGradient, weights: weight, rows: targets,
            gradient: run.rows(weights.weight).gradient, biasGradient: run.rows(bias).gradient,
            slots: run.numbers(targetPlaces)[chunk])
    }

    private func addDrawnGradients(_ run: Run) {
        let numbers = sampler.drawn(run), places = run.numbers(negativePlaces)
        for index in 0..<numbers.count { places[index] = numbers[index] }
        touch(places, run)
        run.backend.scatterAdd(
            run.matrix(drawnGradient, rows: numbers.count), to: run.rows(weights.weight).gradient, at: places)
        run.backend.scatterAdd(
            run.matrix(shiftGradient, rows: numbers.count, columns: 1), to: run.rows(bias).gradient, at: places)
    }

    public func evaluate(_ states: Matrix, _ targets: Targets, weights: Matrix?, loss: Scalars, _ run: Run) {
        self.weights.addLoss(
            states, targets: targets.numbers, factors: run.rowFactors(factors, weights, rows: states.rows), to: loss, run)
    }
}

/// Draws distinct classes of a vocabulary sorted by frequency, without its counts. Words follow Zipf's law, so
///
///     P(class) = log((class + 2) / (class + 1)) / log(classes + 1)
///
/// is close to the frequency of a class (Jozefowicz et al. 2016; TensorFlow's `log_uniform_candidate_sampler`).
///
/// ```swift
/// let sampler = LogUniformSampler(classes: 800_000, count: 8192, in: &plan)
/// let tries = sampler.draw(&random, run)
/// ```
public struct LogUniformSampler: Sendable {
    /// Number of classes.
    public let classes: Int
    /// Number of distinct classes in a draw.
    public let count: Int
    private let logRange: Double
    /// The classes drawn last, in the order of their first draw.
    private let drawn: NumberSlot
    /// For each class, its index among those drawn, valid if that class is stored there (Briggs and Torczon 1993): an index left
    /// from an earlier draw now leads to another class.
    private let places: NumberSlot

    /// Declares memory for a draw.
    public init(classes: Int, count: Int, in plan: inout Plan) {
        precondition(count > 0 && count <= classes, "\(count) distinct classes of \(classes)")
        self.classes = classes
        self.count = count
        logRange = log(Double(classes) + 1)
        drawn = plan.numbers(count)
        places = plan.numbers(classes)
    }

    /// Probability of drawing `class`.
    public func probability(_ class: Int) -> Double { log1p(1 / (Double(`class`) + 1)) / logRange }

    /// Returns the expected count of `class` among the classes drawn, at most 1, given the number of draws made.
    public func expectedCount(_ class: Int, tries: Int) -> Double { -expm1(Double(tries) * log1p(-probability(`class`))) }

    /// Returns the classes drawn last.
    public func drawn(_ run: Run) -> Numbers { run.numbers(drawn) }

    /// Returns the index of `class` among the classes drawn last, or `nil`. A draw must have been made.
    public func place(of class: Int, _ run: Run) -> Int32? {
        let place = run.numbers(places)[`class`]
        return drawn(run)[Int(place)] == Int32(`class`) ? place : nil
    }

    /// Draws one class.
    public func draw(_ random: inout Random) -> Int { min(classes - 1, Int(exp(random.uniform() * logRange)) - 1) }

    /// Draws `count` distinct classes and returns the number of draws made, repeated ones included.
    public func draw(_ random: inout Random, _ run: Run) -> Int {
        let drawn = drawn(run), places = run.numbers(places)
        var tries = 0, found = 0
        while found < count {
            tries += 1
            let `class` = draw(&random), place = Int(places[`class`])
            guard place >= found || drawn[place] != Int32(`class`) else { continue }
            places[`class`] = Int32(found)
            drawn[found] = Int32(`class`)
            found += 1
        }
        return tries
    }
}
