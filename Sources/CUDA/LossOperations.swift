@_spi(HostMemory) public import Kernels

/// A modified Bessel function as the kernel takes it.
private struct DeviceBessel: BitwiseCopyable {
    let order: Double
    var sum = InlineCoefficients(), slope = InlineCoefficients()
    let steps, count: Int32

    init(_ bessel: ModifiedBessel) {
        order = bessel.order
        steps = Int32(bessel.steps)
        count = Int32(bessel.sum.count)
        sum.set(bessel.sum)
        slope.set(bessel.slope)
    }
}

/// 31 numbers side by side.
private struct InlineCoefficients: BitwiseCopyable {
    private typealias Eight = (Double, Double, Double, Double, Double, Double, Double, Double)
    private var values: (Eight, Eight, Eight, (Double, Double, Double, Double, Double, Double, Double)) = (
        (0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0)
    )

    mutating func set(_ numbers: [Double]) {
        withUnsafeMutableBytes(of: &values) { bytes in
            precondition(8 * numbers.count <= bytes.count)
            numbers.withUnsafeBytes { bytes.copyMemory(from: $0) }
        }
    }
}

extension CUDABackend {
    public func fillRowFactors(_ factors: Scalars, weights: Matrix?) {
        launch(.rowFactors, blocks: 1, weights.map { address($0) } ?? 0, address(factors), Int32(factors.count))
    }

    public func addDistance(
        _ distance: Distance, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars
    ) {
        precondition(prediction.columns == target.columns && prediction.rows <= factors.count)
        let rows = prediction.rows, losses = scratch(.sums, 2 * rows), blocks = rowBlocks(rows)
        let (p, t, slope) = (DeviceMatrix(prediction), DeviceMatrix(target), gradient.map { DeviceMatrix($0) } ?? .none)
        switch distance {
        case .cosine: launch(.cosineLoss, blocks: warpBlocks(rows), p, t, address(factors), slope, losses)
        case .squared: launch(.squaredLoss, blocks: blocks, p, t, address(factors), slope, losses)
        case .vonMisesFisher(let bessel, let penalty, let scale):
            launch(
                .vonMisesFisherLoss, blocks: blocks, p, t, address(factors), slope, losses, DeviceBessel(bessel), penalty, scale)
        }
        add(losses, rows, to: loss)
    }

    public func addMaxMargin(
        _ margin: MaxMargin, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars
    ) {
        let all = prediction.rows
        precondition(all <= margin.negatives.rows && target.columns == margin.negatives.columns)
        let negatives = margin.negatives.rows(0..<all)
        let (places, nearest) = (scratch(.numbers, all), scratch(.moreNumbers, all))
        launch(
            .unitNegatives, blocks: rowBlocks(all), DeviceMatrix(target), address(factors), DeviceMatrix(negatives), places)
        for row in stride(from: 0, to: all, by: MaxMargin.blockRows) {
            let rows = row..<min(row + MaxMargin.blockRows, all)
            for column in stride(from: 0, to: all, by: MaxMargin.blockColumns) {
                let columns = column..<min(column + MaxMargin.blockColumns, all)
                let products = Matrix(margin.products.start, rows: rows.count, columns: columns.count)
                // Rounded factors would find other negatives.
                multiply(
                    prediction.rows(rows).operand, negatives.rows(columns).transposed, into: products, adding: false, .float32)
                launch(
                    .findNearest, blocks: rowBlocks(rows.count), DeviceMatrix(products), DeviceMatrix(target), places,
                    address(margin.nearestProducts), nearest, Int32(row), Int32(column), Int32(column == 0 ? 1 : 0))
            }
        }
        let losses = scratch(.sums, 2 * all)
        launch(
            .maxMarginLoss, blocks: rowBlocks(all), DeviceMatrix(prediction), DeviceMatrix(target), DeviceMatrix(negatives), nearest,
            address(factors), margin.margin, gradient.map { DeviceMatrix($0) } ?? .none, losses)
        add(losses, all, to: loss)
    }

    public func scaleToNorm(_ input: Matrix, logScale: Matrix, into output: Matrix) {
        launch(.scaleToNorm, blocks: warpBlocks(input.rows), DeviceMatrix(input), address(logScale), DeviceMatrix(output))
    }

    public func scaleToNormBackward(_ input: Matrix, logScale: Matrix, gradient: Matrix, logScaleGradient: Matrix) {
        let slopes = scratch(.sums, 2 * input.rows)
        launch(
            .scaleToNormBackward, blocks: warpBlocks(input.rows), DeviceMatrix(input), address(logScale), DeviceMatrix(gradient),
            slopes)
        launch(.addNumbersToFloat, blocks: 1, threads: 1024, slopes, Int32(input.rows), address(logScaleGradient))
    }
}
