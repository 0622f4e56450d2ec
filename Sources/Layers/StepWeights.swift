internal import Kernels

/// The weights that meet every time step of a window, packed once for all of them: those of an LSTM layer on its way
/// forth or, transposed, on its way back. Layers of the same sizes may share one, because one at a time is at work.
final class StepWeights {
    /// [output, 4 cell]
    let recurrent: PackedMatrix
    /// [cell, output]; `nil` without a projection.
    let projection: PackedMatrix?

    init(_ options: ProjectedLSTM.Options) {
        recurrent = PackedMatrix(rows: options.output, columns: 4 * options.cell)
        projection = options.projection.map { PackedMatrix(rows: options.cell, columns: $0) }
    }

    /// The weights of `layer` for the steps of a way forth: packed now, unless they are packed for good.
    func factors(
        of layer: ProjectedLSTM, _ parameters: ParameterStore, _ compute: Compute
    ) -> (recurrent: PackedFactor, projection: PackedFactor?) {
        if let packed = parameters.packed(layer.recurrentWeight) {
            return (packed, layer.projectionWeight.flatMap { parameters.packed($0) })
        }
        pack(layer, transposed: false, parameters, compute)
        return (.floats(recurrent), projection.map { .floats($0) })
    }

    /// Packs the weights of `layer` for the steps to come.
    func pack(_ layer: ProjectedLSTM, transposed: Bool, _ parameters: ParameterStore, _ compute: Compute) {
        func pack(_ parameter: Parameter, into packed: PackedMatrix) {
            let matrix = parameters.value(parameter)
            if transposed { compute.pack(matrix.transposed, into: packed) } else { compute.pack(matrix, into: packed) }
        }
        pack(layer.recurrentWeight, into: recurrent)
        if let weight = layer.projectionWeight, let projection { pack(weight, into: projection) }
    }

    var bytes: Int { recurrent.bytes + (projection?.bytes ?? 0) }
}
