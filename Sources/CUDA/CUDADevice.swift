public import Files
internal import Glibc
@_spi(HostMemory) internal import Kernels
internal import Parallel

/// A GPU: its context, its memory, and the kernels compiled for it.
public final class CUDADevice: @unchecked Sendable {
    /// Its number, from 0.
    public let index: Int
    /// NVIDIA's name for it, such as `NVIDIA H200`.
    public let name: String
    /// Its compute capability, such as 9.0.
    public let capability: String
    /// Its memory in bytes.
    public let memory: Int
    /// Version of CUDA that the driver supports, such as 13.0.
    public let driverVersion: String
    let multiprocessors: Int
    let driver: Driver
    private let context: Handle
    private let functions: [Handle]

    /// Opens GPU number `index`, from 0. Throws `ToolError` with status `unavailable` if there is none, or if a library is missing.
    public init(_ index: Int = 0) throws(ToolError) {
        self.index = index
        let driver = try Driver()
        self.driver = driver
        func check(_ status: CInt, _ doing: String) throws(ToolError) {
            guard status == 0 else { throw ToolError(.unavailable, "GPU \(index): \(doing): \(driver.text(status))") }
        }
        try check(driver.initialize(0), "the driver does not start")
        var count: CInt = 0, device: CInt = 0, version: CInt = 0
        try check(driver.deviceCount(&count), "the driver finds no GPU")
        guard index < count else {
            throw ToolError(.unavailable, "GPU \(index): there \(count == 1 ? "is 1 GPU" : "are \(count) GPUs"), counted from 0")
        }
        try check(driver.device(&device, CInt(index)), "cannot be opened")
        var context: Handle?
        let status = driver.retainContext(&context, device)
        guard status != Self.outOfMemory else {
            throw ToolError(.systemError, "GPU \(index): out of memory; nvidia-smi shows what other processes hold")
        }
        try check(status, "a context")
        try check(driver.setContext(context), "a context")
        guard let context else { throw ToolError(.unavailable, "GPU \(index): no context") }
        self.context = context
        var text = [CChar](repeating: 0, count: 256)
        _ = driver.deviceName(&text, 255, device)
        name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        func attribute(_ number: CInt) -> Int {
            var value: CInt = 0
            return driver.deviceAttribute(&value, number, device) == 0 ? Int(value) : 0
        }
        multiprocessors = max(1, attribute(16))
        let (major, minor) = (attribute(75), attribute(76))
        capability = "\(major).\(minor)"
        guard major >= 8 else {
            throw ToolError(.unavailable, "GPU \(index): \(name) has compute capability \(capability); at least 8.0 is needed")
        }
        var bytes = 0
        _ = driver.totalMemory(&bytes, device)
        memory = bytes
        _ = driver.version(&version)
        driverVersion = "\(version / 1000).\(version % 1000 / 10)"
        let code = try KernelCompiler.machineCode("sm_\(major)\(minor)")
        var module: Handle?
        try check(code.withUnsafeBytes { driver.loadModule(&module, $0.baseAddress!) }, "loading the kernels")
        var functions: [Handle] = []
        for kernel in Kernel.allCases {
            var function: Handle?
            try check(driver.function(&function, module, kernel.name), "finding the kernel \(kernel.name)")
            functions.append(function!)
        }
        self.functions = functions
    }

    /// Returns true if there is a GPU, even one that cannot be used. Throws `ToolError` with status `unavailable` if there is a
    /// driver that does not start.
    public static func isThere() throws(ToolError) -> Bool {
        guard Driver.isInstalled else { return false }
        let driver = try Driver(), noDevice: CInt = 100, status = driver.initialize(0)
        guard status != noDevice else { return false }
        guard status == 0 else { throw ToolError(.unavailable, "the driver does not start: \(driver.text(status))") }
        var count: CInt = 0
        return driver.deviceCount(&count) != 0 || count > 0
    }

    /// Compiles the kernels for an architecture such as sm_90, unless they are in the cache, and returns the bytes of their machine
    /// code. Throws `ToolError`: `unavailable` if there is no NVRTC, `software` if it does not compile them.
    public static func compileKernels(_ architecture: String) throws(ToolError) -> Int {
        try KernelCompiler.machineCode(architecture).count
    }

    /// Makes this the GPU of the calling thread.
    func makeCurrent() { check(driver.setContext(context), "context") }

    func function(_ kernel: Kernel) -> Handle { functions[kernel.rawValue] }

    /// Ends the process with one line if a call failed: an operation cannot throw, and what the GPU holds is lost.
    /// - Parameter help: what to do if memory ran out.
    @inline(__always)
    func check(_ status: CInt, _ doing: @autoclosure () -> String, help: String = "") {
        if status != 0 { end(status, doing(), help) }
    }

    private func end(_ status: CInt, _ doing: String, _ help: String) -> Never {
        let isOutOfMemory = status == Self.outOfMemory
        endProcess(
            saying: "\(name): \(doing): \(driver.text(status))\(isOutOfMemory ? help : "")",
            status: (isOutOfMemory ? ExitStatus.systemError : .software).rawValue)
    }

    /// The driver's status for lack of memory.
    private static let outOfMemory: CInt = 2

    /// Free memory in bytes.
    public var freeMemory: Int {
        makeCurrent()
        var (free, total) = (0, 0)
        _ = driver.freeMemory(&free, &total)
        return free
    }

    /// Allocates zeroed memory of the GPU.
    func allocate(_ count: Int, on stream: Handle?) -> FloatBuffer {
        makeCurrent()
        var address: DeviceAddress = 0
        let words = max(16, count)
        check(
            driver.allocate(&address, 4 * words), "memory for \(4 * words) bytes",
            help: "; nvidia-smi shows what other processes hold")
        check(driver.fill(address, 0, words, stream), "fill")
        return FloatBuffer(UnsafeMutablePointer(bitPattern: UInt(address))!, count: count) { [self] start in
            makeCurrent()
            _ = driver.free(DeviceAddress(UInt(bitPattern: start)))
        }
    }

    /// Allocates zeroed memory of the host that the GPU accesses at the same address.
    func allocateShared(_ count: Int) -> FloatBuffer {
        makeCurrent()
        var start: UnsafeMutableRawPointer?
        let portable: UInt32 = 1, bytes = 4 * max(16, count)
        check(driver.allocateHost(&start, bytes, portable), "\(bytes) bytes of the host's memory")
        memset(start!, 0, bytes)
        return FloatBuffer(start!.bindMemory(to: Float.self, capacity: count), count: count) { [self] start in
            makeCurrent()
            _ = driver.freeHost(start)
        }
    }
}
