import Foundation
import TestSupport
import Testing

/// The kernels as NVIDIA's compiler takes them: for a GPU of each generation, none of which need be there.
@Suite struct KernelCompilationTests {
    /// What pipelines/nvrtc.sh has fetched, beside the build folder.
    private static let folder = [toolDirectory + "/../../nvrtc", toolDirectory + "/../nvrtc"].first {
        FileManager.default.fileExists(atPath: $0 + "/libnvrtc.so.13")
    }

    @Test(.enabled(if: folder != nil, "there is no NVRTC: pipelines/nvrtc.sh"), arguments: ["sm_80", "sm_90", "sm_100"])
    func kernelsCompile(architecture: String) async throws {
        let cache = try TemporaryDirectory(), folder = try #require(Self.folder)
        let command = "CONTOUR_CUDA_PATH='\(folder)' XDG_CACHE_HOME='\(cache.path)' $BIN/bench gpu --compile \(architecture)"
        let first = try await runShell(command)
        #expect(first.status == 0 && first.text.hasPrefix("\(architecture)\t"), "\(first.errors)")
        // Kept, and taken from there; what is damaged there is made again.
        let kept = try await runShell("ls '\(cache.path)'/contour/kernels-\(architecture)-*.cubin | wc -l && \(command)")
        #expect(kept.text.contains("1\n\(first.text)"), "\(kept.text) \(kept.errors)")
        let damaged = try await runShell(
            "for file in '\(cache.path)'/contour/*; do truncate -s 1000 \"$file\"; done; \(command) && wc -c < '\(cache.path)'/contour/*.cubin")
        #expect(damaged.text.hasPrefix(first.text) && !damaged.text.hasSuffix("\n1000\n"), "\(damaged.errors)")
        // A folder in a folder that is not there yet; and a log.
        let logged = try await runShell("\(command.replacing(cache.path, with: cache.path + "/a/b")) --json - && ls '\(cache.path)/a/b/contour'")
        let line = #"{"architecture":"\#(architecture)","bytes":"#
        #expect(logged.status == 0 && logged.text.contains(line) && logged.text.contains(".cubin"), "\(logged.text) \(logged.errors)")
    }

    @Test(.enabled(if: folder != nil, "there is no NVRTC: pipelines/nvrtc.sh"))
    func unknownArchitecturesAreRefused() async throws {
        let folder = try #require(Self.folder)
        let result = try await runShell("CONTOUR_CUDA_PATH='\(folder)' $BIN/bench gpu --compile sm_999")
        #expect(result.status == 69 && result.errors.contains("sm_999"), "\(result.errors)")
    }
}
