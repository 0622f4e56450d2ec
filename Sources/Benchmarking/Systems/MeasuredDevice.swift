public import CUDA
internal import Files
internal import Kernels

/// The GPU on which the systems of a benchmark are trained.
public struct MeasuredDevice: Codable, Sendable {
    /// The number of the GPU, from 0.
    let number: Int
    /// The name of the GPU.
    public let name: String
    /// The precision of products.
    public let precision: String
    /// The version of CUDA that the driver supports.
    public let driver: String
    /// The number of bytes that are free before a system uses the GPU.
    public let memory: Int

    /// Describes a GPU.
    public init(_ gpu: CUDADevice, precision: CUDABackend.Precision) {
        (number, name, driver, memory) = (gpu.index, gpu.name, gpu.driverVersion, gpu.freeMemory)
        self.precision = precision.rawValue
    }

    /// The assumed speed of large products in operations per second, for estimates before the first step. GPUs that train such
    /// networks are faster.
    var assumedCeiling: Double { precision == CUDABackend.Precision.bfloat16.rawValue ? 1e14 : 2e13 }
}

/// The GPU in the process of one system.
final class OpenedDevice {
    private let gpu: CUDADevice
    /// A backend for each direction.
    let backends: [any Backend]
    /// The number of bytes that were free before the backends allocated any.
    private let free: Int

    /// Opens the GPU. Throws `ToolError`, `unavailable`, if it is no longer there.
    init(_ device: MeasuredDevice, directions: Int) throws {
        gpu = try CUDADevice(device.number)
        free = gpu.freeMemory
        let precision = CUDABackend.Precision(rawValue: device.precision) ?? .bfloat16
        backends = try (0..<directions).map { [gpu] _ in try CUDABackend(gpu, precision: precision) }
    }

    /// The number of bytes allocated since, by the driver's account of the whole GPU. Nobody else may allocate or free any meanwhile.
    var taken: Int { max(0, free - gpu.freeMemory) }
}
