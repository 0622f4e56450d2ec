internal import CKernels

/// The gradual packing of a task's share of a factor while another product is computed.
struct SharePacking {
    enum Panels {
        case left(LeftPanels)
        case right(RightPanels)
    }

    private let part: FactorPart
    private let panels: Panels
    private let columns: Int
    /// The part that has been packed: panels of a left factor stored by rows, otherwise steps of the depth.
    private var done = 0
    private var fetched = 0

    init(_ part: FactorPart, into panels: Panels, kernels: ProcessorKernels) {
        self.part = part
        self.panels = panels
        columns = kernels.columns
    }

    /// Returns the part to be packed next if it lies across the factor's rows in memory and has not been fetched: processors
    /// prefetch only along rows.
    /// - Parameter runs: runs along the depth of the product that fetches the part.
    mutating func takeAhead(runs: Int) -> ContourAhead? {
        let depth: Int
        switch panels {
        case .left(let panels) where panels.order == .steps: depth = panels.depth
        case .right(let panels) where !part.factor.isTransposed: depth = panels.depth
        default: return nil
        }
        let first = max(done, fetched)
        guard first < min(depth, done + runs / 2) else { return nil }
        fetched = first + runs
        return ContourAhead(start: part.start + first * part.stride, panel: columns, run: part.stride)
    }

    /// Packs until `share` of `shares` parts are done.
    mutating func advance(to share: Int, of shares: Int) {
        let end: Int
        switch panels {
        case .left(let panels) where panels.order == .runs:
            end = panels.count * share / shares
            panels.pack(part, panels: done..<end, steps: 0..<panels.depth)
        case .left(let panels):
            end = Self.steps(panels.depth, share, shares)
            panels.pack(part, panels: 0..<panels.count, steps: done..<end)
        case .right(let panels):
            end = Self.steps(panels.depth, share, shares)
            panels.pack(part, panels: 0..<panels.count, steps: done..<end)
        }
        done = end
    }

    mutating func finish() { advance(to: 1, of: 1) }

    /// Returns the steps of a share, in whole runs except for the last.
    private static func steps(_ depth: Int, _ share: Int, _ shares: Int) -> Int {
        share == shares ? depth : depth * share / shares / ProcessorKernels.leftRun * ProcessorKernels.leftRun
    }
}
