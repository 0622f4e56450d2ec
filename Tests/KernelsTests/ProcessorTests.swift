import Glibc
@_spi(HostMemory) import Kernels
import Testing

/// The kernels for each kind of processor. The other tests of kernels run with all that this processor has, one after the other;
/// those that it lacks are reported here as skipped.
@Suite struct ProcessorTests {
    private static let floats = ProcessorKernels.available.map(\.name), bytes = ByteKernels.available.map(\.name)

    #if arch(x86_64)
    /// What the processor has, by the system's account of it.
    private static let flags: Set<String> = {
        guard let file = fopen("/proc/cpuinfo", "r") else { return [] }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?, room = 0
        defer { free(line) }
        while getline(&line, &room, file) > 0, let line {
            let words = String(cString: line).split { " \t\n:".contains($0) }.map(String.init)
            if words.first == "flags" { return Set(words.dropFirst()) }
        }
        return []
    }()

    @Test(.enabled(if: flags.isSuperset(of: ["avx512f", "fma"]), "this processor lacks AVX-512")) func avx512() {
        #expect(Self.floats.contains("avx512"))
    }

    @Test(.enabled(if: flags.isSuperset(of: ["avx2", "fma"]), "this processor lacks AVX2 or FMA")) func avx2() {
        #expect(Self.floats.contains("avx2") && Self.bytes.contains("avx2"))
    }

    @Test(.enabled(if: flags.isSuperset(of: ["avx512f", "avx512_vnni"]), "this processor lacks AVX-512 VNNI")) func avx512VNNI() {
        #expect(Self.bytes.contains("avx512vnni"))
    }

    @Test(.enabled(if: flags.isSuperset(of: ["avx2", "avx_vnni"]), "this processor lacks AVX-VNNI")) func avxVNNI() {
        #expect(Self.bytes.contains("avxvnni"))
    }

    @Test func sse2() { #expect(Self.floats.last == "sse2" && Self.bytes.suffix(2) == ["sse2", "vector128"]) }
    #else
    @Test func vector128() { #expect(Self.floats == ["vector128"] && Self.bytes == ["vector128"]) }
    #endif
}
