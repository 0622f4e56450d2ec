public import Files
public import Kernels
import Layers
public import Model

/// The memory that training takes on a device, computed before any is allocated. Evaluations take some more.
public struct DeviceMemory {
    private let configuration: EncoderConfiguration
    private let options: TrainingOptions
    private let residentBytes: Int
    private let backend: any Backend

    /// Plans the memory.
    /// - `backend`: a backend of the device, on which nothing has been allocated for training yet.
    public init(_ configuration: EncoderConfiguration, _ options: TrainingOptions, _ input: TrainingInput, backend: any Backend) {
        (self.configuration, self.options, self.backend) = (configuration, options, backend)
        residentBytes = input.words.vectors.map { ResidentWordVectors.bytes($0, on: backend) } ?? 0
    }

    /// Returns the bytes by part, for this batch or another.
    public func bill(batch: Int? = nil) -> [(name: String, bytes: Int)] {
        var options = options
        options.batch = batch ?? options.laneBatch
        options.lanes = nil
        var items = configuration.memoryBill(
            capacity: options.capacity, training: options.optimizer.optimizer, backend: backend)
        let directions = configuration.directions.count, rows = options.capacity.rows
        let vectors = configuration.input == .embeddings ? rows * configuration.inputSize : 0
        let targets = configuration.output == .continuous
            ? (configuration.predictedRows(of: rows) + (configuration.isContrastive ? configuration.negatives : 0))
                * configuration.outputSize : 0
        items.append(("words of a window", 4 * directions * (vectors + targets)))
        items.append(("vectors of all words", residentBytes))
        // Factors that are converted one after another to the form for products.
        let widest = max(configuration.width, configuration.inputSize, configuration.outputSize)
        items.append(("scratch", directions * (2 * 2 * rows * widest + 4 * configuration.encoder.cell * configuration.width + Self.fixed)))
        items.append(("attention", directions * configuration.encoder.family.attentionBytes(batch: options.batch, window: options.window)))
        return items.filter { $0.bytes > 0 || $0.name != "attention" }
    }

    /// Approximate bytes of a direction for partial sums and small pieces. The backend already has the workspace of its library.
    private static let fixed = 8 << 20

    private func bytes(_ batch: Int) -> Int { bill(batch: batch).reduce(0) { $0 + $1.bytes } }

    /// Returns the largest batch, up to `most`, whose training takes at most `bytes`; 0 if not even a batch of 1 fits.
    public func largestBatch(in bytes: Int, most: Int) -> Int {
        var (fitting, tooLarge) = (0, most + 1)
        while tooLarge - fitting > 1 {
            let batch = (fitting + tooLarge) / 2
            if self.bytes(batch) <= bytes { fitting = batch } else { tooLarge = batch }
        }
        return fitting
    }

    /// Throws `ToolError` with status `configuration`, naming the largest batch that fits, if the device does not have this much
    /// free memory.
    /// - Parameter name: name of the device.
    public func check(_ name: String) throws(ToolError) {
        let free = backend.freeBytes, needed = bytes(options.laneBatch)
        guard needed > free else { return }
        let fitting = largestBatch(in: free, most: options.laneBatch)
        throw ToolError(
            .configuration,
            "\(name): training takes \(needed >> 20) MiB, and \(free >> 20) MiB are free; "
                + (fitting > 0 ? "the largest batch that fits: --batch \(fitting * options.laneCount)" : "not even --batch 1 fits"))
    }
}
