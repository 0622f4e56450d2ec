public import Kernels

/// The purpose of a forward pass.
///
/// ```swift
/// let mode = PassMode.training(seed: 1, step: 100)
/// ```
public enum PassMode: Sendable {
    /// Inference: nothing is dropped.
    case inference
    /// Training: seed and step determine the units dropped (`DropoutDraw`).
    case training(seed: UInt64, step: Int)
}

/// The shape of the input of one pass: `steps` blocks of `batch` rows, time-major, so that a sequence has one row in every block.
/// For layers that do not proceed step by step, sequences may also lie one after another.
///
/// ```swift
/// let shape = WindowShape(steps: 20, batch: 16)
/// let varied = WindowShape(lengths: [20, 17, 4])
/// ```
public struct WindowShape: Sendable {
    /// Length of the longest sequence in steps.
    public let steps: Int
    /// Number of sequences.
    public let batch: Int
    /// Number of rows.
    public let rows: Int
    /// Number of sequences that have not ended at each step, for sequences of different lengths sorted in descending order; `nil`
    /// if all have the same length.
    public let active: [Int]?
    /// Length of each sequence, [batch], for operations that look at several steps at once; `nil` means all steps.
    public let lengths: Numbers?
    /// First row of each sequence, [batch], for sequences that lie one after another without unused rows; `nil` if they lie side by
    /// side.
    public let starts: Numbers?

    /// Creates the shape of sequences of one length.
    public init(steps: Int, batch: Int) {
        self.steps = steps
        self.batch = batch
        rows = steps * batch
        active = nil
        lengths = nil
        starts = nil
    }

    /// Creates the shape of sequences that lie one after another, in the host's memory.
    /// - `numbers`: memory for lengths and first rows, [2 batch]; see `numbers` of `init(lengths:endingBy:in:)`.
    public init(packing lengths: [Int], in numbers: Numbers) {
        steps = lengths.max() ?? 0
        batch = lengths.count
        var rows = 0
        for (index, length) in lengths.enumerated() {
            numbers[index] = Int32(length)
            numbers[batch + index] = Int32(rows)
            rows += length
        }
        self.rows = rows
        self.lengths = numbers[0..<batch]
        starts = numbers[batch..<2 * batch]
        active = nil
    }

    /// Creates the shape of sequences of several lengths.
    /// - Parameters:
    ///   - lengths: length of each sequence, in descending order.
    ///   - multiple: sequences that have ended continue until so many can end together. A device chooses products of few heights
    ///     faster than those of many, and partly filled tiles take as long as full ones.
    ///   - numbers: memory to write the lengths to, whose previous contents no operation reads any more; `nil` for layers that
    ///     proceed step by step.
    public init(lengths: [Int], endingBy multiple: Int = 1, in numbers: Numbers? = nil) {
        precondition(zip(lengths, lengths.dropFirst()).allSatisfy { $0 >= $1 }, "lengths must fall")
        steps = lengths.first ?? 0
        batch = lengths.count
        rows = steps * batch
        starts = nil
        if let numbers { for (index, length) in lengths.enumerated() { numbers[index] = Int32(length) } }
        self.lengths = numbers.map { $0[0..<lengths.count] }
        var running = lengths.count
        active = (0..<steps).map { step in
            while running > 0 && lengths[running - 1] <= step { running -= 1 }
            return min(lengths.count, (running + multiple - 1) / multiple * multiple)
        }
    }

    /// Returns the row of a step of a sequence.
    public func row(_ step: Int, of sequence: Int) -> Int { starts.map { Int($0[sequence]) + step } ?? step * batch + sequence }

    /// Distance in rows between steps of a sequence.
    public var rowStride: Int { starts == nil ? batch : 1 }

    /// Returns the rows of step `step` in a matrix of this shape.
    public func block(_ step: Int) -> Range<Int> { step * batch..<(step + 1) * batch }

    /// Returns the rows of step `step` that belong to sequences that have not ended.
    public func activeBlock(_ step: Int) -> Range<Int> {
        step * batch..<step * batch + (active?[step] ?? batch)
    }

    /// Calls `body` with the rows of each step that belong to sequences that have ended.
    func forEachEnded(_ body: (Range<Int>) -> Void) {
        guard let active else { return }
        for step in 0..<steps where active[step] < batch { body(step * batch + active[step]..<(step + 1) * batch) }
    }

    /// Calls `body` with ranges of rows, as few as possible, that together hold all rows of sequences that have not ended, and at
    /// most a thirty-second of other rows.
    func forEachRun(_ body: (Range<Int>) -> Void) {
        guard active != nil else { return body(0..<rows) }
        var run = 0..<0, running = 0
        for step in 0..<steps {
            let block = activeBlock(step)
            if !run.isEmpty && 32 * (block.upperBound - run.lowerBound - running - block.count) > running + block.count {
                body(run)
                run = 0..<0
            }
            if run.isEmpty { (run, running) = (block, 0) }
            run = run.lowerBound..<block.upperBound
            running += block.count
        }
        if !run.isEmpty { body(run) }
    }
}

/// The maximum size of one pass of a network. Memory is planned from it once, before the first pass.
///
/// ```swift
/// let capacity = WindowCapacity(batch: 16, rows: 320)
/// ```
public struct WindowCapacity: Sendable {
    /// Number of sequences side by side.
    public let batch: Int
    /// Steps x sequences.
    public let rows: Int

    /// Creates a capacity from its numbers.
    public init(batch: Int, rows: Int) {
        self.batch = batch
        self.rows = rows
    }

    /// Creates the capacity for windows of one shape.
    public init(_ shape: WindowShape) { self.init(batch: shape.batch, rows: shape.rows) }

    /// Returns true if a window of this shape fits.
    public func holds(_ shape: WindowShape) -> Bool { shape.batch <= batch && shape.rows <= rows }
}
