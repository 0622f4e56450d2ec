@_spi(HostMemory) public import Kernels

extension CUDABackend {
    /// Returns true if the kernels for bfloat16 gates, which process four units at once, run the step. The other matrices are laid
    /// out like gates.
    private func areHalf(_ gates: Matrix) -> Bool {
        gates.element == .bfloat16 && gates.columns % 16 == 0 && gates.liesInFours
    }

    private func checkFours(_ matrix: Matrix, _ element: Matrix.Element) {
        precondition(matrix.element == element && matrix.liesInFours, "a matrix of a step that does not lie in groups of four")
    }

    public func lstmStep(gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputs: Matrix, clip: Float) {
        let isHalf = areHalf(gates)
        if isHalf {
            checkFours(outputs, .bfloat16)
            checkFours(previous, .float32)
            checkFours(cells, .float32)
            checkFours(bias, .float32)
        }
        launch(
            isHalf ? .lstmStepHalf : .lstmStep, blocks: blocks(cells.rows * cells.columns / (isHalf ? 4 : 1)), DeviceMatrix(gates),
            address(bias), DeviceMatrix(previous), DeviceMatrix(cells), DeviceMatrix(outputs), clip)
    }

    public func lstmStepBackward(
        gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputGradient: Matrix, cellGradient: Matrix, clip: Float,
        recomputesOutputs: Bool
    ) {
        let isHalf = areHalf(gates)
        if isHalf {
            checkFours(outputGradient, .bfloat16)
            checkFours(previous, .float32)
            checkFours(cells, .float32)
            checkFours(cellGradient, .float32)
            checkFours(bias, .float32)
        }
        launch(
            isHalf ? .lstmStepBackwardHalf : .lstmStepBackward, blocks: blocks(cells.rows * cells.columns / (isHalf ? 4 : 1)),
            DeviceMatrix(gates), address(bias), DeviceMatrix(previous), DeviceMatrix(cells), DeviceMatrix(outputGradient),
            DeviceMatrix(cellGradient), clip, Int32(recomputesOutputs ? 1 : 0))
    }

    public func gruStep(gates: Matrix, products: Matrix, bias: Matrix, candidateBias: Matrix, previous: Matrix, outputs: Matrix) {
        launchElements(
            .gruStep, outputs, DeviceMatrix(gates), DeviceMatrix(products), address(bias), address(candidateBias),
            DeviceMatrix(previous), DeviceMatrix(outputs))
    }

    public func gruStepBackward(gates: Matrix, products: Matrix, previous: Matrix, gradient: Matrix) {
        launchElements(
            .gruStepBackward, gradient, DeviceMatrix(gates), DeviceMatrix(products), DeviceMatrix(previous), DeviceMatrix(gradient))
    }

    private func matrix(_ matrix: Matrix?) -> DeviceMatrix { matrix.map { DeviceMatrix($0) } ?? .none }

    /// Launches a kernel with one thread for each unit of each sequence, which runs through all steps.
    private func launchUnits<each Argument: BitwiseCopyable>(
        _ kernel: Kernel, gates: Matrix, cells: Matrix, _ values: repeat each Argument
    ) {
        launch(
            kernel, blocks: blocks((cells.rows - gates.rows) * cells.columns), DeviceMatrix(gates), DeviceMatrix(cells),
            repeat each values)
    }

    public func qrnn(gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputs: Matrix?) {
        launchUnits(.qrnn, gates: gates, cells: cells, address(bias), matrix(factors), share, matrix(outputs))
    }

    public func qrnnBackward(
        gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputGradient: Matrix, sums: Matrix
    ) {
        launchUnits(
            .qrnnBackward, gates: gates, cells: cells, address(bias), matrix(factors), share, DeviceMatrix(outputGradient),
            DeviceMatrix(sums))
    }

    public func sru(
        gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputs: Matrix
    ) {
        launchUnits(
            .sru, gates: gates, cells: cells, address(bias), address(weights), matrix(input), scale, DeviceMatrix(outputs))
    }

    public func sruBackward(
        gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputGradient: Matrix,
        inputGradient: Matrix?, sums: Matrix
    ) {
        launchUnits(
            .sruBackward, gates: gates, cells: cells, address(bias), address(weights), matrix(input), scale,
            DeviceMatrix(outputGradient), matrix(inputGradient), DeviceMatrix(sums))
    }
}
