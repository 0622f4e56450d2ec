internal import Glibc
@_spi(HostMemory) public import Kernels

/// The numbers of one update in the layout of the kernels.
private struct DeviceUpdate: BitwiseCopyable {
    var scale, kept, rate: Float
    var beta1: Float = 0, fresh1: Float = 0, beta2: Float = 0, fresh2: Float = 0, epsilon: Float = 0, secondFactor: Float = 0
    let keepsGradients: Int32

    init(_ step: OptimizerStep) {
        keepsGradients = step.keepsGradients ? 1 : 0
        (scale, kept, rate) = (step.scale, 1 - step.rate * step.weightDecay, step.rate)
    }
}

extension CUDABackend {
    public func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adam) {
        guard let second = run.secondMoments else { preconditionFailure("Adam keeps two moments") }
        var update = DeviceUpdate(step)
        (update.beta1, update.fresh1) = (Float(rule.beta1), Float(1 - rule.beta1))
        (update.beta2, update.fresh2) = (Float(rule.beta2), Float(1 - rule.beta2))
        update.epsilon = Float(rule.epsilon)
        update.rate = Float(Double(step.rate) / (1 - pow(rule.beta1, Double(step.number))))
        update.secondFactor = Float(1 / (1 - pow(rule.beta2, Double(step.number))))
        func lies(_ matrix: Matrix) -> Bool { matrix.isDense && matrix.liesInFours }
        let count = run.weights.rows * run.weights.columns
        if run.rows == nil && lies(run.weights) && lies(run.gradients) && lies(run.firstMoments) && lies(second) {
            return launch(
                .adamDense, blocks: blocks(count / 4), address(run.weights.start), address(run.gradients.start),
                address(run.firstMoments.start), address(second.start), twinAddress(run.weights), Int32(count / 4), update)
        }
        launchElements(
            .adam, run.gradients, DeviceMatrix(run.weights), DeviceMatrix(run.gradients), DeviceMatrix(run.firstMoments),
            DeviceMatrix(second), run.rows.map { resident($0, .numbers) } ?? 0, twinAddress(run.weights), update)
    }

    public func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adagrad) {
        launchElements(
            .adagrad, run.gradients, DeviceMatrix(run.weights), DeviceMatrix(run.gradients), DeviceMatrix(run.firstMoments),
            run.rows.map { resident($0, .numbers) } ?? 0, twinAddress(run.weights), DeviceUpdate(step))
    }
}
