@_spi(HostMemory) public import Kernels

extension CUDABackend {
    /// True if the kernels for gates of bfloat16 go through a step, four units at once. Other matrices lie as gates do.
    private func areHalf(_ gates: Matrix) -> Bool {
        gates.element == .bfloat16 && gates.columns % 16 == 0 && gates.stride % 4 == 0 && Int(bitPattern: gates.start) % 8 == 0
    }

    private func checkGroups(_ halves: [Matrix], floats: [Matrix]) {
        precondition(
            halves.allSatisfy { $0.element == .bfloat16 } && floats.allSatisfy { $0.element == .float32 }
                && (halves + floats).allSatisfy {
                    $0.columns % 4 == 0 && $0.stride % 4 == 0 && Int(bitPattern: $0.start) % (4 * $0.element.size) == 0
                }, "matrices of a step that do not lie in groups of four")
    }

    public func lstmStep(gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputs: Matrix, clip: Float) {
        let isHalf = areHalf(gates)
        if isHalf { checkGroups([outputs], floats: [previous, cells, bias]) }
        launch(
            isHalf ? .lstmStepHalf : .lstmStep, blocks: blocks(cells.rows * cells.columns / (isHalf ? 4 : 1)), DeviceMatrix(gates),
            address(bias), DeviceMatrix(previous), DeviceMatrix(cells), DeviceMatrix(outputs), clip)
    }

    public func lstmStepBackward(
        gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputGradient: Matrix, cellGradient: Matrix, clip: Float,
        recomputesOutputs: Bool
    ) {
        let isHalf = areHalf(gates)
        if isHalf { checkGroups([outputGradient], floats: [previous, cells, cellGradient, bias]) }
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
}
