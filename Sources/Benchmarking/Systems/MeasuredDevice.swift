public import CUDA
internal import Files
internal import Kernels

/// The GPU that the systems of a benchmark are trained on.
public struct MeasuredDevice: Codable, Sendable {
    /// Its number, from 0.
    let number: Int
    public let name: String
    /// The precision of products.
    public let precision: String
    /// The version of CUDA that the driver supports.
    public let driver: String
    /// Bytes that are free before a system is on it.
    public let memory: Int

    public init(_ gpu: CUDADevice, precision: CUDABackend.Precision) {
        (number, name, driver, memory) = (gpu.index, gpu.name, gpu.driverVersion, gpu.freeMemory)
        self.precision = precision.rawValue
    }

    /// Operations a second of large products, for estimates before any step: less than GPUs reach that train such networks.
    var assumedCeiling: Double { precision == CUDABackend.Precision.bfloat16.rawValue ? 1e14 : 2e13 }
}

/// The GPU as the process of one system sees it.
final class OpenedDevice {
    private let gpu: CUDADevice
    /// A backend for each direction.
    let backends: [any Backend]
    /// Bytes that were free before the backends took any.
    private let free: Int

    /// Throws `ToolError`, `unavailable`, if it is not there any more.
    init(_ device: MeasuredDevice, directions: Int) throws {
        gpu = try CUDADevice(device.number)
        free = gpu.freeMemory
        let precision = CUDABackend.Precision(rawValue: device.precision) ?? .bfloat16
        backends = try (0..<directions).map { [gpu] _ in try CUDABackend(gpu, precision: precision) }
    }

    /// Bytes that are taken since, by the driver's account of the whole GPU: nobody else may take or give any meanwhile.
    var taken: Int { max(0, free - gpu.freeMemory) }
}
