public import Kernels

/// A trained vector for each unit of a vocabulary: the input of ELMo-Sub, where units are pieces of words.
///
/// A window contains few of all units, so the table is a sparse parameter, unless the output layer shares it and computes a
/// gradient for every row anyway.
///
/// ```swift
/// let input = TableInput("input", units: 8000, outputs: 512, isDense: false, in: &plan)
/// ```
public struct TableInput: Layer {
    /// The vectors, [units, outputs].
    public let table: Parameter
    private let output: MatrixSlot
    /// Index of each row's unit in the table's sparse gradient, [rows].
    private let places: NumberSlot

    /// Declares the table.
    /// - `isDense`: true if the output layer uses the table, too.
    public init(_ name: String, units: Int, outputs: Int, isDense: Bool, in plan: inout Plan) {
        table = plan.parameter("\(name).table", [units, outputs], isSparse: !isDense)
        output = plan.matrix(rows: plan.capacity.rows, columns: outputs)
        places = plan.numbers(!isDense && plan.isTraining ? plan.capacity.rows : 0)
    }

    public var factors: [Parameter] { [] }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillClasses(table, random: &random)
    }

    public func forward(_ words: InputWords, _ shape: WindowShape, _ run: Run) -> Matrix {
        let output = run.matrix(output, rows: shape.rows)
        run.backend.gather(numbers(words, shape), of: run.value(table), into: output)
        return output
    }

    public func backward(
        _ words: InputWords, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        let numbers = numbers(words, shape)
        guard table.isSparse else {
            return run.backend.scatterAdd(outputGradient, to: run.gradient(table), at: numbers)
        }
        let rows = run.rows(table), places = run.numbers(places)
        rows.touch(numbers, places: places)
        run.backend.scatterAdd(outputGradient, to: rows.gradient, at: places)
    }

    private func numbers(_ words: InputWords, _ shape: WindowShape) -> Numbers {
        guard case .numbers(let numbers) = words else { preconditionFailure("the words of this input are numbers") }
        return numbers[0..<shape.rows]
    }
}
