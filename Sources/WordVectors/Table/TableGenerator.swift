import Shards
import Synchronization

/// The generator of a table, made when it is first asked for: its tensors may be gigabytes, and a text whose words are all in
/// the table needs none of them.
final class TableGenerator: Sendable {
    /// What a generator is made of.
    struct Parts: Sendable {
        var tensors: GeneratorTensors
        /// Those that are still in the file.
        let deferred: DeferredTensors?
        let fields: ShardFields
        let transform: VectorTransform
        let dimension: Int
        let file: String
    }

    private enum State: Sendable {
        case parts(Parts)
        case made((any OutOfVocabularyGenerator)?)
    }

    private let state: Mutex<State>

    init(_ parts: Parts) { state = Mutex(.parts(parts)) }
    init(_ generator: (any OutOfVocabularyGenerator)?) { state = Mutex(.made(generator)) }

    /// The generator, whose vectors are transformed as the table's are; `nil` if the table has none. Throws `ToolError`
    /// (`ioError`; `dataError` where its tensors are damaged or missing).
    func get() throws -> (any OutOfVocabularyGenerator)? {
        try state.withLock { state in
            switch state {
            case .made(let generator): return generator
            case .parts(var parts):
                try parts.deferred?.forEach { try parts.tensors.append($0, file: parts.file) }
                let generator = TransformedGenerator.make(
                    try parts.tensors.generator(parts.fields, dimension: parts.dimension, file: parts.file),
                    parts.transform)
                state = .made(generator)
                return generator
            }
        }
    }
}
