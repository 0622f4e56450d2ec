internal import COpenBLAS
internal import Parallel

extension Compute {
    /// `result = left * right`, or `result += left * right` with `adding`.
    ///
    /// `left` is [m, k], `right` [k, n], `result` [m, n]; `result` must not overlap the factors. The product is cut into
    /// tiles by its shape alone (`ProductPlan`), each computed by one thread.
    public func multiply(_ left: some Factor, _ right: some Factor, into result: Matrix, adding: Bool = false) {
        let left = left.operand
        let right = right.operand
        precondition(
            left.rows == result.rows && right.columns == result.columns && left.columns == right.rows,
            "product of \(left.rows) x \(left.columns) and \(right.rows) x \(right.columns) into "
                + "\(result.rows) x \(result.columns)")
        let plan = ProductPlan(rows: left.rows, columns: right.columns, depth: left.columns)
        guard plan.depth > 0 && plan.rows > 0 && plan.columns > 0 else {
            if !adding { result.fill(0) }
            return
        }
        let partials = plan.slices > 1 ? scratch((plan.slices - 1) * plan.rows * plan.columns) : result.start
        var job = ProductJob(
            plan: plan, left: left, right: right, result: result, partials: partials, adding: adding)
        pool.forEach(plan.tasks, context: &job) { context, index in
            context.assumingMemoryBound(to: ProductJob.self).pointee.run(index)
        }
        if plan.slices > 1 { job.addPartials() }
    }
}

/// How a product of `rows` x `depth` by `depth` x `columns` is cut: a grid of tiles of the result, and slices of the depth
/// whose partial results are added in order.
///
/// OpenBLAS copies both factors of a product into its own order first, once a tile. Tiles of some hundred rows and
/// columns keep that copying under a tenth of the work, and the copies inside the caches. A time step of an LSTM has few
/// rows, so its tiles are columns of the weights; its backward product is long and narrow, and is cut along the depth.
public struct ProductPlan: Equatable, Sendable {
    let rows, columns, depth: Int
    public let tileRows, tileColumns, sliceDepth: Int

    /// Enough tasks to keep several threads busy to the end.
    private static let wantedTasks = 8
    /// Below this many multiplications a task is not worth handing out.
    private static let leastWork = 1 << 20

    public init(rows: Int, columns: Int, depth: Int) {
        self.rows = rows
        self.columns = columns
        self.depth = depth
        let work = rows * columns * depth
        let tileRows = rows <= 384 ? max(1, rows) : Self.piece(of: rows, near: 320)
        var tileColumns = Self.piece(of: columns, near: rows <= 384 ? 512 : 1024)
        var sliceDepth = max(1, depth)
        let wanted = min(Self.wantedTasks, max(1, work / Self.leastWork))
        func tasks() -> Int {
            Self.count(rows, tileRows) * Self.count(columns, tileColumns) * Self.count(depth, sliceDepth)
        }
        while tasks() < wanted && sliceDepth >= 1024 && rows * columns <= 1 << 18 {
            sliceDepth = Self.piece(of: sliceDepth, near: sliceDepth / 2)
        }
        while tasks() < wanted && tileColumns >= 256 {
            tileColumns = Self.piece(of: tileColumns, near: tileColumns / 2)
        }
        self.tileRows = tileRows
        self.tileColumns = tileColumns
        self.sliceDepth = sliceDepth
    }

    var slices: Int { Self.count(depth, sliceDepth) }
    var rowTiles: Int { Self.count(rows, tileRows) }
    var columnTiles: Int { Self.count(columns, tileColumns) }
    /// How many pieces threads can take.
    public var tasks: Int { rowTiles * columnTiles * slices }

    private static func count(_ total: Int, _ piece: Int) -> Int { (total + piece - 1) / piece }

    /// `total` cut into equal pieces of about `target`, each a multiple of 16 but the last.
    private static func piece(of total: Int, near target: Int) -> Int {
        let pieces = max(1, (total + target / 2) / target)
        return max(16, ((total + pieces - 1) / pieces + 15) / 16 * 16)
    }
}

/// A product under way.
private struct ProductJob {
    let plan: ProductPlan
    let left, right: Operand
    let result: Matrix
    /// [slices - 1, rows, columns]: what slices other than the first add.
    let partials: UnsafeMutablePointer<Float>
    let adding: Bool

    /// Computes one tile of one slice.
    func run(_ index: Int) {
        let slice = index / (plan.rowTiles * plan.columnTiles)
        let tile = index % (plan.rowTiles * plan.columnTiles)
        let row = tile / plan.columnTiles * plan.tileRows
        let column = tile % plan.columnTiles * plan.tileColumns
        let first = slice * plan.sliceDepth
        let target =
            slice == 0
            ? result.row(row) + column
            : partials + ((slice - 1) * plan.rows + row) * plan.columns + column
        cblas_sgemm(
            CblasRowMajor, left.isTransposed ? CblasTrans : CblasNoTrans, right.isTransposed ? CblasTrans : CblasNoTrans,
            blasint(min(plan.tileRows, plan.rows - row)), blasint(min(plan.tileColumns, plan.columns - column)),
            blasint(min(plan.sliceDepth, plan.depth - first)), 1,
            left.element(row, first), blasint(max(1, left.matrix.stride)),
            right.element(first, column), blasint(max(1, right.matrix.stride)),
            adding && slice == 0 ? 1 : 0, target, blasint(slice == 0 ? result.stride : plan.columns))
    }

    /// Adds the slices to the result in their order.
    func addPartials() {
        for slice in 0..<plan.slices - 1 {
            for row in 0..<plan.rows {
                Vector.add(partials + (slice * plan.rows + row) * plan.columns, to: result.row(row), count: plan.columns)
            }
        }
    }
}
