@_spi(HostMemory) public import Kernels

// Products by cuBLAS. With bfloat16, factors of other types are converted first.
extension CUDABackend {
    public func multiply(_ left: some Factor, _ right: some Factor, into result: Matrix, adding: Bool) {
        multiply(left.operand, right.operand, into: result, adding: adding, precision)
    }

    /// Multiplies in a given precision: losses use float32 whatever other products use.
    func multiply(_ left: Operand, _ right: Operand, into result: Matrix, adding: Bool, _ precision: Precision) {
        precondition(
            left.columns == right.rows && left.rows == result.rows && right.columns == result.columns,
            "product of \(left.rows) x \(left.columns) and \(right.rows) x \(right.columns)")
        multiply(
            factor(left, .left, precision), factor(right, .right, precision), rows: left.rows, columns: right.columns,
            depth: left.columns, into: result, adding: adding)
    }

    public func multiply(_ left: some Factor, _ right: PackedFactor, into result: Matrix, adding: Bool) {
        guard let right = right.stored else { preconditionFailure("a factor packed by another backend") }
        multiply(left, right, into: result, adding: adding)
    }

    public func multiply(_ left: some Factor, _ right: some Factor, bias: Matrix, into result: Matrix) {
        withBias(bias, in: result) { multiply(left, right, into: result, adding: $0) }
    }

    public func multiply(_ left: some Factor, _ right: PackedFactor, bias: Matrix, into result: Matrix) {
        withBias(bias, in: result) { multiply(left, right, into: result, adding: $0) }
    }

    /// Computes a product plus a bias. If the result is in floats, the bias is written first, so that the sum is rounded once.
    private func withBias(_ bias: Matrix, in result: Matrix, _ product: (_ adding: Bool) -> Void) {
        let isBefore = result.element == .float32
        if isBefore { broadcast(bias, to: result) }
        product(isBefore)
        if !isBefore { addRow(bias, to: result) }
    }

    public func stepParts(rows: Int, depth: Int, columns: Int) -> Int {
        guard precision == .bfloat16 else { return 1 }
        // As many blocks of results as the GPU can run at once, each deep enough to be worth a block. On an H200, parts of depth 4
        // x rows, and at most 16 of them, gave the most words a second at batches of 128, 256 and 768.
        let blocks = ((rows + 127) / 128) * ((columns + 127) / 128), leastDepth = max(256, 4 * rows)
        var parts = 1
        while parts < 16, 2 * parts * blocks <= device.multiprocessors, depth / (2 * parts) >= leastDepth, depth % (16 * parts) == 0 {
            parts *= 2
        }
        return parts
    }

    public func multiply(_ left: Matrix, _ right: PackedFactor, intoParts parts: Matrix) {
        guard let stored = right.stored else { preconditionFailure("a factor packed by another backend") }
        precondition(left.columns == right.rows && parts.columns == right.columns)
        multiply(
            factor(left.operand, .left, precision), factor(stored, .right, precision), rows: left.rows, columns: right.columns,
            depth: left.columns, intoParts: parts)
    }

    /// Returns a factor in the form for cuBLAS.
    private func factor(_ operand: Operand, _ use: Scratch, _ precision: Precision) -> CuBLAS.Factor {
        var matrix = operand.matrix
        // Rows of whole 16 bytes; products of others are slow.
        if precision == .bfloat16, max(matrix.stride, matrix.columns) % 8 == 0, let trained = trainedFactor(matrix) {
            matrix = trained
        } else if precision == .bfloat16 && matrix.element == .float32 {
            let stride = (matrix.columns + 7) / 8 * 8
            let room = scratchMatrix(use, rows: matrix.rows, columns: stride, element: .bfloat16)
            let target = room.columns(0..<matrix.columns)
            launchElements(.toBFloat16s, matrix, DeviceMatrix(matrix), DeviceMatrix(target))
            matrix = target
        }
        return CuBLAS.Factor(
            start: address(matrix.start), stride: max(matrix.stride, matrix.columns), isTransposed: operand.isTransposed,
            type: type(matrix))
    }

    public func packedCount(rows: Int, columns: Int) -> Int {
        precision == .bfloat16 ? (rows * columns + 1) / 2 : rows * columns
    }

    /// Copies a factor to dense memory in the precision of products. Trained weights have such a copy already, and `memory` is then
    /// not used.
    public func pack(_ factor: some Factor, into memory: Matrix) -> PackedFactor {
        let operand = factor.operand, matrix = operand.matrix
        if let trained = trainedFactor(matrix) {
            return PackedFactor(Operand(matrix: trained, isTransposed: operand.isTransposed))
        }
        precondition(memory.columns >= packedCount(rows: matrix.rows, columns: matrix.columns))
        let packed = Matrix(
            memory.start, rows: matrix.rows, columns: matrix.columns, element: precision == .bfloat16 ? .bfloat16 : .float32)
        if precision == .bfloat16 {
            launchElements(.toBFloat16s, matrix, DeviceMatrix(matrix), DeviceMatrix(packed))
        } else {
            copy(matrix, to: packed)
        }
        return PackedFactor(Operand(matrix: packed, isTransposed: operand.isTransposed))
    }

    /// The GPU does not use 8-bit integers here: the factor is packed like any other.
    public func quantize(_ factor: Matrix) -> PackedFactor { packed(factor) }
}
