/// One flag a word, filled by several threads, each of which takes chunks of words.
final class ChunkedFlags<Flag: Sendable>: @unchecked Sendable {
    let flags: UnsafeMutableBufferPointer<Flag>
    private let size = 1024

    init(count: Int, of flag: Flag) {
        flags = .allocate(capacity: count)
        flags.initialize(repeating: flag)
    }

    deinit {
        flags.deinitialize()
        flags.deallocate()
    }

    var chunks: Int { (flags.count + size - 1) / size }
    func range(_ chunk: Int) -> Range<Int> { chunk * size..<min(flags.count, (chunk + 1) * size) }
}
