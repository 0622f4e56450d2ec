public import Kernels

/// The vector that stands in for masked words (Devlin et al. 2019): trained, and put in the place of the input layer's output, so
/// that it serves words in any form.
public struct MaskVector: Sendable {
    /// [width]
    public let vector: Parameter
    /// [places, width]: the gradients of the rows that have the vector.
    private let gradients: MatrixSlot

    /// - Parameter places: rows of a window that have the vector, at most.
    public init(_ name: String, width: Int, places: Int, in plan: inout Plan) {
        vector = plan.parameter("\(name).vector", [width])
        gradients = plan.gradient(rows: places, columns: width)
    }

    /// Numbers of about the size that the input layer's are.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorot(vector, inputs: 1, outputs: vector.count, random: &random)
    }

    /// Writes the vector to rows of the input layer's output [rows, width].
    /// - Parameter places: these rows; negative numbers are none.
    public func forward(_ words: Matrix, at places: Numbers, _ run: Run) {
        run.backend.broadcast(run.value(vector), to: words, at: places)
    }

    /// Adds the gradients of the rows that have the vector to its own, and makes them zero: the input layer gets none there.
    public func backward(_ gradient: Matrix, at places: Numbers, _ run: Run) {
        let rows = run.matrix(gradients, rows: places.count)
        run.backend.gather(places, of: gradient, into: rows)
        run.backend.addColumnSums(of: rows, to: run.gradient(vector))
        run.backend.broadcast(nil, to: gradient, at: places)
    }
}

/// The words of a window that a network is to predict, and those of them that it does not see.
public struct Masking {
    /// The rows of the words that are predicted, negative where there are fewer than places for them: [predicted rows].
    public let rows: Numbers
    /// For each row of the window its place among these, negative where it has none: [rows].
    public let places: Numbers
    /// The rows that have the mask vector, negative where there are fewer than places for them: [predicted rows].
    public let masked: Numbers

    public init(rows: Numbers, places: Numbers, masked: Numbers) {
        (self.rows, self.places, self.masked) = (rows, places, masked)
    }
}
