public import Kernels

/// A trainable vector for each unit of a vocabulary: the input of ELMo-Sub, where units are pieces of words.
///
/// A window has few of all units, so the table is a sparse parameter, unless the output layer shares it and has a gradient
/// for every row anyway.
public struct TableInput: Layer {
    /// [units, outputs]
    public let table: Parameter
    private let output: MatrixSlot
    /// [rows]: where in the table's sparse gradient each row's unit is.
    private let places: NumberSlot

    /// - Parameter isDense: true if the output layer uses the table too.
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
