@_spi(HostMemory) public import Kernels

/// Trained weights and their twin, the form in which products use them: in bfloat16, or the weights themselves. The kernels of
/// updates write both.
final class WeightTwin {
    fileprivate let weights: Range<DeviceAddress>
    /// `nil` if the weights themselves are the factors.
    fileprivate let memory: FloatBuffer?
    /// False if anything but an update has written to the weights.
    fileprivate var isCurrent = false

    fileprivate init(weights: FloatBuffer, memory: FloatBuffer?) {
        self.weights = address(weights.start)..<address(weights.start) + 4 * UInt64(max(1, weights.count))
        self.memory = memory
    }

    /// Returns the twin of a matrix of weights.
    fileprivate func matrix(_ matrix: Matrix) -> Matrix {
        guard let memory else { return matrix }
        return Matrix(
            UnsafeMutablePointer(bitPattern: UInt(place(of: matrix, in: memory)))!, rows: matrix.rows, columns: matrix.columns,
            stride: matrix.stride, element: .bfloat16)
    }

    fileprivate func place(of matrix: Matrix, in memory: FloatBuffer) -> DeviceAddress {
        address(memory.start) + (address(matrix.start) - weights.lowerBound) / 2
    }
}

extension CUDABackend {
    public func allocateWeights(_ count: Int) -> FloatBuffer {
        let memory = allocate(count)
        let twin = WeightTwin(weights: memory, memory: precision == .bfloat16 ? allocate((count + 1) / 2) : nil)
        twins.append(twin)
        // The buffer that is returned owns the memory, and with it the twin.
        return FloatBuffer(memory.start, count: count) { [weak self] _ in
            self?.twins.removeAll { $0 === twin }
            withExtendedLifetime(memory) {}
        }
    }

    /// Bytes of a trained weight, including its twin.
    public var weightBytes: Int { precision == .bfloat16 ? 6 : 4 }

    private func twin(of matrix: Matrix) -> WeightTwin? {
        twins.first { matrix.element == .float32 && $0.weights.contains(address(matrix.start)) }
    }

    /// Returns trained weights as a factor; `nil` for any other matrix.
    func trainedFactor(_ matrix: Matrix) -> Matrix? {
        guard let twin = twin(of: matrix) else { return nil }
        if !twin.isCurrent { refresh(twin) }
        return twin.matrix(matrix)
    }

    /// Returns the address at which an update writes the twins of weights; 0 if there are none.
    func twinAddress(_ weights: Matrix) -> DeviceAddress {
        guard let twin = twin(of: weights), let memory = twin.memory else { return 0 }
        return twin.place(of: weights, in: memory)
    }

    /// Records that an operation writes to `target`, which may be weights.
    func willWrite(_ target: Matrix) { twin(of: target)?.isCurrent = false }

    /// Updates all twins, which recorded operations assume to be current.
    func refreshTwins() { for twin in twins where !twin.isCurrent { refresh(twin) } }

    private func refresh(_ twin: WeightTwin) {
        precondition(!isRecording, "weights have changed within a record")
        twin.isCurrent = true
        guard let memory = twin.memory else { return }
        let count = Int(twin.weights.upperBound - twin.weights.lowerBound) / 4
        let weights = Matrix(
            UnsafeMutablePointer(bitPattern: UInt(twin.weights.lowerBound))!, rows: 1, columns: count)
        let target = Matrix(memory.start, rows: 1, columns: count, element: .bfloat16)
        launchElements(.toBFloat16s, weights, DeviceMatrix(weights), DeviceMatrix(target))
    }
}
