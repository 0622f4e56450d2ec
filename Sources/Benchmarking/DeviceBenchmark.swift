internal import Glibc
public import Kernels

/// A benchmark of a device's operations: the difference of each from the processor's on the same values, and its speed.
public struct DeviceBenchmark {
    private let device: any Backend
    private let processor: ProcessorBackend
    /// The approximate measuring time of each operation in seconds.
    private let seconds: Double

    /// Makes a benchmark of a device, with about `seconds` of measuring time per operation.
    public init(_ device: any Backend, processor: ProcessorBackend, seconds: Double) {
        (self.device, self.processor, self.seconds) = (device, processor, seconds)
    }

    /// The difference from the processor and the speed of an operation.
    public struct Result: Sendable {
        /// The greatest difference of a value in a result from the processor's, in multiples of the greatest absolute value of that
        /// result, or of 1 if that is less; infinite if one is NaN and the other is not.
        public let difference: Double
        /// The speed in billions per second of floating point operations for a product, and of bytes otherwise.
        public let speed: Double
    }

    /// Returns the greatest difference that rounding explains.
    /// - `isRounded`: true if factors of products are rounded to bfloat16.
    public static func bound(_ operation: OperationCase, isRounded: Bool) -> Double {
        guard isRounded else { return 5e-5 }
        return operation.isProduct || operation.storesFactors ? 2e-2 : 5e-5
    }

    /// Compares and measures an operation.
    public func run(_ operation: OperationCase, _ sizes: OperationCase.Sizes) -> Result {
        let expected = operation.prepare(in: OperationMemory(on: processor), sizes)
        let own = operation.prepare(in: OperationMemory(on: device), sizes)
        expected.run(processor)
        own.run(device)
        device.wait()
        var worst = 0.0
        func compare(_ own: [Matrix], _ expected: [Matrix]) {
            for (own, expected) in zip(own, expected) {
                worst = max(worst, difference(device.read(own).map(Double.init), processor.read(expected).map(Double.init)))
            }
        }
        compare(own.results, expected.results)
        if let slope = own.slope, let expectedSlope = expected.slope {
            slope.run(device)
            expectedSlope.run(processor)
            compare(slope.gradients, expectedSlope.gradients)
        }
        device.wait()
        for (scalars, plain) in zip(own.scalars, expected.scalars) {
            worst = max(worst, difference((0..<scalars.count).map { scalars[$0] }, (0..<plain.count).map { plain[$0] }))
        }
        let work = operation.work(sizes) * (operation.isProduct ? 1 : 4)
        return Result(difference: worst, speed: seconds > 0 ? 1e-9 * work / time(own) : 0)
    }

    private func difference(_ values: [Double], _ expected: [Double]) -> Double {
        var magnitude = 1.0, worst = 0.0
        for value in expected where value.isFinite { magnitude = max(magnitude, abs(value)) }
        for (one, other) in zip(values, expected) where one != other {
            if one.isNaN && other.isNaN { continue }
            let difference = abs(one - other)
            worst = difference.isFinite ? max(worst, difference) : .infinity
        }
        return worst / magnitude
    }

    /// Returns the seconds of one call in a series of calls.
    private func time(_ prepared: OperationCase.Prepared) -> Double {
        func time(_ calls: Int) -> Double {
            let start = now()
            for _ in 0..<calls { prepared.run(device) }
            device.wait()
            return now() - start
        }
        _ = time(2)
        let calls = max(3, min(2000, Int(seconds / max(1e-6, time(1)))))
        return time(calls) / Double(calls)
    }
}
