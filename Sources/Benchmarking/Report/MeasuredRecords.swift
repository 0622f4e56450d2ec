internal import Files
import Model
internal import Training

// Records of measurements.

extension SystemRecord {
    /// Makes the record of a measured system.
    /// - `run`: the name of the benchmark.
    /// - `memoryGiven`: the memory in bytes for which the largest batch was determined.
    public init(_ result: SystemResult, run: String, threads: Int, memoryGiven: Int) {
        let system = result.system, configuration = system.configuration
        self.init(
            name: system.name, run: run, options: system.options, encoder: system.encoder, input: configuration.input.rawValue,
            output: configuration.output.rawValue, optimizer: system.optimizer.rawValue, cell: configuration.encoder.cell,
            projection: configuration.encoder.width, directions: configuration.directions.count, vocabulary: system.vocabulary,
            batch: system.batch, window: system.window, threads: threads, rounds: result.rounds, parameters: result.parameters,
            classes: configuration.output.hasVocabulary ? configuration.vocabularySize : nil,
            settings: configuration.comparedSettings, device: result.device.map(DeviceRecord.init),
            optimizerBytes: result.optimizerBytes, peakMemory: result.peakMemory, gradientBytes: result.gradientBytes,
            memoryGiven: memoryGiven, largestBatch: result.largestBatch, wordsPerSecond: result.wordsPerSecond,
            millionWordsSeconds: result.secondsOfMillionWords, joulesPerMillionWords: result.joulesOfMillionWords,
            costs: result.device == nil ? Dictionary(uniqueKeysWithValues: zip(SystemResult.parts, result.shares)) : nil)
    }
}

extension RatioRecord {
    /// Makes the record of the ratio between the time per word of a system and that of `other`.
    public init(_ result: SystemResult, to other: SystemResult, run: String) {
        let paired = result.ratio(to: other)
        self.init(
            run: run, encoder: result.system.encoder, of: result.system.name, to: other.system.name,
            vocabulary: result.system.vocabulary, quantity: "time", ratio: paired.ratio, low: paired.low, high: paired.high,
            confidence: PairedRatio.confidence, rounds: paired.rounds)
    }
}

extension MeasuredSystem {
    /// The cell and the projection: `4096/512`.
    public var sizeText: String { "\(configuration.encoder.cell)/\(configuration.encoder.width)" }

    /// The number of the softmax's classes, or of the table's words.
    public var vocabularyText: String {
        let classes = configuration.output.hasVocabulary ? configuration.vocabularySize : vocabulary
        return NumberText.grouped(classes) + (configuration.input == .subwords ? " units" : "")
    }
}

extension LeftOutRecord {
    /// Makes the record of a system that was not measured.
    public init(_ system: MeasuredSystem, reason: String, run: String) {
        self.init(run: run, encoder: system.encoder, name: system.name, vocabulary: system.vocabulary, reason: reason)
    }
}

extension MachineRecord {
    /// Makes the record of this machine and the current date.
    /// - `device`: the measured GPU; `nil` means that the processor is measured.
    public init(
        command: String, version: String, text: String, textWords: Int, distinctWords: Int? = nil, threads: Int,
        device: MeasuredDevice? = nil
    ) {
        self.init(
            processor: Machine.processor, kernels: Machine.kernels, date: Machine.date, version: version, command: command,
            text: text, threads: threads, textWords: textWords, distinctWords: distinctWords, memory: memoryLimit(),
            device: device.map(DeviceRecord.init))
    }
}

extension DeviceRecord {
    init(_ device: MeasuredDevice) {
        self.init(name: device.name, precision: device.precision, driver: device.driver, memory: device.memory)
    }
}

extension EncoderConfiguration {
    /// The other settings of a network by their names, without those that it does not have or use.
    fileprivate var comparedSettings: [String: String] {
        var settings = encoder.family.settings
        settings["shared layers"] = sharesLayers ? "yes" : "no"
        settings["objective"] = objective.rawValue
        if objective == .masked { settings["masked words"] = "\(maskedShare)" }
        if max(inputSize, outputSize) > 0 { settings["vectors"] = "of \(max(inputSize, outputSize))" }
        if output == .continuous {
            settings["loss"] = loss.rawValue
            settings["targets"] = centred ? "centred" : "raw"
        }
        if output == .sampledSoftmax { settings["words drawn"] = "\(negatives)" }
        if output == .adaptiveSoftmax { settings["cut-offs"] = cutoffs.map(String.init).joined(separator: " and ") }
        if input == .characters {
            settings["filters"] = filters.map { $0.map(String.init).joined(separator: ":") }.joined(separator: " ")
            settings["highway layers"] = "\(highways)"
        }
        if input == .subwords { settings["one table for units"] = isTied ? "yes" : "no" }
        return settings
    }
}
