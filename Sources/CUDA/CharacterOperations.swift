@_spi(HostMemory) public import Kernels

extension CUDABackend {
    public func highway(_ input: Matrix, transformed: Matrix, gates: Matrix, into output: Matrix) {
        launchElements(
            .highway, input, DeviceMatrix(input), DeviceMatrix(transformed), DeviceMatrix(gates), DeviceMatrix(output))
    }

    public func highwayBackward(
        _ input: Matrix, transformed: Matrix, gates: Matrix, outputGradient: Matrix, transformedGradient: Matrix,
        gateGradient: Matrix, carried: Matrix
    ) {
        launchElements(
            .highwayBackward, input, DeviceMatrix(input), DeviceMatrix(transformed), DeviceMatrix(gates),
            DeviceMatrix(outputGradient), DeviceMatrix(transformedGradient), DeviceMatrix(gateGradient), DeviceMatrix(carried))
    }

    /// Returns running sums of the words' places, in the GPU's memory.
    private func ends(_ places: Numbers, _ words: Range<Int>) -> DeviceAddress {
        let ends = scratch(.moreNumbers, words.count)
        launch(.runningSums, blocks: 1, resident(places, .numbers), Int32(words.lowerBound), Int32(words.count), ends)
        return ends
    }

    public func unfold(
        _ letters: Matrix, width: Int, words: Range<Int>, starts: Numbers, places: Numbers, into windows: Matrix
    ) {
        precondition(letters.isDense && windows.columns == width * letters.columns)
        guard !words.isEmpty else { return }
        launch(
            .unfold, blocks: rowBlocks(words.count), DeviceMatrix(letters), Int32(words.lowerBound), Int32(words.count),
            resident(starts, .places), ends(places, words), DeviceMatrix(windows))
    }

    public func maxPool(
        _ answers: Matrix, words: Range<Int>, places: Numbers, bias: Matrix, _ activation: Activation, into features: Matrix,
        chosen: ChosenPlaces?
    ) {
        guard !words.isEmpty else { return }
        launch(
            .maxPool, blocks: rowBlocks(words.count), DeviceMatrix(answers), Int32(words.lowerBound), Int32(words.count),
            ends(places, words), address(bias), activation.number, DeviceMatrix(features), chosen.map { address($0.places) } ?? 0,
            Int32(chosen?.features ?? 0), Int32(chosen?.column ?? 0))
    }

    public func addFilterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, letters: Matrix, starts: Numbers, weightGradient: Matrix, biasGradient: Matrix
    ) {
        let filters = gradient.columns, columns = weightGradient.columns
        guard gradient.rows > 0 else { return }
        precondition(weightGradient.isDense)
        let height = max(32, (gradient.rows + 31) / 32), parts = (gradient.rows + height - 1) / height
        let partials = scratch(.sums, parts * filters * (columns + 1))
        launch(
            .filterPartials, blocks: blocks(parts * filters * (columns + 1)), DeviceMatrix(gradient), address(chosen.places),
            Int32(chosen.features), Int32(chosen.column), DeviceMatrix(letters), resident(starts, .places), Int32(columns),
            Int32(height), partials)
        addPartials(partials, parts: parts, to: Matrix(weightGradient.start, rows: 1, columns: filters * columns))
        addPartials(partials + 4 * UInt64(parts * filters * columns), parts: parts, to: biasGradient)
    }

    public func addLetterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, weights: Matrix, starts: Numbers, lettersGradient: Matrix
    ) {
        launch(
            .letterGradients, blocks: rowBlocks(gradient.rows), DeviceMatrix(gradient), address(chosen.places),
            Int32(chosen.features), Int32(chosen.column), DeviceMatrix(weights), resident(starts, .places),
            DeviceMatrix(lettersGradient))
    }
}
