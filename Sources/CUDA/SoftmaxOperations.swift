@_spi(HostMemory) public import Kernels

extension CUDABackend {
    public func softmax(_ logits: Matrix, _ pass: SoftmaxPass, loss: Scalars) {
        let rows = logits.columns, own: Int32 = pass.hasOwnTargets ? 1 : 0
        // A block for as many classes as make a thread's sum worthwhile.
        let blocks = max(1, min(SoftmaxPass.blocks, logits.rows / 32))
        precondition(rows == pass.states.rows && rows == pass.scaled.rows)
        // Every thread reads the whole bias, which may be in the host's memory.
        let bias = pass.bias.map { resident($0, .values) } ?? 0, (highest, partials) = (address(pass.highest), address(pass.partials))
        func sum(_ highest: DeviceAddress) {
            launch(
                .softmaxBlocks, blocks: self.blocks(blocks * rows), DeviceMatrix(logits), bias, highest, partials, Int32(blocks))
        }
        sum(0)
        launch(
            .softmaxHighest, blocks: self.blocks(rows), DeviceMatrix(logits), bias, address(pass.targets), own, partials,
            Int32(blocks), highest, address(pass.targetLogits))
        sum(highest)
        let losses = scratch(.sums, 2 * rows)
        launch(
            .softmaxEnd, blocks: self.blocks(rows), Int32(rows), own, partials, Int32(blocks), highest, address(pass.targetLogits),
            address(pass.factors), address(pass.totals), address(pass.stateFactors), address(pass.slopes), losses)
        launchElements(.scaleRows, pass.states, DeviceMatrix(pass.states), address(pass.stateFactors), DeviceMatrix(pass.scaled))
        add(losses, rows, to: loss)
    }

    public func addClassSums(of exponentials: Matrix, _ pass: SoftmaxPass, to sums: Matrix) {
        launch(
            .classSums, blocks: rowBlocks(exponentials.rows), DeviceMatrix(exponentials), address(pass.stateFactors), address(sums))
    }

    public func addTargetGradients(
        _ pass: SoftmaxPass, statesGradient: Matrix, weights: Matrix, rows: Numbers, gradient: Matrix?, biasGradient: Matrix?,
        slots: Numbers
    ) {
        let count = statesGradient.rows, used = scratch(.numbers, count), slopes = address(pass.slopes)
        let places = resident(rows, .places), own = rows.pointer == slots.pointer ? places : address(slots)
        launch(
            .targetGradients, blocks: warpBlocks(count), DeviceMatrix(statesGradient), DeviceMatrix(weights), places, own,
            address(pass.factors), address(pass.stateFactors), slopes, used)
        if let gradient { scatterAdd(pass.states.rows(0..<count), to: gradient, at: used, factors: slopes) }
        if let biasGradient {
            // A column of slopes, each added to the number of its slot.
            precondition(biasGradient.isDense)
            let source = Matrix(pass.slopes.start, rows: count, columns: 1)
            let target = Matrix(biasGradient.start, rows: biasGradient.rows * biasGradient.columns, columns: 1)
            scatterAdd(source, to: target, at: used, factors: 0)
        }
    }

    public func exclude(_ places: Numbers, from logits: Matrix) {
        launch(.exclude, blocks: blocks(logits.columns), address(places), DeviceMatrix(logits))
    }

    public func classShifts(of biases: Matrix, at rows: Numbers, corrections: Scalars, into shifts: Matrix) {
        precondition(biases.isDense && rows.count >= shifts.columns && corrections.count >= shifts.columns)
        launch(
            .classShifts, blocks: blocks(shifts.columns), address(biases.start), address(rows), address(corrections),
            address(shifts), Int32(shifts.columns))
    }

    public func targetLogits(_ states: Matrix, weights: Matrix, rows: Numbers, shifts: Matrix, into logits: Matrix) {
        launch(
            .targetLogits, blocks: warpBlocks(states.rows), DeviceMatrix(states), DeviceMatrix(weights), resident(rows, .places),
            resident(shifts, .values), address(logits))
    }

    public func logSoftmax(_ values: Matrix) { launch(.logSoftmax, blocks: rowBlocks(values.rows), DeviceMatrix(values)) }

    // MARK: - Layers mixed

    public func mixLayers(_ input: Matrix, weights: Matrix, gain: Matrix, into output: Matrix) {
        checkLayers(input, weights, output)
        launchElements(
            .mixLayers, output, DeviceMatrix(input), address(weights), Int32(weights.columns), address(gain), DeviceMatrix(output))
    }

    public func mixLayersBackward(
        _ input: Matrix, weights: Matrix, gain: Matrix, outputGradient: Matrix, inputGradient: Matrix?, partials: Scalars,
        weightGradient: Matrix, gainGradient: Matrix
    ) {
        checkLayers(input, weights, outputGradient)
        let layers = Int32(weights.columns), parts = Int32(mixBlocks)
        precondition(partials.count >= mixBlocks * weights.columns)
        launch(
            .mixLayersBackward, blocks: mixBlocks, DeviceMatrix(input), address(weights), layers, address(gain),
            DeviceMatrix(outputGradient), inputGradient.map { DeviceMatrix($0) } ?? .none, address(partials), parts)
        launch(
            .mixGradients, blocks: 1, address(partials), parts, address(weights), layers, address(gain), address(weightGradient),
            address(gainGradient))
    }

    private func checkLayers(_ input: Matrix, _ weights: Matrix, _ output: Matrix) {
        precondition(
            input.columns == weights.columns * output.columns && input.rows == output.rows,
            "\(weights.columns) layers in \(input.columns) columns, mixed into \(output.columns)")
        precondition(weights.columns <= 64, "the kernel mixes 64 layers at most")
    }
}
