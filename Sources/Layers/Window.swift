public import Kernels

/// The purpose of a forward pass.
public enum PassMode: Sendable {
    /// Nothing is dropped.
    case inference
    /// Units are dropped as `DropoutMask` decides for this seed and step.
    case training(seed: UInt64, step: Int)
}

/// The shape of what goes through a network in one pass: `steps` blocks of `batch` rows, time-major, so that a sequence is one row of
/// every block; or, for layers that do not go step by step, sequences one behind the other.
public struct WindowShape: Sendable {
    /// Steps of the longest sequence.
    public let steps: Int
    public let batch: Int
    public let rows: Int
    /// The sequences still running at each step, where sequences of several lengths are sorted longest first; `nil`:
    /// all.
    public let active: [Int]?
    /// The length of each sequence, [batch], where operations read it; `nil`: all steps. Layers ask for it that look at several
    /// steps at once.
    public let lengths: Numbers?
    /// The first row of each sequence, [batch], where they lie one behind the other, without rows that belong to none; `nil`: side by
    /// side.
    public let starts: Numbers?

    public init(steps: Int, batch: Int) {
        self.steps = steps
        self.batch = batch
        rows = steps * batch
        active = nil
        lengths = nil
        starts = nil
    }

    /// Sequences one behind the other, in the memory of the host.
    /// - Parameter numbers: [2 batch], as of `init(lengths:)`.
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

    /// - Parameters:
    ///   - lengths: of each sequence, in falling order.
    ///   - multiple: sequences that have ended run on until so many can end together. A device's products of few heights are chosen
    ///     faster than those of many, and tiles that are not full take as long as full ones.
    ///   - numbers: memory that these lengths are written to, of which no operation reads what it held before; `nil` for layers
    ///     that go step by step.
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

    /// The row of a sequence's step.
    public func row(_ step: Int, of sequence: Int) -> Int { starts.map { Int($0[sequence]) + step } ?? step * batch + sequence }

    /// Rows from one step of a sequence to the next.
    public var rowStride: Int { starts == nil ? batch : 1 }

    /// The rows of step `step` in a matrix of this shape.
    public func block(_ step: Int) -> Range<Int> { step * batch..<(step + 1) * batch }

    /// The rows of step `step` that belong to sequences still running.
    public func activeBlock(_ step: Int) -> Range<Int> {
        step * batch..<step * batch + (active?[step] ?? batch)
    }

    /// Calls `body` with the rows of each step that belong to sequences that had ended.
    func forEachEnded(_ body: (Range<Int>) -> Void) {
        guard let active else { return }
        for step in 0..<steps where active[step] < batch { body(step * batch + active[step]..<(step + 1) * batch) }
    }

    /// Calls `body` with ranges of rows, as few as possible, that hold all rows of sequences still running, and of those that
    /// had ended no more than a thirty-second.
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

/// The most that goes through a network in one pass. Memory is planned from it once, before the first.
public struct WindowCapacity: Sendable {
    /// Sequences side by side.
    public let batch: Int
    /// Steps x sequences.
    public let rows: Int

    public init(batch: Int, rows: Int) {
        self.batch = batch
        self.rows = rows
    }

    public init(_ shape: WindowShape) { self.init(batch: shape.batch, rows: shape.rows) }

    public func holds(_ shape: WindowShape) -> Bool { shape.batch <= batch && shape.rows <= rows }
}
