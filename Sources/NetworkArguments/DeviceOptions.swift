public import ArgumentParser
public import CUDA
public import Files
public import Kernels

extension CUDABackend.Precision: ExpressibleByArgument {}

/// The processor or the GPU that a network computes on.
public enum DeviceChoice: ExpressibleByArgument, Sendable, Equatable {
    case processor
    case cuda(Int)
    case automatic

    public init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch parts.first {
        case "cpu" where parts.count == 1: self = .processor
        case "auto" where parts.count == 1: self = .automatic
        case "cuda":
            guard parts.count == 2 else {
                self = .cuda(0)
                return
            }
            guard let number = Int(parts[1]), (0..<1024).contains(number), String(number) == parts[1] else { return nil }
            self = .cuda(number)
        default: return nil
        }
    }

    public static var allValueStrings: [String] { ["cpu", "cuda", "cuda:1", "auto"] }

    public var defaultValueDescription: String {
        switch self {
        case .processor: "cpu"
        case .cuda(let number): number == 0 ? "cuda" : "cuda:\(number)"
        case .automatic: "auto"
        }
    }
}

/// `--device` and `--precision`.
public struct DeviceOptions: ParsableArguments {
    @Option(help: ArgumentHelp(
        "Compute on the processor (cpu), on an NVIDIA GPU (cuda, or cuda:1 for the second), or on a GPU if there is one (auto).",
        valueName: "device"))
    public var device = DeviceChoice.processor

    @Option(
        name: .customLong("precision"),
        help: "Precision of a GPU's products: float32, or bfloat16 with sums in float32 [bfloat16].")
    public var chosenPrecision: CUDABackend.Precision?

    public init() {}

    public func validate() throws {
        guard device != .processor || chosenPrecision != .bfloat16 else {
            throw ValidationError("--precision bfloat16 needs --device cuda")
        }
    }

    public var precision: CUDABackend.Precision { chosenPrecision ?? .bfloat16 }

    /// Throws `ValidationError` if a device or a precision is chosen for something that computes nothing.
    public func refuse(for option: String) throws {
        guard device == .processor && chosenPrecision == nil else {
            throw ValidationError("\(option) computes nothing; leave --device and --precision out")
        }
    }

    /// A sentence on the device that was found, for whoever left the choice to the program; `nil` if the user made it.
    public func announcement(_ gpu: CUDADevice?) -> String? {
        device == .automatic ? "computing on \(gpu?.name ?? "the processor: there is no GPU")" : nil
    }

    /// A backend on a GPU for each of `count` directions. Throws what `open` throws.
    /// - Parameter directions: those that are computed here; others have a processor's backend, which is only memory. `nil`: all.
    public func backends(_ count: Int, on gpu: CUDADevice, computing directions: Range<Int>? = nil) throws(ToolError) -> [any Backend] {
        var backends: [any Backend] = []
        for direction in 0..<count {
            let isOwn = directions?.contains(direction) ?? true
            backends.append(isOwn ? try CUDABackend(gpu, precision: precision) : ProcessorBackend())
        }
        return backends
    }

    /// The GPU that was chosen; `nil` for the processor. Throws `ToolError`, `unavailable`, if there is no such GPU or a library
    /// that it needs is missing, also where the choice was left to the program: it would be slow without a reason.
    /// - Parameter place: of this process among those of its machine, each of which has a GPU of its own.
    public func open(place: Int = 0) throws(ToolError) -> CUDADevice? {
        switch device {
        case .processor: return nil
        case .cuda(let number): return try CUDADevice(number + place)
        case .automatic:
            return try CUDADevice.isThere() ? CUDADevice(place) : nil
        }
    }
}
