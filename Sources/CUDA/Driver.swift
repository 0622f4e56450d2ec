internal import Files

/// An address in a device's memory, or in memory of the host that the device accesses.
typealias DeviceAddress = UInt64
/// Contexts, streams, modules and other objects of the driver.
typealias Handle = OpaquePointer

/// The functions of the driver, libcuda.so.1, that Contour calls.
struct Driver: Sendable {
    let initialize: @convention(c) (UInt32) -> CInt
    let version: @convention(c) (UnsafeMutablePointer<CInt>) -> CInt
    let deviceCount: @convention(c) (UnsafeMutablePointer<CInt>) -> CInt
    let device: @convention(c) (UnsafeMutablePointer<CInt>, CInt) -> CInt
    let deviceName: @convention(c) (UnsafeMutablePointer<CChar>, CInt, CInt) -> CInt
    let deviceAttribute: @convention(c) (UnsafeMutablePointer<CInt>, CInt, CInt) -> CInt
    let totalMemory: @convention(c) (UnsafeMutablePointer<Int>, CInt) -> CInt
    let freeMemory: @convention(c) (UnsafeMutablePointer<Int>, UnsafeMutablePointer<Int>) -> CInt
    let retainContext: @convention(c) (UnsafeMutablePointer<Handle?>, CInt) -> CInt
    let setContext: @convention(c) (Handle?) -> CInt
    let allocate: @convention(c) (UnsafeMutablePointer<DeviceAddress>, Int) -> CInt
    let free: @convention(c) (DeviceAddress) -> CInt
    let allocateHost: @convention(c) (UnsafeMutablePointer<UnsafeMutableRawPointer?>, Int, UInt32) -> CInt
    let freeHost: @convention(c) (UnsafeMutableRawPointer?) -> CInt
    let copy: @convention(c) (DeviceAddress, DeviceAddress, Int, Handle?) -> CInt
    let fill: @convention(c) (DeviceAddress, UInt32, Int, Handle?) -> CInt
    let createStream: @convention(c) (UnsafeMutablePointer<Handle?>, UInt32) -> CInt
    let destroyStream: @convention(c) (Handle?) -> CInt
    let waitForStream: @convention(c) (Handle?) -> CInt
    let createEvent: @convention(c) (UnsafeMutablePointer<Handle?>, UInt32) -> CInt
    let destroyEvent: @convention(c) (Handle?) -> CInt
    let recordEvent: @convention(c) (Handle?, Handle?) -> CInt
    let waitForEvent: @convention(c) (Handle?) -> CInt
    let waitOnStream: @convention(c) (Handle?, Handle?, UInt32) -> CInt
    let loadModule: @convention(c) (UnsafeMutablePointer<Handle?>, UnsafeRawPointer) -> CInt
    let function: @convention(c) (UnsafeMutablePointer<Handle?>, Handle?, UnsafePointer<CChar>) -> CInt
    let launch:
        @convention(c) (
            Handle?, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, Handle?,
            UnsafeMutablePointer<UnsafeMutableRawPointer?>?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
        ) -> CInt
    let beginCapture: @convention(c) (Handle?, CInt) -> CInt
    let endCapture: @convention(c) (Handle?, UnsafeMutablePointer<Handle?>) -> CInt
    let instantiate: @convention(c) (UnsafeMutablePointer<Handle?>, Handle?, UInt64) -> CInt
    let launchGraph: @convention(c) (Handle?, Handle?) -> CInt
    let destroyGraph: @convention(c) (Handle?) -> CInt
    let destroyExecutable: @convention(c) (Handle?) -> CInt
    private let errorText: @convention(c) (CInt, UnsafeMutablePointer<UnsafePointer<CChar>?>) -> CInt

    /// True if there is a driver, of any version, even one that cannot be opened.
    static var isInstalled: Bool { CUDALibrary.isThere(names) }

    private static let names = ["libcuda.so.1"]

    /// Opens the driver. Throws `ToolError` with status `unavailable` if there is none.
    init() throws(ToolError) {
        let library = try CUDALibrary(Self.names, broughtBy: "it comes with NVIDIA's driver: apt install nvidia-driver")
        initialize = try library.function("cuInit")
        version = try library.function("cuDriverGetVersion")
        deviceCount = try library.function("cuDeviceGetCount")
        device = try library.function("cuDeviceGet")
        deviceName = try library.function("cuDeviceGetName")
        deviceAttribute = try library.function("cuDeviceGetAttribute")
        totalMemory = try library.function("cuDeviceTotalMem_v2")
        freeMemory = try library.function("cuMemGetInfo_v2")
        retainContext = try library.function("cuDevicePrimaryCtxRetain")
        setContext = try library.function("cuCtxSetCurrent")
        allocate = try library.function("cuMemAlloc_v2")
        free = try library.function("cuMemFree_v2")
        allocateHost = try library.function("cuMemHostAlloc")
        freeHost = try library.function("cuMemFreeHost")
        copy = try library.function("cuMemcpyAsync")
        fill = try library.function("cuMemsetD32Async")
        createStream = try library.function("cuStreamCreate")
        destroyStream = try library.function("cuStreamDestroy_v2")
        waitForStream = try library.function("cuStreamSynchronize")
        createEvent = try library.function("cuEventCreate")
        destroyEvent = try library.function("cuEventDestroy_v2")
        recordEvent = try library.function("cuEventRecord")
        waitForEvent = try library.function("cuEventSynchronize")
        waitOnStream = try library.function("cuStreamWaitEvent")
        loadModule = try library.function("cuModuleLoadData")
        function = try library.function("cuModuleGetFunction")
        launch = try library.function("cuLaunchKernel")
        beginCapture = try library.function("cuStreamBeginCapture_v2")
        endCapture = try library.function("cuStreamEndCapture")
        instantiate = try library.function("cuGraphInstantiateWithFlags")
        launchGraph = try library.function("cuGraphLaunch")
        destroyGraph = try library.function("cuGraphDestroy")
        destroyExecutable = try library.function("cuGraphExecDestroy")
        errorText = try library.function("cuGetErrorString")
    }

    /// Returns the driver's text for a status.
    func text(_ status: CInt) -> String {
        var text: UnsafePointer<CChar>?
        _ = errorText(status, &text)
        return text.map { String(cString: $0) } ?? "error \(status)"
    }
}
