internal import COpenBLAS
internal import Parallel

extension Compute {
    /// `result = left * right`, or `result += left * right` with `adding`.
    ///
    /// `left` is [m, k], `right` [k, n], `result` [m, n]; `result` must not overlap the factors. The product is cut
    /// into tiles by its shape alone (`ProductPlan`), each computed by one thread.
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

/// How a product of `rows` x `depth` by `depth` x `columns` is cut: a grid of tiles of the result, and slices of the
/// depth whose partial results are added in order.
///
/// OpenBLAS copies the factors of every tile into its own order first. A grid of r x c tiles copies the right factor r
/// times and the left one c times; s slices copy nothing twice, but their s - 1 partial results have to be added. Among
/// the cuts with enough tasks the one that moves least memory is taken. A time step of an LSTM, with its few rows, is
/// thus cut by columns on the way forth, and by depth on the way back.
public struct ProductPlan: Equatable, Sendable {
    let rows, columns, depth: Int
    public let tileRows, tileColumns, sliceDepth: Int

    /// Enough tasks to keep several threads busy to the end.
    private static let wantedTasks = 8
    /// Below this many multiplications a task is not worth handing out.
    private static let leastWork = 1 << 20
    /// Adding an element of a partial result, in copies of one element.
    private static let additionCost = 3

    public init(rows: Int, columns: Int, depth: Int) {
        self.rows = rows
        self.columns = columns
        self.depth = depth
        let wanted = min(Self.wantedTasks, max(1, rows * columns * depth / Self.leastWork))
        var best = (cost: Int.max, rowTiles: 1, columnTiles: 1, slices: 1)
        var slices = 1
        while slices <= wanted && (slices == 1 || depth / slices >= 256) {
            for rowTiles in 1...wanted where rowTiles == 1 || rows / rowTiles >= 32 {
                let columnTiles = max(Self.count(wanted, rowTiles * slices), Self.count(columns, 1024))
                guard columnTiles == 1 || columns / columnTiles >= 64 || columns > 1024 else { continue }
                let copies = depth * (rowTiles * columns + columnTiles * rows)
                let cost = copies + Self.additionCost * (slices - 1) * rows * columns
                if cost < best.cost { best = (cost, rowTiles, columnTiles, slices) }
            }
            slices *= 2
        }
        tileRows = Self.piece(rows, best.rowTiles)
        tileColumns = Self.piece(columns, best.columnTiles)
        sliceDepth = Self.piece(depth, best.slices)
    }

    var slices: Int { Self.count(depth, sliceDepth) }
    var rowTiles: Int { Self.count(rows, tileRows) }
    var columnTiles: Int { Self.count(columns, tileColumns) }
    /// How many pieces threads can take.
    public var tasks: Int { rowTiles * columnTiles * slices }

    private static func count(_ total: Int, _ piece: Int) -> Int { (total + piece - 1) / piece }

    /// The size of a piece when `total` is cut in `pieces`: a multiple of 16, the kernels' unit, unless it is the
    /// whole.
    private static func piece(_ total: Int, _ pieces: Int) -> Int {
        pieces == 1 ? max(1, total) : (count(total, pieces) + 15) / 16 * 16
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
            CblasRowMajor, left.isTransposed ? CblasTrans : CblasNoTrans,
            right.isTransposed ? CblasTrans : CblasNoTrans,
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
                let partial = partials + (slice * plan.rows + row) * plan.columns
                Vector.add(partial, to: result.row(row), count: plan.columns)
            }
        }
    }
}
