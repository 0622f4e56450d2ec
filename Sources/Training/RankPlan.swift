public import Files
public import Model

/// The division of a training run among its ranks: first by directions, because these share nothing, then by lanes.
///
/// With an even number of ranks, half of them train the forward direction and half the backward one, unless the directions share
/// layers. Each rank of a direction has the same number of consecutive lanes.
public struct RankPlan: Sendable, Equatable {
    /// This rank, and the number of ranks.
    public let rank, ranks: Int
    /// Number of lanes of a direction.
    public let lanes: Int
    /// The ranks that train each direction, in the order of their lanes.
    package let groups: [Range<Int>]
    /// The directions that this rank trains.
    public let directions: Range<Int>
    /// The lanes of these directions that this rank has.
    public let ownLanes: Range<Int>

    /// Divides a run. Throws `ToolError` with status `usage` if the ranks cannot share the lanes, or if the lanes cannot share the
    /// batch.
    /// - `lanes`: number of lanes of a direction; `nil` means as many as ranks train one.
    public init(
        rank: Int = 0, ranks: Int = 1, lanes: Int?, batch: Int, _ configuration: EncoderConfiguration
    ) throws(ToolError) {
        let count = configuration.directions.count
        let isSplit = count == 2 && !configuration.sharesLayers && ranks % 2 == 0, sharing = isSplit ? ranks / 2 : ranks
        let lanes = lanes ?? sharing, each = lanes / sharing
        let who = isSplit ? "each direction has \(sharing) of the \(ranks) ranks" : "there are \(ranks) ranks"
        if ranks > 1 {
            guard sharing <= lanes else {
                throw ToolError(.usage, "--lanes is \(lanes), and \(who): a rank needs a lane at least")
            }
            guard lanes % sharing == 0 else {
                throw ToolError(.usage, "--lanes is \(lanes), and \(who), which must divide it")
            }
            guard sharing == 1 || each & (each - 1) == 0 else {
                throw ToolError(
                    .usage, "--lanes is \(lanes), and \(who): each would have \(each) lanes, and several ranks must have a power of two each")
            }
        }
        guard batch % lanes == 0 else {
            throw ToolError(.usage, "--batch is \(batch), and must be a multiple of the lanes, \(lanes); see --lanes")
        }
        (self.rank, self.ranks, self.lanes) = (rank, ranks, lanes)
        groups = (0..<count).map { isSplit ? $0 * sharing..<($0 + 1) * sharing : 0..<ranks }
        let half = isSplit ? rank / sharing : 0
        directions = isSplit ? half..<half + 1 : 0..<count
        let place = rank - groups[half].lowerBound
        ownLanes = place * each..<(place + 1) * each
    }

    /// The ranks that train the same directions as this one.
    package var group: Range<Int> { groups[directions.lowerBound] }
    /// Returns the rank that has lane `lane` of a direction.
    package func rank(ofLane lane: Int, direction: Int) -> Int { groups[direction].lowerBound + lane / ownLanes.count }
    /// Returns true if this rank leads a direction, that is, has its first lane.
    package func leads(_ direction: Int) -> Bool { groups[direction].lowerBound == rank }
}
