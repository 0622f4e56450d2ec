import CUDA
import Foundation
import TestSupport

/// The stand-in for a GPU: a library that has the functions of the driver, NVRTC and cuBLAS, and runs the kernels on the processor.
enum FakeGPU {
    /// A device of the stand-in. Made once, because a process opens its libraries once.
    static let device = Result { () throws in
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fake-cuda-\(getpid())").path
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["libcuda.so.1", "libnvrtc.so.13", "libcublas.so.13"] {
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: library)
        }
        setenv("CONTOUR_CUDA_PATH", folder, 1)
        setenv("XDG_CACHE_HOME", folder, 1)
        // Read once; programs that other tests start are to know nothing of it.
        defer {
            unsetenv("CONTOUR_CUDA_PATH")
            unsetenv("XDG_CACHE_HOME")
        }
        return try CUDADevice()
    }

    private static let library = URL(fileURLWithPath: "\(toolDirectory)/libFakeCUDA.so").standardizedFileURL.path

    static func backend(_ precision: CUDABackend.Precision = .float32) throws -> CUDABackend {
        try CUDABackend(device.get(), precision: precision)
    }
}
