import Files
import Testing

@Suite struct MemoryTests {
    /// Memory that was touched stays in the account when it is given back.
    @Test func peakIsOfTheMostHeld() {
        // The system's counts of pages are off by some for each processor.
        let before = peakMemory(), size = 256 << 20, error = 32 << 20
        #expect(before > 1 << 20)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
        memory.initializeMemory(as: UInt8.self, repeating: 1, count: size)
        let held = peakMemory()
        memory.deallocate()
        // Tests beside this one may have held more before: that `held` is large shows nothing, but what is given back would show.
        #expect(held > before - error && held > size - error && peakMemory() > held - error)
    }
}
