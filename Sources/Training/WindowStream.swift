public import Model
import Parallel

/// The windows of a training run in order, from any position on. They are read, decompressed, shuffled and divided on a thread of
/// its own, a few windows ahead, so that training need not wait.
public final class WindowStream {
    private let prefetcher: Prefetcher<TrainingWindow>

    /// Number of windows prepared ahead.
    static let ahead = 8

    /// Starts the thread.
    /// - `position`: position to continue from; `nil` starts at the beginning.
    public init(
        _ corpus: Corpus, objective: Objective = .nextWord, batch: Int, window: Int, seed: UInt64, from position: DataPosition? = nil
    ) {
        let reader = Reader(corpus, objective, batch: batch, seed: seed, from: position)
        let windows = (0..<Self.ahead).map { _ in TrainingWindow(batch: batch, window: window) }
        prefetcher = Prefetcher(windows) { try reader.fill(&$0) }
    }

    /// Exchanges `window` for the next one. Throws `ToolError` (`noInput`, `ioError`, `dataError`).
    public func next(_ window: inout TrainingWindow) throws { try prefetcher.next(&window) }

    /// Seconds that training has waited for windows.
    public var waited: Double { prefetcher.waited }

    /// The work of the thread.
    private final class Reader {
        private let corpus: Corpus
        private let seed: UInt64
        private var batcher: WindowBatcher
        private var sentences: ShuffledSentences
        private var position = DataPosition()
        /// Number of sentences to skip before the first window of a resumed run.
        private var skip: Int

        init(_ corpus: Corpus, _ objective: Objective, batch: Int, seed: UInt64, from position: DataPosition?) {
            self.corpus = corpus
            self.seed = seed
            batcher = WindowBatcher(
                batch: batch, begin: corpus.words.begin, end: corpus.words.end, objective: objective, from: position)
            self.position.epoch = position?.epoch ?? 0
            skip = position?.sentences ?? 0
            sentences = corpus.shuffled(seed: seed, epoch: self.position.epoch)
        }

        func fill(_ window: inout TrainingWindow) throws {
            while skip > 0 {
                guard try sentences.nextSentence({ _ in }) else { break }
                position.sentences += 1
                skip -= 1
            }
            // Streams continue into the next epoch, so every window is full.
            _ = try batcher.fill(&window) { take in
                if try !sentences.nextSentence(take) {
                    position.epoch += 1
                    position.sentences = 0
                    sentences = corpus.shuffled(seed: seed, epoch: position.epoch)
                    guard try sentences.nextSentence(take) else { return false }
                }
                position.sentences += 1
                return true
            }
            window.position.epoch = position.epoch
            window.position.sentences = position.sentences
            batcher.save(into: &window.position)
        }
    }
}
