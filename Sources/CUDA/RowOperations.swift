@_spi(HostMemory) public import Kernels

// Copies, sums and rows of tables.
extension CUDABackend {
    /// Launches a kernel over all elements of a matrix.
    func launchElements<each Argument: BitwiseCopyable>(_ kernel: Kernel, _ shape: Matrix, _ values: repeat each Argument) {
        launch(kernel, blocks: blocks(shape.rows * shape.columns), repeat each values)
    }

    public func fill(_ target: Matrix, with value: Float) {
        willWrite(target)
        launchElements(.fill, target, DeviceMatrix(target), value)
    }

    public func copy(_ source: Matrix, to target: Matrix) {
        willWrite(target)
        precondition(source.rows == target.rows && source.columns == target.columns)
        guard source.isDense && target.isDense && source.element == target.element else {
            return launchElements(.copy, target, DeviceMatrix(source), DeviceMatrix(target))
        }
        copy(address(source.start), to: address(target.start), bytes: source.rows * source.columns * source.element.size)
    }

    /// Copies bytes between the host's and the GPU's memory, in any direction.
    func copy(_ source: DeviceAddress, to target: DeviceAddress, bytes: Int) {
        guard bytes > 0 else { return }
        device.makeCurrent()
        device.check(device.driver.copy(target, source, bytes, stream), "copy of \(bytes) bytes")
    }

    public func add(_ source: Matrix, to target: Matrix) {
        precondition(source.rows == target.rows && source.columns == target.columns)
        launchElements(.add, target, DeviceMatrix(source), DeviceMatrix(target))
    }

    public func scale(_ target: Matrix, by factor: Float) { launchElements(.scale, target, DeviceMatrix(target), factor) }

    public func broadcast(_ row: Matrix, to target: Matrix) {
        precondition(row.columns == target.columns)
        launchElements(.broadcast, target, DeviceMatrix(row), DeviceMatrix(target))
    }

    public func addBlocks(_ rows: Matrix, to target: Matrix) {
        precondition(rows.columns == target.columns && rows.rows > 0 && target.rows % rows.rows == 0)
        launchElements(.addBlocks, target, DeviceMatrix(rows), DeviceMatrix(target))
    }

    public func addBlockSums(of matrix: Matrix, to sums: Matrix) {
        precondition(matrix.columns == sums.columns && sums.rows > 0 && matrix.rows % sums.rows == 0)
        launchElements(.addBlockSums, sums, DeviceMatrix(matrix), DeviceMatrix(sums))
    }

    public func addSinusoids(to target: Matrix, batch: Int) {
        precondition(target.rows % batch == 0)
        launch(
            .addSinusoids, blocks: blocks(target.rows / batch * target.columns), DeviceMatrix(target), Int32(batch))
    }

    public func broadcast(_ row: Matrix?, to target: Matrix, at rows: Numbers) {
        precondition(row.map { $0.columns == target.columns } ?? true)
        guard rows.count > 0 else { return }
        launch(
            .broadcastAt, blocks: warpBlocks(rows.count), row.map { DeviceMatrix($0) } ?? .none, resident(rows, .numbers),
            Int32(rows.count), DeviceMatrix(target))
    }

    public func addRow(_ row: Matrix, to target: Matrix) {
        precondition(row.columns == target.columns)
        launchElements(.addRow, target, DeviceMatrix(row), DeviceMatrix(target))
    }

    /// Returns how many rows one thread sums before these sums are added: enough parts to keep the GPU busy, with four columns to a
    /// thread.
    func partHeight(_ matrix: Matrix) -> Int {
        let parts = min(512, matrix.rows / 16, 4 * 1024 * device.multiprocessors / max(1, matrix.columns))
        return (matrix.rows + max(1, parts) - 1) / max(1, parts)
    }

    public func addColumnSums(of matrix: Matrix, to sums: Matrix) {
        precondition(matrix.columns == sums.columns)
        guard matrix.rows > 0 else { return }
        let height = partHeight(matrix), parts = (matrix.rows + height - 1) / height
        let partials = scratch(.sums, parts * matrix.columns)
        launch(.columnPartials, blocks: blocks((parts * matrix.columns + 3) / 4), DeviceMatrix(matrix), partials, Int32(height))
        addPartials(partials, parts: parts, to: sums)
    }

    func addPartials(_ partials: DeviceAddress, parts: Int, to sums: Matrix) {
        // The columns of one warp to a block.
        launch(.addPartials, blocks: (sums.columns + 31) / 32, partials, Int32(parts), Int32(sums.columns), address(sums))
    }

    public func gather(_ rows: Numbers, of table: Matrix, into target: Matrix) {
        precondition(rows.count >= target.rows && table.columns == target.columns)
        launch(
            .gather, blocks: warpBlocks(target.rows), resident(rows, .numbers), DeviceMatrix(table), DeviceMatrix(target))
    }

    public func scatterAdd(_ source: Matrix, to table: Matrix, at rows: Numbers) {
        precondition(rows.count >= source.rows && table.columns == source.columns)
        let places = resident(rows, .numbers), parts = (source.rows + Self.scatterHeight - 1) / Self.scatterHeight
        let size = table.rows * table.columns
        // Rows of a small table occur repeatedly, and one block would add them all.
        guard parts >= 4, parts * size <= 1 << 22, table.isDense, table.element == .float32 else {
            return scatterAdd(source, to: table, at: places, factors: 0)
        }
        let partials = scratch(.sums, parts * size)
        launch(
            .scatterPartials, blocks: rowBlocks(parts), threads: 64, DeviceMatrix(source), places, Int32(table.rows),
            Int32(Self.scatterHeight), partials)
        addPartials(partials, parts: parts, to: Matrix(table.start, rows: 1, columns: size))
    }

    /// Number of rows that one block adds to a small table.
    private static let scatterHeight = 128

    func scatterAdd(_ source: Matrix, to table: Matrix, at rows: DeviceAddress, factors: DeviceAddress) {
        launch(.scatterAdd, blocks: rowBlocks(source.rows), DeviceMatrix(source), DeviceMatrix(table), rows, factors)
    }

    /// Returns numbers in the GPU's memory, for kernels that read each many times.
    func resident(_ numbers: Numbers, _ use: Scratch) -> DeviceAddress {
        let target = scratch(use, numbers.count)
        copy(address(numbers), to: target, bytes: 4 * numbers.count)
        return target
    }

    /// Returns adjacent floats in the GPU's memory.
    func resident(_ values: Matrix, _ use: Scratch) -> DeviceAddress {
        let count = values.rows * values.columns, target = scratch(use, count)
        copy(address(values), to: target, bytes: 4 * count)
        return target
    }

    public func reverse(_ source: Matrix, batch: Int, lengths: Numbers?, into target: Matrix, adding: Bool) {
        precondition(source.rows == target.rows && source.columns == target.columns && batch > 0 && source.rows % batch == 0)
        guard source.rows > 0 else { return }
        launch(
            .reverse, blocks: warpBlocks(target.rows), DeviceMatrix(source), Int32(batch),
            lengths.map { resident($0, .numbers) } ?? 0, DeviceMatrix(target), Int32(adding ? 1 : 0))
    }

    public func addRuns(_ rows: Numbers, ends: Numbers, of table: Matrix, times factor: Float, to target: Matrix) {
        precondition(ends.count >= target.rows && table.columns == target.columns)
        launch(
            .addRuns, blocks: rowBlocks(target.rows), resident(rows, .numbers), address(ends), DeviceMatrix(table), factor,
            DeviceMatrix(target))
    }

    public func divideByRuns(_ target: Matrix, ends: Numbers) {
        precondition(ends.count >= target.rows)
        launch(.divideByRuns, blocks: rowBlocks(target.rows), address(ends), DeviceMatrix(target))
    }

    public func moveSum(of sources: [Matrix], to target: Matrix) {
        for source in sources { launchElements(.move, target, DeviceMatrix(source), DeviceMatrix(target)) }
    }

    // MARK: - Results for the host

    public func isFinite(_ matrix: Matrix) -> Bool { blockAnswers(.findNotFinite, matrix) == 0 }

    public func beginSquaredNorm(_ matrix: Matrix) {
        begin(.squares, matrix)
        begunNorm = address(matrix.start)
    }

    public func squaredNorm(_ matrix: Matrix) -> Double {
        if begunNorm == address(matrix.start) { return endAnswers(matrix) }
        return blockAnswers(.squares, matrix)
    }

    /// Returns the sum of the numbers written by the blocks of a kernel, one each.
    private func blockAnswers(_ kernel: Kernel, _ matrix: Matrix) -> Double {
        begin(kernel, matrix)
        return endAnswers(matrix)
    }

    private func begin(_ kernel: Kernel, _ matrix: Matrix) {
        begunNorm = nil
        launch(kernel, blocks: answerBlocks(matrix), DeviceMatrix(matrix), address(answers))
    }

    private func endAnswers(_ matrix: Matrix) -> Double {
        begunNorm = nil
        wait()
        return (0..<answerBlocks(matrix)).reduce(0) { $0 + answers[$1] }
    }

    /// Four elements to a thread.
    private func answerBlocks(_ matrix: Matrix) -> Int {
        min(blocks((matrix.rows * matrix.columns + 3) / 4), Self.answerCount)
    }

    public func write(_ values: UnsafeBufferPointer<Float>, to target: Matrix) {
        precondition(values.count == target.rows * target.columns)
        guard let start = values.baseAddress, values.count > 0 else { return }
        willWrite(target)
        let source = DeviceAddress(UInt(bitPattern: start))
        if target.isDense && target.element == .float32 {
            copy(source, to: address(target.start), bytes: 4 * values.count)
        } else {
            let dense = scratchMatrix(.transfer, rows: target.rows, columns: target.columns)
            copy(source, to: address(dense.start), bytes: 4 * values.count)
            launchElements(.copy, target, DeviceMatrix(dense), DeviceMatrix(target))
        }
        wait()
    }

    public func read(_ matrix: Matrix) -> [Float] {
        let count = matrix.rows * matrix.columns
        guard count > 0 else { return [] }
        var source = matrix
        if !matrix.isDense || matrix.element != .float32 {
            source = scratchMatrix(.transfer, rows: matrix.rows, columns: matrix.columns)
            launchElements(.copy, matrix, DeviceMatrix(matrix), DeviceMatrix(source))
        }
        return [Float](unsafeUninitializedCapacity: count) { values, filled in
            copy(address(source.start), to: DeviceAddress(UInt(bitPattern: values.baseAddress!)), bytes: 4 * count)
            wait()
            filled = count
        }
    }

    public func normalize(_ rows: Matrix) { launch(.normalize, blocks: rowBlocks(rows.rows), DeviceMatrix(rows)) }

    public func rowProducts(_ one: Matrix, _ other: Matrix) -> [Double] {
        precondition(one.rows == other.rows && one.columns == other.columns)
        return doubles(one.rows) {
            launch(.rowProducts, blocks: rowBlocks(one.rows), DeviceMatrix(one), DeviceMatrix(other), $0)
        }
    }

    public func columnSums(of matrix: Matrix) -> [Double] {
        doubles(matrix.columns) { launch(.columnSums, blocks: blocks(matrix.columns), DeviceMatrix(matrix), $0) }
    }

    /// Returns `count` double-precision numbers that a kernel writes to the address passed to `write`.
    func doubles(_ count: Int, _ write: (DeviceAddress) -> Void) -> [Double] {
        let memory = scratch(.sums, 2 * count)
        write(memory)
        return [Double](unsafeUninitializedCapacity: count) { values, filled in
            if let start = values.baseAddress { copy(memory, to: DeviceAddress(UInt(bitPattern: start)), bytes: 8 * count) }
            wait()
            filled = count
        }
    }

    /// Adds the loss of each row, [rows] in double precision, to `sum`.
    func add(_ numbers: DeviceAddress, _ count: Int, to sum: Scalars) {
        launch(.addNumbers, blocks: 1, threads: 1024, numbers, Int32(count), address(sum))
    }
}
