/// The right factor of several products, packed once in the order of its backend: weights of an LSTM, which are used at every time
/// step of a window, or those of a network that is not trained.
///
/// ```swift
/// let weights = backend.packed(matrix)
/// backend.multiply(left, weights, into: result)
/// ```
public struct PackedFactor: @unchecked Sendable {
    /// Shape of the factor.
    public let rows, columns: Int
    /// The packed floats, in an order private to the backend.
    @_spi(HostMemory) public let start: UnsafeMutablePointer<Float>
    /// The factor as 8-bit integers, if it was quantized.
    let quantized: QuantizedMatrix?
    /// The factor as a device stores it; `nil` on the processor.
    @_spi(HostMemory) public let stored: Operand?
    /// Owner of the floats, if the factor has memory of its own.
    var memory: FloatBuffer?

    /// Describes a factor packed into `memory` by the processor's backend.
    @_spi(HostMemory)
    public init(_ memory: Matrix, rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        start = memory.start
        quantized = nil
        stored = nil
    }

    /// Wraps a factor that a device stores as an operand.
    @_spi(HostMemory)
    public init(_ stored: Operand) {
        rows = stored.rows
        columns = stored.columns
        start = stored.matrix.start
        quantized = nil
        self.stored = stored
    }

    init(_ quantized: QuantizedMatrix) {
        rows = quantized.rows
        columns = quantized.columns
        start = quantized.memory
        self.quantized = quantized
        stored = nil
    }

    /// Size in bytes of the memory that the factor owns.
    public var bytes: Int { memory?.bytes ?? quantized?.bytes ?? 0 }

    func panels(_ kernels: ProcessorKernels) -> RightPanels {
        precondition(quantized == nil, "a matrix of bytes has no panels of floats")
        return RightPanels(start: start, depth: rows, columns: columns, kernels: kernels)
    }
}

/// The precision of products with the weights of a network that is not trained.
///
/// ```swift
/// let precision = WeightPrecision.int8
/// ```
public enum WeightPrecision: String, Sendable, CaseIterable {
    /// Single precision.
    case float32
    /// 8-bit integers for weights and for the values they are multiplied by (`QuantizedMatrix`): faster, but approximate. Applies
    /// to the sequence encoder only, not to the input layer.
    case int8
}

extension ProcessorBackend {
    public func packedCount(rows: Int, columns: Int) -> Int {
        let width = ProcessorKernels.available.map(\.columns).max() ?? 1
        return max(
            RightPanels.size(depth: rows, columns: columns, width: width),
            RightPanels.size(depth: columns, columns: rows, width: width))
    }

    public func pack(_ factor: some Factor, into memory: Matrix) -> PackedFactor {
        let factor = factor.operand
        let packed = PackedFactor(memory, rows: factor.rows, columns: factor.columns)
        precondition(
            RightPanels.size(depth: factor.rows, columns: factor.columns, width: kernels.columns) <= memory.columns)
        pack(factor, into: packed.panels(kernels))
        return packed
    }

    public func quantize(_ factor: Matrix) -> PackedFactor { PackedFactor(QuantizedMatrix(factor, pool: pool)) }

    public func multiply(_ left: some Factor, _ right: PackedFactor, into result: Matrix, adding: Bool) {
        if let quantized = right.quantized {
            let left = left.operand
            precondition(!left.isTransposed, "rows become bytes, not columns")
            multiply(left.matrix, quantized, into: result, adding: adding)
        } else {
            multiply(left, right.panels(kernels), into: result, adding ? .result : .nothing)
        }
    }

    public func multiply(_ left: some Factor, _ right: PackedFactor, bias: Matrix, into result: Matrix) {
        precondition(bias.columns == result.columns)
        if right.quantized != nil {
            multiply(left, right, into: result, adding: false)
            addRow(bias, to: result)
        } else {
            multiply(left, right.panels(kernels), into: result, .row(bias.start))
        }
    }
}
