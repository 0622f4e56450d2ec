public import Files
@_spi(HostMemory) public import Kernels

/// A GPU as a backend: a stream of work, the products of cuBLAS, and scratch memory. Several may be on one GPU, and run side by
/// side.
///
/// Operations are queued and return at once. Those that give the host a number wait for it. Results are the same bits each time
/// on the same model of GPU with the same libraries, because no kernel adds up in an order that could change.
public final class CUDABackend: Backend {
    /// The precision of products.
    public enum Precision: String, Sendable, CaseIterable {
        /// Factors of bfloat16, sums in float32. Weights, their gradients and all sums stay float32.
        case bfloat16
        case float32
    }

    public let device: CUDADevice
    public let precision: Precision
    public private(set) var phaseTimes = PhaseTimes()
    public internal(set) var operations = 0.0
    let stream: Handle?
    /// The stream of what is delivered to the host; `nil` before the first.
    private var deliveries: Handle?
    private let products: CuBLAS
    private let workspace: FloatBuffer
    /// Numbers that kernels write for the host: of `answerCount` blocks or rows.
    let answers: Scalars
    private let answerMemory: FloatBuffer
    /// The step of training of dropout's draws, which kernels read: a number of 64 bits.
    let stepMemory: FloatBuffer
    private var step: UInt64 = 0
    /// Scratch memory by its use; each grows to the largest size asked for, then stays.
    private var scratch = [FloatBuffer?](repeating: nil, count: Scratch.allCases.count)
    /// Where the matrix begins whose squared norm the host has not fetched yet.
    var begunNorm: DeviceAddress?
    /// The weights that are trained.
    var twins: [WeightTwin] = []
    /// Arguments of the kernel that is launched, and where each begins.
    private let arguments = UnsafeMutableRawPointer.allocate(byteCount: 2048, alignment: 16)
    private let argumentPlaces = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: 32)

    /// The uses of scratch memory. Each has a piece of its own, because several may be in use at once.
    enum Scratch: Int, CaseIterable {
        case left, right, sums, numbers, moreNumbers, places, transfer, values, scores, slopes, weights, bentSlopes
    }

    static let answerCount = 4096

    /// Throws `ToolError`, `unavailable`, if there is no cuBLAS.
    public init(_ device: CUDADevice, precision: Precision = .float32) throws(ToolError) {
        self.device = device
        self.precision = precision
        device.makeCurrent()
        var stream: Handle?
        // Does not wait for the default stream.
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

    public var freeBytes: Int { device.freeMemory }
    public var computesInHostMemory: Bool { false }
    /// Parts that rows are cut into by the kernel that adds them up on the way.
    public var normSumRows: Int { 8 * device.multiprocessors }
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

    /// At least `count` floats, valid until the next call for the same use.
    func scratch(_ use: Scratch, _ count: Int) -> DeviceAddress {
        if let memory = scratch[use.rawValue], memory.count >= count { return address(memory.start) }
        // What is queued may use the old piece.
        wait()
        precondition(!isRecording, "scratch memory grows in a recording")
        forgetRecords()
        let memory = device.allocate(count, on: stream)
        scratch[use.rawValue] = memory
        return address(memory.start)
    }

    /// A piece of scratch memory as a matrix.
    func scratchMatrix(_ use: Scratch, rows: Int, columns: Int, element: Matrix.Element = .float32) -> Matrix {
        let start = scratch(use, (rows * columns * element.size + 3) / 4)
        return Matrix(
            UnsafeMutablePointer(bitPattern: UInt(start))!, rows: rows, columns: columns, element: element)
    }

    // MARK: - Recording

    /// Operations that were recorded as a graph, or that ran once and will be.
    private struct Record {
        var graph: Handle?
        /// Multiplications and additions of the products in it.
        var operations = 0.0
    }

    private var records: [RecordKey: Record] = [:]
    private(set) var isRecording = false

    public func repeating(_ key: RecordKey?, _ body: () -> Void) {
        guard let key, !isRecording else { return body() }
        setStep(UInt64(bitPattern: Int64(key.trainingStep)))
        refreshTwins()
        guard let record = records[key] else {
            // Once as it is, so that scratch memory has its size.
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

    /// Forgets all records: they use scratch memory that is no more.
    private func forgetRecords() {
        for record in records.values { if let graph = record.graph { _ = device.driver.destroyExecutable(graph) } }
        records.removeAll()
    }

    /// Sets the step of training that draws are of, for what is queued from now on.
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

    /// Queues a kernel. Its arguments are copied now.
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

    /// Blocks for a kernel whose threads share out `count` indices.
    func blocks(_ count: Int) -> Int {
        precondition(count <= Int(UInt32.max) - (1 << 24), "\(count) elements in one operation")
        let needed = (count + Self.threads - 1) / Self.threads, room = 16 * device.multiprocessors
        // Few rounds of all blocks would not come out even.
        return needed <= 8 * room ? needed : room
    }

    /// Blocks for a kernel whose blocks share out rows.
    func rowBlocks(_ rows: Int) -> Int { min(rows, 32 * device.multiprocessors) }

    /// Blocks for a kernel whose groups of 32 threads share out rows.
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

    /// A product in parts of its depth, one below the other in `parts`.
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

    /// Products of `count` pairs of factors, each so many elements behind the one before.
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

/// A matrix as kernels take it.
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
    /// True if kernels can read groups of four elements at once: as `liesInFours` of the kernels.
    var liesInFours: Bool {
        columns % 4 == 0 && stride % 4 == 0 && Int(bitPattern: start) % (4 * element.size) == 0
    }
}

/// The floats of a matrix of one row, or of one column, that lie side by side.
func address(_ vector: Matrix) -> DeviceAddress {
    precondition((vector.rows <= 1 || vector.isDense) && vector.element == .float32)
    return address(vector.start)
}
