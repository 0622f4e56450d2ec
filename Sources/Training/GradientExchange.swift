@_spi(HostMemory) import Kernels
import Layers
import MessagePassing
import Parallel

/// Sums the gradient of a store over the lanes of a batch and the ranks that share them, and distributes the updated weights.
///
/// A rank sums its own lanes. For each bucket it sends every other rank of its group that rank's part, sums what it receives in the
/// tree's order, and updates only its own part, with moments that no other rank holds (ZeRO-1, Rajbhandari et al. 2020). Then every
/// rank sends its part of the weights to all others. A bucket's gradient is sent as soon as it is complete, while the backward pass
/// of lower layers runs, and its weights are awaited when the next forward pass needs them, while that of lower layers runs. The
/// rows of sparse parameters are few, and are sent to all: every rank sums and updates all of them.
///
/// Whatever the number of ranks, the same floats are added in the same order, and squares in the same chunks, so that all ranks get
/// the bits of a single one.
final class GradientExchange {
    let store: ParameterStore
    /// Number of lanes of this rank.
    private let lanes: Int
    private let group: RankGroup?
    private let pool: ThreadPool
    private let buckets: [BucketExchange]
    private let rows: [RowExchange]
    /// Sums of 1, 2, 4, ... lanes, each waiting for another sum of as many lanes.
    private let waiting: [FloatBuffer]
    /// Copies of a device's gradient and weights in the host's memory; `nil` for a processor, whose own memory is used.
    private let hostGradients, hostValues: FloatBuffer?
    /// Sum of squares of each chunk of the gradient.
    private let squareMemory: FloatBuffer
    private let squares: Scalars
    /// The floats that this rank updates, and those that others update.
    private let share, others: [Range<Int>]
    /// The reason why weights were not received when a forward pass awaited them.
    private var failure: (any Error)?
    /// False while weights may be on their way.
    private var isSettled = true

    /// - Parameters:
    ///   - number: number of the store, the same in all ranks.
    ///   - lanes: number of lanes of this rank.
    ///   - group: ranks that share the lanes; `nil` if this rank has them all.
    init(_ store: ParameterStore, number: Int, lanes: Int, group: RankGroup?, precision: SendPrecision, pool: ThreadPool) {
        guard let training = store.training else { preconditionFailure("a network without gradients cannot share them") }
        (self.store, self.lanes, self.group, self.pool) = (store, lanes, group, pool)
        let extent = training.gradients.count
        waiting = (0..<Self.levels(lanes)).map { _ in store.backend.allocate(extent) }
        let isHost = store.backend.computesInHostMemory
        hostGradients = isHost ? nil : store.backend.allocateShared(extent)
        hostValues = isHost || group == nil ? nil : store.backend.allocateShared(extent)
        let layout = store.layout.buckets
        let chunks = layout.reduce(0) { $0 + LaneSums.chunks($1.floats.count) }
        squareMemory = FloatBuffer(count: 2 * chunks)
        squares = Scalars(squareMemory, count: chunks)
        var first = 0, buckets: [BucketExchange] = []
        for (index, bucket) in layout.enumerated() {
            let count = LaneSums.chunks(bucket.floats.count)
            buckets.append(
                BucketExchange(
                    bucket, tag: (1000 * number + index) * 8, group,
                    gradients: (hostGradients ?? training.gradients).start, values: (hostValues ?? store.values).start,
                    squares: squares[first..<first + count], precision: precision))
            first += count
        }
        self.buckets = buckets
        rows = store.sparseRows.enumerated().map { index, table in
            RowExchange(table, lanes: lanes, group, tag: (1000 * number + 500 + index) * 8)
        }
        share = buckets.map(\.own).filter { !$0.isEmpty }
        others = buckets.flatMap { bucket in
            [bucket.bucket.floats.lowerBound..<bucket.own.lowerBound, bucket.own.upperBound..<bucket.bucket.floats.upperBound]
        }.filter { !$0.isEmpty }
    }

    private static func levels(_ lanes: Int) -> Int { lanes > 1 ? Int.bitWidth - (lanes - 1).leadingZeroBitCount : 0 }

    /// Takes the gradient of a lane that is not the last, given its number among this rank's lanes.
    func keep(lane: Int) {
        let whole = 0..<store.values.count, gradients = store.gradients(whole)
        var level = 0
        while lane >> level & 1 == 1 {
            store.backend.add(Matrix(waiting[level], rows: 1, columns: whole.count), to: gradients)
            level += 1
        }
        store.backend.copy(gradients, to: Matrix(waiting[level], rows: 1, columns: whole.count))
        store.backend.fill(gradients, with: 0)
        for table in rows { table.keep(lane: lane) }
    }

    /// Prepares for the gradient of the last lane.
    func beginLast() throws { for bucket in buckets { try bucket.begin() } }

    /// Waits for the weights of some parameters, if they are on their way. Errors are thrown later, by `complete`.
    func begin(_ range: ParameterRange) {
        for bucket in buckets where bucket.bucket.indices.overlaps(range.indices) {
            do { try bucket.awaitWeights() } catch { failure = error }
        }
    }

    /// Records that the gradients of some parameters are complete in the last lane, and starts to send them.
    func finish(_ range: ParameterRange) {
        guard store.backend.computesInHostMemory else { return }
        for bucket in buckets where bucket.bucket.indices.overlaps(range.indices) {
            if bucket.complete(range.indices) { sumAndSend(bucket) }
        }
    }

    private func sumAndSend(_ bucket: BucketExchange) {
        let floats = bucket.bucket.floats
        if !floats.isEmpty && lanes > 1 {
            for level in waiting.indices where (lanes - 1) >> level & 1 == 1 {
                store.backend.add(Matrix(waiting[level], at: floats.lowerBound, rows: 1, columns: floats.count), to: store.gradients(floats))
            }
        }
        if let hostGradients {
            store.backend.copy(
                store.gradients(floats), to: Matrix(hostGradients, at: floats.lowerBound, rows: 1, columns: floats.count))
            store.backend.wait()
        }
        bucket.send(pool)
    }

    /// Waits for the gradients of all lanes, and sums them. Throws `ToolError` if a rank is lost.
    func complete() throws {
        if let failure { throw failure }
        for bucket in buckets where !bucket.isSent { sumAndSend(bucket) }
        for table in rows { try table.complete(lanes: lanes) }
        for bucket in buckets { try bucket.receive(pool) }
        for bucket in buckets { try bucket.awaitSquares() }
    }

    /// Returns the squared norm of the whole gradient after `complete`, the same in all ranks of the group.
    func squaredNorm() -> Double {
        var sum = 0.0
        for chunk in 0..<squares.count { sum += squares[chunk] }
        for table in store.sparseRows { sum += table.squaredNorm() }
        return sum
    }

    /// Updates this rank's share of the weights by the sum, clears the gradient, and starts to distribute the weights; all are
    /// there after `settle`. Throws `ToolError` if a rank is lost.
    func update(_ update: ParameterStore.Update, norm: Double) throws {
        for bucket in buckets { try bucket.awaitSent() }
        guard norm.isFinite else { return }
        let backend = store.backend
        if let hostGradients {
            for range in share {
                backend.copy(Matrix(hostGradients, at: range.lowerBound, rows: 1, columns: range.count), to: store.gradients(range))
            }
        }
        store.apply(update, norm: norm, share: share)
        for range in others { backend.fill(store.gradients(range), with: 0) }
        guard group != nil else { return }
        if let hostValues {
            for range in share {
                backend.copy(store.values(range), to: Matrix(hostValues, at: range.lowerBound, rows: 1, columns: range.count))
            }
            backend.wait()
        }
        // In the order in which the next forward pass needs them.
        for bucket in buckets { bucket.sendWeights() }
        isSettled = false
    }

    /// Waits for all weights that are on their way. Throws `ToolError` if a rank is lost.
    func settle() throws {
        guard !isSettled else { return }
        for bucket in buckets { try bucket.awaitWeights() }
        if let hostValues {
            for range in others {
                store.backend.copy(Matrix(hostValues, at: range.lowerBound, rows: 1, columns: range.count), to: store.values(range))
            }
        }
        isSettled = true
    }

    /// Bytes that this rank sends in a step, without rows of sparse parameters.
    var bytesOfStep: Int { buckets.reduce(0) { $0 + $1.bytesOfStep } }

    /// Calls `body` with each run of floats that a rank of the group updates, and with the rank's index in the group.
    static func forEachPart(of layout: ParameterLayout, ranks: Int, _ body: (_ member: Int, _ floats: Range<Int>) throws -> Void) rethrows {
        for bucket in layout.buckets {
            for member in 0..<ranks {
                let part = bucket.part(member, of: ranks)
                if !part.isEmpty { try body(member, part) }
            }
        }
    }
}

/// The precision in which gradients are sent.
public enum SendPrecision: String, Sendable, CaseIterable {
    /// Unchanged: the result does not depend on the number of ranks.
    case float32
    /// Rounded once, by the rank that sends; sums are in float32. Half of the bytes.
    case bf16
}
