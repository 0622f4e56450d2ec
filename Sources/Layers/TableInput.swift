public import Kernels

/// A trainable vector for each unit of a vocabulary: the input of ELMo-Sub, where units are pieces of words.
///
/// A window has few of all units, so the table is a sparse parameter, unless the output layer shares it and has a gradient
/// for every row anyway.
public final class TableInput: InputLayer {
    /// [units, outputs]
    public let table: Parameter

    /// - Parameter isDense: whether the output layer uses the table too.
    public init(_ name: String, units: Int, outputs: Int, isDense: Bool, in layout: inout ParameterLayout) {
        table = isDense
            ? layout.declare("\(name).table", [units, outputs])
            : layout.declareSparse("\(name).table", rows: units, columns: outputs)
    }

    public var factors: [Parameter] { [] }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillClasses(table, random: &random)
    }

    public func forward(_ words: InputWords, into output: Matrix, _ parameters: ParameterStore, _ compute: Compute) {
        let numbers = numbers(words), values = parameters.value(table)
        for row in 0..<output.rows { output.row(row).update(from: values.row(Int(numbers[row])), count: output.columns) }
    }

    public func backward(
        _ words: InputWords, outputGradient: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        let numbers = numbers(words), count = outputGradient.columns
        guard table.isSparse else {
            let gradient = parameters.gradient(table)
            for row in 0..<outputGradient.rows {
                Vector.add(outputGradient.row(row), to: gradient.row(Int(numbers[row])), count: count)
            }
            return
        }
        let rows = parameters.rows(table)
        for row in 0..<outputGradient.rows { rows.touch(Int(numbers[row])) }
        for row in 0..<outputGradient.rows {
            Vector.add(outputGradient.row(row), to: rows.gradient(Int(numbers[row])), count: count)
        }
    }

    private func numbers(_ words: InputWords) -> UnsafePointer<Int32> {
        guard case .numbers(let numbers) = words else { preconditionFailure("the words of this input are numbers") }
        return numbers
    }

    public var activationBytes: Int { 0 }
}
