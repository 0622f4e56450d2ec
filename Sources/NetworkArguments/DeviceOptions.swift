public import ArgumentParser
public import CUDA
public import Files
public import Kernels

extension CUDABackend.Precision: ExpressibleByArgument {}

/// The device that a network runs on.
public enum DeviceChoice: ExpressibleByArgument, Sendable, Equatable {
    /// The processor.
    case processor
    /// The NVIDIA GPU with this number.
    case cuda(Int)
    /// A GPU if there is one, otherwise the processor.
    case automatic

    /// Parses `cpu`, `cuda`, `cuda:N` or `auto`.
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

    /// Examples of values, for the help text.
    public static var allValueStrings: [String] { ["cpu", "cuda", "cuda:1", "auto"] }

    /// The value as the help text shows it.
    public var defaultValueDescription: String {
        switch self {
        case .processor: "cpu"
        case .cuda(let number): number == 0 ? "cuda" : "cuda:\(number)"
        case .automatic: "auto"
        }
    }
}

/// The options `--device` and `--precision`.
public struct DeviceOptions: ParsableArguments {
    /// The device to run on.
    @Option(help: ArgumentHelp(
        "Compute on the processor (cpu), on an NVIDIA GPU (cuda, or cuda:1 for the second), or on a GPU if there is one (auto).",
        valueName: "device"))
    public var device = DeviceChoice.processor

    /// The precision that the user chose for a GPU, if any.
    @Option(
        name: .customLong("precision"),
        help: "Precision of a GPU's products: float32, or bfloat16 with sums in float32 [bfloat16].")
    public var chosenPrecision: CUDABackend.Precision?

    /// Creates the options with their defaults.
    public init() {}

    /// Throws `ValidationError` if a precision is chosen for the processor.
    public func validate() throws {
        guard device != .processor || chosenPrecision != .bfloat16 else {
            throw ValidationError("--precision bfloat16 needs --device cuda")
        }
    }

    /// Precision of products on a GPU.
    public var precision: CUDABackend.Precision { chosenPrecision ?? .bfloat16 }

    /// Throws `ValidationError` if a device or precision was chosen together with `option`, which computes nothing.
    public func refuse(for option: String) throws {
        guard device == .processor && chosenPrecision == nil else {
            throw ValidationError("\(option) computes nothing; leave --device and --precision out")
        }
    }

    /// Returns a sentence about the device that was found if the choice was left to the program; `nil` if the user made it.
    public func announcement(_ gpu: CUDADevice?) -> String? {
        device == .automatic ? "computing on \(gpu?.name ?? "the processor: there is no GPU")" : nil
    }

    /// Returns one backend on a GPU for each of `count` directions. Throws what `open` throws.
    /// - `directions`: directions computed here; the others get a processor's backend, which only holds memory. `nil` means
    ///   all.
    public func backends(_ count: Int, on gpu: CUDADevice, computing directions: Range<Int>? = nil) throws(ToolError) -> [any Backend] {
        var backends: [any Backend] = []
        for direction in 0..<count {
            let isOwn = directions?.contains(direction) ?? true
            backends.append(isOwn ? try CUDABackend(gpu, precision: precision) : ProcessorBackend())
        }
        return backends
    }

    /// Opens the chosen GPU; returns `nil` for the processor. Throws `ToolError` with status `unavailable` if there is no such GPU
    /// or if a necessary library is missing, even with `auto`: otherwise training would be slow for no visible reason.
    /// - Parameter place: index of this process on its machine; each gets a GPU of its own.
    public func open(place: Int = 0) throws(ToolError) -> CUDADevice? {
        switch device {
        case .processor: return nil
        case .cuda(let number): return try CUDADevice(number + place)
        case .automatic:
            return try CUDADevice.isThere() ? CUDADevice(place) : nil
        }
    }
}
