@_spi(HostMemory) import Kernels
import Layers
import MessagePassing

/// Sums the gradient of a sparse parameter over lanes and ranks: unions of the rows touched, in the order of the tree.
final class RowExchange {
    private let table: ParameterRows
    private let group: RankGroup?
    /// Number of rows of each rank, their row numbers, and their gradients.
    private let countMessages, rowMessages, gradientMessages: MessagesToAll?
    /// Sums of 1, 2, 4, ... lanes, each waiting for another sum of as many lanes.
    private var waiting: [RowGradient]
    private var sum, spare: RowGradient
    /// Contributions of all ranks, in the order of the group.
    private var parts: [RowGradient]
    private let counts: FloatBuffer

    init(_ table: ParameterRows, lanes: Int, _ group: RankGroup?, tag: Int) {
        (self.table, self.group) = (table, group)
        countMessages = group.map { MessagesToAll($0, tag: tag) }
        rowMessages = group.map { MessagesToAll($0, tag: tag + 1) }
        gradientMessages = group.map { MessagesToAll($0, tag: tag + 2) }
        func make() -> RowGradient { RowGradient(of: table) }
        waiting = (0..<(lanes > 1 ? Int.bitWidth - (lanes - 1).leadingZeroBitCount : 0)).map { _ in make() }
        (sum, spare) = (make(), make())
        parts = (group?.members ?? 0..<1).map { _ in make() }
        counts = FloatBuffer(count: group?.members.count ?? 1)
    }

    /// Takes the gradient of a lane that is not the last.
    func keep(lane: Int) {
        sum.take(from: table)
        var level = 0
        while lane >> level & 1 == 1 {
            add(level)
            level += 1
        }
        swap(&sum, &waiting[level])
    }

    /// Adds the sum to the waiting one at a level, which is of the preceding lanes.
    private func add(_ level: Int) {
        spare.add(waiting[level], sum)
        swap(&sum, &spare)
    }

    /// Adds up the last lane, the waiting sums, and the other ranks' contributions, and stores the total in the parameter.
    func complete(lanes: Int) throws {
        sum.take(from: table)
        for level in waiting.indices where lanes > 1 && (lanes - 1) >> level & 1 == 1 { add(level) }
        if let group { try exchange(group) }
        sum.put(into: table)
    }

    private func exchange(_ group: RankGroup) throws {
        let counts = Numbers(counts, count: group.members.count), place = group.place
        counts[place] = Int32(sum.count)
        try countMessages?.exchange { UnsafeMutableRawBufferPointer(start: counts.pointer + $0, count: 4) }
        swap(&parts[place], &sum)
        for index in parts.indices where index != place { parts[index].resize(Int(counts[index])) }
        try rowMessages?.exchange { parts[$0].bytes.rows }
        try gradientMessages?.exchange { parts[$0].bytes.gradient }
        var distance = 1
        while distance < parts.count {
            for index in stride(from: 0, to: parts.count - distance, by: 2 * distance) {
                spare.add(parts[index], parts[index + distance])
                swap(&spare, &parts[index])
            }
            distance *= 2
        }
        swap(&sum, &parts[0])
    }
}
