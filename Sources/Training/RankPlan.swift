public import Files
public import Model

/// The part of a training run that each of its ranks has: directions first, because these share nothing, then lanes.
///
/// With an even number of ranks, half of them train the forward direction and half the backward one, unless the directions share
/// layers. The ranks of a direction have as many of its lanes each, one behind the other.
public struct RankPlan: Sendable, Equatable {
    public let rank, ranks: Int
    /// Lanes of a direction.
    public let lanes: Int
    /// The ranks that train each direction, in the order of their lanes.
    package let groups: [Range<Int>]
    /// The directions that this rank trains, and the lanes that it has of them.
    public let directions: Range<Int>
    public let ownLanes: Range<Int>

    /// Throws `ToolError` with status `usage` for ranks that cannot share the lanes, or lanes that cannot share the batch.
    /// - Parameter lanes: of a direction; `nil`: as many as ranks train one.
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

    /// The ranks that train what this one trains.
    package var group: Range<Int> { groups[directions.lowerBound] }
    /// The rank that has lane `lane` of a direction.
    package func rank(ofLane lane: Int, direction: Int) -> Int { groups[direction].lowerBound + lane / ownLanes.count }
    /// True if this rank speaks for a direction: it has its first lane.
    package func leads(_ direction: Int) -> Bool { groups[direction].lowerBound == rank }
}
