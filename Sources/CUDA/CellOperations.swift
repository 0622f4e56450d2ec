@_spi(HostMemory) public import Kernels

extension CUDABackend {
    public func lstmStep(gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputs: Matrix, clip: Float) {
        launchElements(
            .lstmStep, cells, DeviceMatrix(gates), address(bias), DeviceMatrix(previous), DeviceMatrix(cells), DeviceMatrix(outputs),
            clip)
    }

    public func lstmStepBackward(
        gates: Matrix, previous: Matrix, cells: Matrix, outputGradient: Matrix, cellGradient: Matrix, clip: Float
    ) {
        launchElements(
            .lstmStepBackward, cells, DeviceMatrix(gates), DeviceMatrix(previous), DeviceMatrix(cells), DeviceMatrix(outputGradient),
            DeviceMatrix(cellGradient), clip)
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
