public import Kernels

/// The trained vector that replaces masked words (Devlin et al. 2019). It replaces the output of the input layer, so it works for
/// words in any form.
///
/// ```swift
/// let mask = MaskVector("mask", width: 512, places: 64, in: &plan)
/// ```
public struct MaskVector: Sendable {
    /// The vector, [width].
    public let vector: Parameter
    /// Gradients of the rows that hold the vector, [places, width].
    private let gradients: MatrixSlot

    /// Declares the vector.
    /// - `places`: maximum number of rows of a window that hold the vector.
    public init(_ name: String, width: Int, places: Int, in plan: inout Plan) {
        vector = plan.parameter("\(name).vector", [width])
        gradients = plan.gradient(rows: places, columns: width)
    }

    /// Initialises the vector with numbers about as large as the input layer's outputs.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorot(vector, inputs: 1, outputs: vector.count, random: &random)
    }

    /// Writes the vector to rows of the input layer's output [rows, width].
    /// - `places`: the rows to write; negative numbers are skipped.
    public func forward(_ words: Matrix, at places: Numbers, _ run: Run) {
        run.backend.broadcast(run.value(vector), to: words, at: places)
    }

    /// Adds the gradients of the rows that hold the vector to the vector's gradient, and sets them to zero, because the input layer
    /// gets no gradient there.
    public func backward(_ gradient: Matrix, at places: Numbers, _ run: Run) {
        let rows = run.matrix(gradients, rows: places.count)
        run.backend.gather(places, of: gradient, into: rows)
        run.backend.addColumnSums(of: rows, to: run.gradient(vector))
        run.backend.broadcast(nil, to: gradient, at: places)
    }
}

/// The words of a window that a network predicts, and those among them that it does not see.
///
/// ```swift
/// let masking = Masking(rows: rows, places: places, masked: masked)
/// ```
public struct Masking {
    /// Rows of the predicted words, negative where there are fewer words than places, [predicted rows].
    public let rows: Numbers
    /// For each row of the window its index in `rows`, or a negative number, [rows].
    public let places: Numbers
    /// Rows that hold the mask vector, negative where there are fewer than places, [predicted rows].
    public let masked: Numbers

    /// Creates a masking; see the properties for shapes.
    public init(rows: Numbers, places: Numbers, masked: Numbers) {
        (self.rows, self.places, self.masked) = (rows, places, masked)
    }
}
