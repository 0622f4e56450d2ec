import Files
import Kernels
import Layers
public import Parallel
import Shards

extension ModelFile {
    /// Joins models of one direction each, trained apart, into one that has both.
    ///
    /// Throws `ToolError` like `read`; `configuration` if the models are not two directions of the same encoder, trained
    /// with the same table on text of the same kind.
    public static func merge(_ paths: [String], pool: ThreadPool) throws -> ContextualEncoder {
        var merged: EncoderConfiguration?
        var models: [(Direction, SafetensorsReader)] = []
        for path in paths {
            let reader = try SafetensorsReader(path: path)
            var configuration = try configuration(of: reader)
            guard !configuration.sharesLayers else {
                throw ToolError(.configuration, "\(path): its directions share layers, which cannot be trained apart")
            }
            for direction in configuration.directions { models.append((direction, reader)) }
            configuration.reading = .both
            if let merged, merged != configuration {
                throw ToolError(
                    .configuration, "\(path): does not fit \(paths[0]): \(configuration.difference(from: merged))")
            }
            merged = configuration
        }
        let directions = models.map(\.0)
        guard let configuration = merged, Set(directions).count == directions.count, directions.count > 1 else {
            let have = directions.map(\.rawValue).joined(separator: " and ")
            throw ToolError(
                .configuration,
                "\(paths.joined(separator: ", ")): have \(have.isEmpty ? "no direction" : have); --merge joins a forward and "
                    + "a backward model")
        }
        let capacity = WindowCapacity(batch: 1, rows: 1)
        let encoder = ContextualEncoder(configuration, capacity: capacity, training: nil, pool: pool)
        var records: [TrainingRecord] = []
        for path in paths {
            let part = try read(path, capacity: capacity, pool: pool)
            encoder.units = part.units
            records += part.records
            for model in part.directions {
                encoder.directions.first { $0.direction == model.direction }?.parameters.copyValues(of: model.parameters)
            }
        }
        encoder.records = TrainingRecord.joined(records)
        return encoder
    }
}
