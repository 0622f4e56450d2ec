@_spi(HostMemory) import Kernels
import Parallel
import Testing

/// The cells of an LSTM step by their definition, in double precision, for every kind of processor that this one can be.
@Suite struct CellTests {
    private static let clip = 1.5

    /// One cell: its four pre-activations, the cell before, dm and the dc that comes from later steps.
    private struct Cell {
        let gates: [Double], previous, outputGradient, cellGradient: Double

        var activations: [Double] {
            gates.enumerated().map { $0 == 2 ? tanh($1) : 1 / (1 + exp(-$1)) }
        }
        var unclipped: Double { activations[0] * activations[2] + activations[1] * previous }
        var cell: Double { min(max(unclipped, -clip), clip) }
        var output: Double { activations[3] * tanh(cell) }

        /// Of the four pre-activations and the cell before.
        var gradients: [Double] {
            let (i, f, g, o) = (activations[0], activations[1], activations[2], activations[3])
            let t = tanh(cell)
            let dc = abs(unclipped) > clip ? 0 : cellGradient + outputGradient * o * (1 - t * t)
            return [
                dc * g * i * (1 - i), dc * previous * f * (1 - f), dc * i * (1 - g * g), outputGradient * t * o * (1 - o),
                dc * f,
            ]
        }

        private func exp(_ x: Double) -> Double {
            // Taylor's series of e^(x / 1024), squared ten times.
            var term = 1.0, sum = 1.0
            for n in 1...12 {
                term *= x / 1024 / Double(n)
                sum += term
            }
            for _ in 0..<10 { sum *= sum }
            return sum
        }

        private func tanh(_ x: Double) -> Double { 1 - 2 / (exp(2 * x) + 1) }
    }

    @Test(arguments: [1, 7, 16, 33, 1000])
    func agreeWithTheDefinition(size: Int) {
        var random = Random(seed: UInt64(size), stream: "cells")
        let cells = (0..<size).map { _ in
            Cell(
                gates: (0..<4).map { _ in Double(Float(random.uniform(in: -6..<6))) },
                previous: Double(Float(random.uniform(in: -1.5..<1.5))),
                outputGradient: Double(Float(random.uniform(in: -1..<1))),
                cellGradient: Double(Float(random.uniform(in: -1..<1))))
        }
        #expect(size < 1000 || cells.contains { $0.cell != $0.unclipped })
        for kernels in ProcessorKernels.available {
            func run(_ value: (Cell) -> Double) -> FloatBuffer {
                let buffer = FloatBuffer(count: size)
                for (index, cell) in cells.enumerated() { buffer.start[index] = Float(value(cell)) }
                return buffer
            }
            let gates = FloatBuffer(count: 4 * size), bias = FloatBuffer(count: 4 * size)
            for gate in 0..<4 {
                for (index, cell) in cells.enumerated() {
                    bias.start[gate * size + index] = Float(gate)
                    gates.start[gate * size + index] = Float(cell.gates[gate]) - Float(gate)
                }
            }
            let previous = run(\.previous), cell = run { _ in 0 }, output = run { _ in 0 }
            let backend = ProcessorBackend(pool: ThreadPool(threads: 1), kernels: kernels)
            func row(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: 1, columns: buffer.count) }
            backend.lstmStep(
                gates: row(gates), bias: row(bias), previous: row(previous), cells: row(cell), outputs: row(output),
                clip: Float(Self.clip))
            func worst(_ values: UnsafeMutablePointer<Float>, _ expected: (Cell) -> Double) -> Double {
                cells.enumerated().map { abs(Double(values[$0]) - expected($1)) }.max() ?? 0
            }
            for gate in 0..<4 { #expect(worst(gates.start + gate * size) { $0.activations[gate] } < 2e-6) }
            #expect(worst(cell.start, \.cell) < 3e-6)
            #expect(worst(output.start, \.output) < 3e-6)

            let outputGradient = run(\.outputGradient), cellGradient = run(\.cellGradient)
            backend.lstmStepBackward(
                gates: row(gates), bias: row(bias), previous: row(previous), cells: row(cell), outputGradient: row(outputGradient),
                cellGradient: row(cellGradient), clip: Float(Self.clip), recomputesOutputs: true)
            for gate in 0..<4 { #expect(worst(gates.start + gate * size) { $0.gradients[gate] } < 5e-6) }
            #expect(worst(cellGradient.start) { $0.gradients[4] } < 5e-6)
            #expect(worst(cell.start, \.output) < 3e-6)
            withExtendedLifetime((bias, previous, outputGradient)) {}
        }
    }

    /// Training that goes wrong must be noticed, not clipped.
    @Test func notANumberStays() {
        for kernels in ProcessorKernels.available {
            let gates = FloatBuffer(count: 80), bias = FloatBuffer(count: 80)
            let previous = FloatBuffer(count: 20), cell = FloatBuffer(count: 20), output = FloatBuffer(count: 20)
            gates.start[3] = .nan
            func row(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: 1, columns: buffer.count) }
            ProcessorBackend(pool: ThreadPool(threads: 1), kernels: kernels).lstmStep(
                gates: row(gates), bias: row(bias), previous: row(previous), cells: row(cell), outputs: row(output), clip: 3)
            #expect(cell.start[3].isNaN && output.start[3].isNaN)
            #expect(output.start[2] == 0 && output.start[4] == 0)
            withExtendedLifetime((bias, previous)) {}
        }
    }
}
