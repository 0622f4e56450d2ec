public import Files
@_spi(HostMemory) public import Kernels

/// A GPU as a backend: a stream of work, cuBLAS products, and scratch memory. Several backends may use one GPU and run in parallel.
///
/// Operations are queued and return at once; those that return a number to the host wait for it. On the same model of GPU with the
/// same libraries, results are the same bits each time, because no kernel adds numbers in an order that could change.
public final class CUDABackend: Backend {
    /// The precision of products.
    public enum Precision: String, Sendable, CaseIterable {
        /// Factors in bfloat16, sums in float32. Weights, gradients and all sums stay in float32.
        case bfloat16
        /// Factors and sums in float32.
        case float32
    }

    /// The GPU.
    public let device: CUDADevice
    /// Precision of products.
    public let precision: Precision
    /// Time spent in each phase and part since the backend was created, up to the last call of `enter`.
    public private(set) var phaseTimes = PhaseTimes()
    /// Multiplications and additions in all products so far.
    public internal(set) var operations = 0.0
    let stream: Handle?
    /// The stream for deliveries to the host; `nil` before the first.
    private var deliveries: Handle?
    private let products: CuBLAS
    private let workspace: FloatBuffer
    /// Numbers that kernels write for the host, from `answerCount` blocks or rows.
    let answers: Scalars
    private let answerMemory: FloatBuffer
    /// The training step for draws of dropout, which kernels read as a 64-bit number.
    let stepMemory: FloatBuffer
    private var step: UInt64 = 0
    /// Scratch memory for each use; it grows to the largest request and stays.
    private var scratch = [FloatBuffer?](repeating: nil, count: Scratch.allCases.count)
    /// Start of the matrix whose squared norm the host has not fetched yet.
    var begunNorm: DeviceAddress?
    /// The trained weights.
    var twins: [WeightTwin] = []
    /// Arguments of the kernel being launched, and the offset of each.
    private let arguments = UnsafeMutableRawPointer.allocate(byteCount: 2048, alignment: 16)
    private let argumentPlaces = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: 32)

    /// The uses of scratch memory. Each has a piece of its own, because several may be in use at once.
    enum Scratch: Int, CaseIterable {
        case left, right, sums, numbers, moreNumbers, places, transfer, values, scores, slopes, weights, bentSlopes
    }

    static let answerCount = 4096

    /// Creates a backend with a stream of its own. Throws `ToolError` with status `unavailable` if there is no cuBLAS.
    public init(_ device: CUDADevice, precision: Precision = .float32) throws(ToolError) {
        self.device = device
        self.precision = precision
        device.makeCurrent()
        var stream: Handle?
        // A stream that does not wait for the default stream.
        device.check(device.driver.createStream(&stream, 1), "stream")
        self.stream = stream
        workspace = device.allocate(CuBLAS.workspaceBytes / 4, on: stream)
        products = try CuBLAS(stream: stream, workspace: address(workspace.start))
        answerMemory = device.allocateShared(2 * Self.answerCount)
        answers = Scalars(answerMemory, count: Self.answerCount)
        stepMemory = device.allocate(2, on: stream)
    }

    deinit {
        wait()
        forgetRecords()
        _ = device.driver.destroyStream(stream)
        if let deliveries { _ = device.driver.destroyStream(deliveries) }
        arguments.deallocate()
        argumentPlaces.deallocate()
    }

    public func enter(_ phase: Phase, of part: Part?) { phaseTimes.enter(phase, of: part) }

    public func allocate(_ count: Int) -> FloatBuffer { device.allocate(count, on: stream) }
    public func allocateShared(_ count: Int) -> FloatBuffer { device.allocateShared(count) }

    /// Free memory of the GPU in bytes.
    public var freeBytes: Int { device.freeMemory }
    /// False: operations are queued and use the GPU's memory.
    public var computesInHostMemory: Bool { false }
    /// Number of parts into which rows are divided by the kernel that sums gradients on the way.
    public var normSumRows: Int { 8 * device.multiprocessors }
    /// Element type in which values are stored that become factors of products.
    public var factorElement: Matrix.Element { precision == .bfloat16 ? .bfloat16 : .float32 }

    public func wait() {
        device.makeCurrent()
        device.check(device.driver.waitForStream(stream), "computing")
    }

    func deliveryStream() -> Handle? {
        device.makeCurrent()
        if deliveries == nil { device.check(device.driver.createStream(&deliveries, 1), "stream") }
        return deliveries
    }

    /// Returns at least `count` floats, valid until the next call for the same use.
    func scratch(_ use: Scratch, _ count: Int) -> DeviceAddress {
        if let memory = scratch[use.rawValue], memory.count >= count { return address(memory.start) }
        // Queued operations may still use the old piece.
        wait()
        precondition(!isRecording, "scratch memory grows in a recording")
        forgetRecords()
        let memory = device.allocate(count, on: stream)
        scratch[use.rawValue] = memory
        return address(memory.start)
    }

    /// Returns a piece of scratch memory as a matrix.
    func scratchMatrix(_ use: Scratch, rows: Int, columns: Int, element: Matrix.Element = .float32) -> Matrix {
        let start = scratch(use, (rows * columns * element.size + 3) / 4)
        return Matrix(
            UnsafeMutablePointer(bitPattern: UInt(start))!, rows: rows, columns: columns, element: element)
    }

    // MARK: - Recording

    /// Operations that have been recorded as a graph, or that ran once and will be recorded.
    private struct Record {
        var graph: Handle?
        /// Multiplications and additions of their products.
        var operations = 0.0
    }

    private var records: [RecordKey: Record] = [:]
    private(set) var isRecording = false

    public func repeating(_ key: RecordKey?, _ body: () -> Void) {
        guard let key, !isRecording else { return body() }
        setStep(UInt64(bitPattern: Int64(key.trainingStep)))
        refreshTwins()
        guard let record = records[key] else {
            // Run once without recording, so that scratch memory reaches its size.
            body()
            records[key] = Record()
            return
        }
        let graph = record.graph ?? self.record(key, body)
        device.makeCurrent()
        device.check(device.driver.launchGraph(graph, stream), "recorded operations")
        if record.graph != nil { operations += record.operations }
    }

    private func record(_ key: RecordKey, _ body: () -> Void) -> Handle {
        let before = operations, onlyThisThread: CInt = 1
        var graph: Handle?, executable: Handle?
        device.makeCurrent()
        device.check(device.driver.beginCapture(stream, onlyThisThread), "recording")
        isRecording = true
        body()
        isRecording = false
        device.check(device.driver.endCapture(stream, &graph), "recording")
        device.check(device.driver.instantiate(&executable, graph, 0), "a record of operations")
        _ = device.driver.destroyGraph(graph)
        records[key] = Record(graph: executable, operations: operations - before)
        return executable!
    }

    /// Discards all records, because they use scratch memory that has been freed.
    private func forgetRecords() {
        for record in records.values { if let graph = record.graph { _ = device.driver.destroyExecutable(graph) } }
        records.removeAll()
    }

    /// Sets the training step for draws in operations queued from now on.
    func setStep(_ number: UInt64) {
        guard step != number else { return }
        precondition(!isRecording, "a record draws for one step")
        step = number
        device.makeCurrent()
        let start = address(stepMemory.start)
        device.check(device.driver.fill(start, UInt32(truncatingIfNeeded: number), 1, stream), "the step's number")
        device.check(device.driver.fill(start + 4, UInt32(number >> 32), 1, stream), "the step's number")
    }

    // MARK: - Launching

    static let threads = 256

    /// Queues a kernel and copies its arguments.
    func launch<each Argument: BitwiseCopyable>(
        _ kernel: Kernel, blocks: Int, threads: Int = CUDABackend.threads, _ values: repeat each Argument
    ) {
        guard blocks > 0 else { return }
        device.makeCurrent()
        var place = 0, count = 0
        repeat put(each values, &place, &count)
        device.check(
            device.driver.launch(
                device.function(kernel), UInt32(blocks), 1, 1, UInt32(threads), 1, 1, 0, stream, argumentPlaces, nil),
            kernel.name)
    }

    private func put<Argument: BitwiseCopyable>(_ value: Argument, _ place: inout Int, _ count: inout Int) {
        place = (place + 7) & ~7
        let target = arguments + place
        target.storeBytes(of: value, as: Argument.self)
        argumentPlaces[count] = target
        place += MemoryLayout<Argument>.size
        count += 1
    }

    /// Returns the number of blocks for a kernel whose threads divide `count` indices.
    func blocks(_ count: Int) -> Int {
        precondition(count <= Int(UInt32.max) - (1 << 24), "\(count) elements in one operation")
        let needed = (count + Self.threads - 1) / Self.threads, room = 16 * device.multiprocessors
        // With few rounds of all blocks, the last round would leave many idle.
        return needed <= 8 * room ? needed : room
    }

    /// Returns the number of blocks for a kernel whose blocks divide rows.
    func rowBlocks(_ rows: Int) -> Int { min(rows, 32 * device.multiprocessors) }

    /// Returns the number of blocks for a kernel whose groups of 32 threads divide rows.
    func warpBlocks(_ rows: Int) -> Int { blocks(32 * rows) }

    // MARK: - Products

    func multiply(
        _ left: CuBLAS.Factor, _ right: CuBLAS.Factor, rows: Int, columns: Int, depth: Int, into result: Matrix, adding: Bool
    ) {
        guard rows > 0, columns > 0 else { return }
        guard depth > 0 else {
            if !adding { fill(result, with: 0) }
            return
        }
        device.makeCurrent()
        operations += 2 * Double(rows) * Double(columns) * Double(depth)
        let status = products.multiply(
            left, right, rows: rows, columns: columns, depth: depth,
            into: CuBLAS.Factor(
                start: address(result.start), stride: max(result.stride, result.columns), isTransposed: false, type: type(result)),
            adding: adding)
        device.check(status == 0 ? 0 : 999, "product of \(rows) x \(depth) and \(depth) x \(columns): cuBLAS status \(status)")
    }

    /// Computes a product in parts of its depth, written one below the other to `parts`.
    func multiply(_ left: CuBLAS.Factor, _ right: CuBLAS.Factor, rows: Int, columns: Int, depth: Int, intoParts parts: Matrix) {
        let count = parts.rows / rows
        precondition(parts.rows == count * rows && depth % count == 0 && parts.isDense)
        device.makeCurrent()
        operations += 2 * Double(rows) * Double(columns) * Double(depth)
        let status = products.multiplyParts(
            left, right, rows: rows, columns: columns, depth: depth / count, count: count,
            into: CuBLAS.Factor(start: address(parts.start), stride: columns, isTransposed: false, type: type(parts)))
        device.check(
            status == 0 ? 0 : 999, "\(count) parts of the product of \(rows) x \(depth) and \(depth) x \(columns): cuBLAS status \(status)")
    }

    /// Computes the products of `count` pairs of factors, each at a fixed distance in elements from the previous one.
    func multiply(
        _ left: (factor: CuBLAS.Factor, step: Int), _ right: (factor: CuBLAS.Factor, step: Int), rows: Int, columns: Int, depth: Int,
        into result: (factor: CuBLAS.Factor, step: Int), count: Int
    ) {
        guard rows > 0, columns > 0, count > 0 else { return }
        device.makeCurrent()
        operations += 2 * Double(rows) * Double(columns) * Double(depth) * Double(count)
        let status = products.multiplyEach(left, right, rows: rows, columns: columns, depth: depth, into: result, count: count)
        device.check(
            status == 0 ? 0 : 999, "\(count) products of \(rows) x \(depth) and \(depth) x \(columns): cuBLAS status \(status)")
    }

    func type(_ matrix: Matrix) -> CInt { matrix.element == .float32 ? CuBLAS.float32 : CuBLAS.bfloat16 }
}

/// A matrix in the layout of the kernels.
struct DeviceMatrix: BitwiseCopyable {
    let start: DeviceAddress
    let rows, columns, stride, element: Int32

    init(_ matrix: Matrix) {
        start = address(matrix.start)
        (rows, columns) = (Int32(matrix.rows), Int32(matrix.columns))
        (stride, element) = (Int32(matrix.stride), matrix.element.rawValue)
    }

    /// No matrix: its start is null.
    static let none = DeviceMatrix()

    private init() { (start, rows, columns, stride, element) = (0, 0, 0, 0, 0) }
}

func address(_ pointer: UnsafeMutablePointer<some Any>) -> DeviceAddress { DeviceAddress(UInt(bitPattern: pointer)) }
func address(_ numbers: Numbers) -> DeviceAddress { address(numbers.pointer) }
func address(_ scalars: Scalars) -> DeviceAddress { address(scalars.pointer) }

extension Matrix {
    /// True if kernels can read groups of four elements at once, like `liesInFours` of the kernels.
    var liesInFours: Bool {
        columns % 4 == 0 && stride % 4 == 0 && Int(bitPattern: start) % (4 * element.size) == 0
    }
}

/// Returns the address of the adjacent floats of a matrix with one row or one column.
func address(_ vector: Matrix) -> DeviceAddress {
    precondition((vector.rows <= 1 || vector.isDense) && vector.element == .float32)
    return address(vector.start)
}
