@_spi(HostMemory) public import Kernels

extension Activation {
    /// Its number in the kernels.
    var number: Int32 {
        switch self {
        case .relu: 0
        case .tanh: 1
        case .sigmoid: 2
        }
    }
}

extension HiddenFunction {
    /// Its number in the kernels.
    var number: Int32 { self == .relu ? 0 : 1 }
}

/// A draw as kernels take it: the key of seed and site, where the step is, the bits below which an element is dropped, and the
/// factor of others. Nothing is dropped where there is no step.
struct DeviceDraw: BitwiseCopyable {
    let site: UInt64
    let step: DeviceAddress
    let limit: UInt32
    let kept: Float
}

extension CUDABackend {
    /// A draw for a kernel that is launched next.
    func deviceDraw(_ draw: DropoutDraw?) -> DeviceDraw {
        guard let draw else { return DeviceDraw(site: 0, step: 0, limit: 0, kept: 1) }
        setStep(draw.step)
        return DeviceDraw(site: draw.site, step: address(stepMemory.start), limit: draw.threshold, kept: 1 / (1 - draw.rate))
    }

    public func drop(_ source: Matrix, _ draw: DropoutDraw?, into target: Matrix) {
        precondition(source.rows == target.rows && source.columns == target.columns)
        guard draw != nil else {
            if source.start != target.start { copy(source, to: target) }
            return
        }
        launchElements(.drop, target, DeviceMatrix(source), deviceDraw(draw), DeviceMatrix(target))
    }

    public func addResidual(_ input: Matrix, bias: Matrix, _ draw: DropoutDraw?, to values: Matrix) {
        precondition(input.rows == values.rows && input.columns == values.columns && bias.columns == values.columns)
        launchElements(.addResidual, values, DeviceMatrix(input), address(bias), deviceDraw(draw), DeviceMatrix(values))
    }

    public func activate(_ input: Matrix, bias: Matrix, _ function: HiddenFunction, into output: Matrix) {
        precondition(input.rows == output.rows && input.columns == output.columns && bias.columns == input.columns)
        launchElements(.activateHidden, output, DeviceMatrix(input), address(bias), function.number, DeviceMatrix(output))
    }

    public func addResidualBackward(_ gradient: Matrix, _ draw: DropoutDraw?, into target: Matrix, biasGradient: Matrix) {
        drop(gradient, draw, into: target)
        addColumnSums(of: target, to: biasGradient)
    }

    public func activateBackward(
        _ input: Matrix, bias: Matrix, _ function: HiddenFunction, gradient: Matrix, biasGradient: Matrix, into output: Matrix
    ) {
        precondition(input.rows == output.rows && input.columns == output.columns && bias.columns == input.columns)
        launchElements(
            .activateHiddenBackward, output, DeviceMatrix(input), address(bias), function.number, DeviceMatrix(gradient),
            DeviceMatrix(output))
        addColumnSums(of: gradient, to: biasGradient)
    }

    public func activate(_ values: Matrix, _ function: Activation) {
        launchElements(.activate, values, DeviceMatrix(values), function.number)
    }

    public func bend(_ gradient: Matrix, by values: Matrix, _ function: Activation) {
        launchElements(.bend, gradient, DeviceMatrix(gradient), DeviceMatrix(values), function.number)
    }

    public func fill(_ mask: Matrix, with draw: DropoutDraw) {
        precondition(mask.isDense)
        setStep(draw.step)
        launchElements(
            .dropout, mask, DeviceMatrix(mask), draw.site, address(stepMemory.start), draw.threshold, 1 / (1 - draw.rate))
    }

    public func multiply(_ target: Matrix, by factors: Matrix) {
        precondition(factors.rows >= target.rows && factors.columns == target.columns)
        launchElements(.multiplyBy, target, DeviceMatrix(target), DeviceMatrix(factors))
    }

    public func clip(_ values: Matrix, to bound: Float) { launchElements(.clip, values, DeviceMatrix(values), bound) }

    public func maskClipped(_ gradient: Matrix, by values: Matrix, bound: Float) {
        launchElements(.maskClipped, gradient, DeviceMatrix(gradient), DeviceMatrix(values), bound)
    }

    public func layerNorm(_ input: Matrix, gain: Matrix, bias: Matrix, epsilon: Double, into output: Matrix, statistics: Matrix) {
        launch(
            .layerNorm, blocks: warpBlocks(input.rows), DeviceMatrix(input), address(gain), address(bias), epsilon,
            DeviceMatrix(output), DeviceMatrix(statistics))
    }

    public func endStep(_ values: Matrix, _ ending: StepEnding, into output: Matrix) {
        guard ending.clip < .infinity || ending.norm != nil || ending.factors != nil || ending.parts != nil || ending.copies else {
            return
        }
        launch(
            .endStep, blocks: rowBlocks(values.rows), threads: rowThreads(values.columns), DeviceMatrix(values),
            ending.parts.map { DeviceMatrix($0) } ?? .none, ending.clip, ending.norm.map { address($0.gain) } ?? 0,
            ending.norm.map { address($0.bias) } ?? 0, ending.norm?.epsilon ?? 0,
            ending.norm.map { DeviceMatrix($0.statistics) } ?? .none, ending.factors.map { DeviceMatrix($0) } ?? .none,
            DeviceMatrix(output))
    }

    public func endStepBackward(_ values: Matrix, _ ending: StepEnding, gradient: Matrix, into result: Matrix) {
        guard ending.norm == nil || ending.norm?.sums != nil else { preconditionFailure("the norm's gradients need sums") }
        launch(
            .endStepBackward, blocks: min(values.rows, normSumRows), threads: rowThreads(values.columns), DeviceMatrix(values),
            ending.parts.map { DeviceMatrix($0) } ?? .none, ending.clip, ending.norm.map { address($0.gain) } ?? 0,
            ending.norm.map { DeviceMatrix($0.statistics) } ?? .none, ending.norm?.sums.map { address($0) } ?? 0,
            ending.factors.map { DeviceMatrix($0) } ?? .none, DeviceMatrix(gradient), DeviceMatrix(result))
    }

    /// Threads for a kernel of a row to a block, four columns to a thread: few threads add up sooner than many.
    private func rowThreads(_ columns: Int) -> Int {
        var threads = 32
        while threads < Self.threads && 4 * threads < columns { threads *= 2 }
        return threads
    }

    public func layerNormBackward(
        _ input: Matrix, gain: Matrix, statistics: Matrix, gradient: Matrix, residual: Matrix?, gainGradient: Matrix,
        biasGradient: Matrix
    ) {
        guard input.rows > 0 else { return }
        let height = partHeight(input), columns = input.columns, parts = (input.rows + height - 1) / height
        let partials = scratch(.sums, 2 * parts * columns)
        launch(
            .layerNormPartials, blocks: blocks((parts * columns + 3) / 4), DeviceMatrix(input), DeviceMatrix(statistics),
            DeviceMatrix(gradient), partials, Int32(height))
        addPartials(partials, parts: parts, to: gainGradient)
        addPartials(partials + 4 * UInt64(parts * columns), parts: parts, to: biasGradient)
        launch(
            .layerNormBackward, blocks: warpBlocks(input.rows), DeviceMatrix(input), address(gain), DeviceMatrix(statistics),
            DeviceMatrix(gradient))
        if let residual { add(gradient, to: residual) }
    }
}
