@_spi(HostMemory) import Kernels
import Parallel
import Testing

/// Sums over lanes, and floats in half of their bits.
struct LaneSumsTests {
    private func sum(_ parts: [[Float]], threads: Int = 1) -> (sum: [Float], squares: [Double]) {
        let count = parts[0].count, memory = FloatBuffer(count: parts.count * count)
        let starts = UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>>.allocate(capacity: parts.count)
        defer { starts.deallocate() }
        for (index, part) in parts.enumerated() {
            starts.initializeElement(at: index, to: memory.start + index * count)
            Matrix(memory, at: index * count, rows: 1, columns: count).copy(from: part)
        }
        let target = FloatBuffer(count: count), squares = FloatBuffer(count: 2 * LaneSums.chunks(count))
        let doubles = Scalars(squares, count: LaneSums.chunks(count))
        LaneSums.add(starts, count: count, to: target.start, squares: doubles.pointer, on: ThreadPool(threads: threads))
        return (Array(target.elements), (0..<doubles.count).map { doubles[$0] })
    }

    /// Whoever adds up aligned blocks of lanes first, and these then, has the bits of who adds up all at once.
    @Test(arguments: [1, 2, 3, 4, 6, 8, 12, 16])
    func blocksOfLanesMakeTheSameSum(lanes: Int) {
        var random = Random(seed: 3, stream: "lanes")
        let parts = (0..<lanes).map { _ in (0..<10_000).map { _ in Float(random.normal()) } }
        let whole = sum(parts)
        for block in [1, 2, 4, 8] where lanes % block == 0 {
            let blocks = stride(from: 0, to: lanes, by: block).map { sum(Array(parts[$0..<$0 + block])).sum }
            #expect(sum(blocks).sum.map(\.bitPattern) == whole.sum.map(\.bitPattern))
        }
        #expect(sum(parts, threads: 3).squares == whole.squares)
        for index in stride(from: 0, to: 10_000, by: 97) {
            let exact = parts.reduce(0.0) { $0 + Double($1[index]) }
            #expect(abs(Double(whole.sum[index]) - exact) < 1e-5)
        }
        let square = whole.sum.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(whole.squares.reduce(0, +) - square) < 1e-3 * square && whole.squares.count == 3)
    }

    /// Numbers as PyTorch rounds them: `torch.tensor(x).bfloat16()`.
    @Test func halvedFloatsAreRoundedToTheNearest() {
        let values: [Float] = [1, -2.5, 3.14159274, 1.00390625, 1.01171875, 0, -0, .infinity, .nan, 1e-40, 3.4e38]
        let rounded: [Float] = [1, -2.5, 3.140625, 1, 1.015625, 0, -0, .infinity, .nan, 9.183549615799121e-41, .infinity]
        let halves = UnsafeMutablePointer<UInt16>.allocate(capacity: values.count), back = FloatBuffer(count: values.count)
        defer { halves.deallocate() }
        let pool = ThreadPool(threads: 1)
        HalvedFloats.write(values, count: values.count, to: halves, on: pool)
        HalvedFloats.read(halves, count: values.count, to: back.start, on: pool)
        for (index, value) in rounded.enumerated() {
            let read = back.elements[index]
            #expect(value.isNaN ? read.isNaN : value == read || abs(value - read) < 1e-41 && value != 0, "\(values[index]): \(read)")
        }
    }
}
