import Files
import Testing

@Suite struct MemoryTests {
    /// Memory that was touched stays in the account when it is given back.
    @Test func peakIsOfTheMostHeld() {
        let before = peakMemory(), size = 256 << 20
        #expect(before > 1 << 20)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
        memory.initializeMemory(as: UInt8.self, repeating: 1, count: size)
        memory.deallocate()
        // What else runs may give memory back meanwhile, but not that.
        #expect(peakMemory() >= before && peakMemory() >= size)
    }
}
