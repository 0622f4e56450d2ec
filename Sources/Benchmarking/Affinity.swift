internal import Glibc

/// The processors on which this thread, and the processes that it starts, may run. The Glibc module hides GNU extensions, so the two
/// functions are looked up by name; if they are missing, nothing is pinned.
enum Affinity {
    private typealias Get = @convention(c) (pid_t, Int, UnsafeMutableRawPointer?) -> CInt
    private typealias Set = @convention(c) (pid_t, Int, UnsafeRawPointer?) -> CInt
    private static let maskBytes = 128

    /// Runs `body` with this thread on the first `count` of its allowed processors.
    static func with<Result>(processors count: Int, _ body: () throws -> Result) rethrows -> Result {
        guard let get = dlsym(nil, "sched_getaffinity"), let set = dlsym(nil, "sched_setaffinity") else {
            return try body()
        }
        let setMask = unsafeBitCast(set, to: Set.self)
        var before = [UInt8](repeating: 0, count: maskBytes)
        guard unsafeBitCast(get, to: Get.self)(0, maskBytes, &before) > 0,
            setMask(0, maskBytes, first(count, of: before)) == 0
        else { return try body() }
        defer { _ = setMask(0, maskBytes, before) }
        return try body()
    }

    /// Returns `mask` with only the lowest `count` of its bits.
    static func first(_ count: Int, of mask: [UInt8]) -> [UInt8] {
        var left = count
        return mask.map { byte in
            var kept: UInt8 = 0
            for bit in 0..<8 where byte & 1 << bit != 0 && left > 0 {
                kept |= 1 << bit
                left -= 1
            }
            return kept
        }
    }
}
