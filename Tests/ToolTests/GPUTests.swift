import Foundation
import TestSupport
import Testing

/// `train` and `encode` on a GPU, for which a library stands in that has the functions of the driver, NVRTC and cuBLAS.
@Suite struct GPUTests {
    /// A folder with some of the stand-in's libraries, under the names of the real ones.
    private struct Libraries {
        let folder: TemporaryDirectory

        init(_ names: [String] = ["libcuda.so.1", "libnvrtc.so.13", "libcublas.so.13"]) throws {
            folder = try TemporaryDirectory()
            for name in names {
                try FileManager.default.createSymbolicLink(
                    atPath: folder.file(name), withDestinationPath: "\(toolDirectory)/libFakeCUDA.so")
            }
        }

        /// The start of a command line that finds them.
        var environment: String { "CONTOUR_CUDA_PATH='\(folder.path)' XDG_CACHE_HOME='\(folder.path)/cache'" }
    }

    private let libraries: Libraries
    private let work: TemporaryDirectory
    private let fixture: Fixture

    init() async throws {
        libraries = try Libraries()
        work = try TemporaryDirectory()
        fixture = try await Fixture.shared.value
    }

    /// A command line of a small training run, after what stands before it.
    private func train(_ environment: String, _ options: String, output: String = "model") -> String {
        "\(environment) $BIN/train --preset tiny --cell 8 --projection 6 --batch 4 --window 6 --steps 6 --quiet --held-out-every 10 "
            + "--table '\(fixture.table)' --log '\(work.path)/log' \(options) '\(fixture.tokens)' -o '\(work.path)/\(output)'"
    }

    /// The numbers of a log under a name.
    private func numbers(_ name: String) throws -> [Double] {
        let text = try String(contentsOfFile: work.file("log"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            line.range(of: "\"\(name)\":").flatMap { Double(line[$0.upperBound...].prefix { !",}".contains($0) }) }
        }
    }

    @Test(arguments: ["--loss cosine", "--loss contrastive", "--loss contrastive --targets trained --accumulate 2", "--loss max-margin"])
    func trainsAsTheProcessorDoes(loss: String) async throws {
        var losses: [[Double]] = []
        for device in ["cpu", "cuda"] {
            let result = try await runShell(train(libraries.environment, "\(loss) --device \(device) --precision float32"))
            try #require(result.status == 0, "\(result.errors)")
            losses.append(try numbers("loss") + numbers("candidatePerplexity").map { $0 / 100 })
        }
        #expect(losses[0].count > 6 && losses[0].count == losses[1].count)
        for (own, expected) in zip(losses[1], losses[0]) { #expect(abs(own - expected) < 1e-3) }
    }

    @Test func theSameBytesTwiceAndAfterResuming() async throws {
        let checkpoints = "--checkpoints '\(work.path)/run' --checkpoint-every 0 --keep 9 --dropout 0.2 --device cuda"
        let result = try await runShell(
            """
            set -e
            \(train(libraries.environment, checkpoints, output: "one"))
            rm '\(work.path)'/run/step-00000000[456]*
            \(train(libraries.environment, checkpoints + " --resume", output: "two"))
            \(train("FAKE_CUDA_SEED=7 FAKE_CUDA_BLOCK=32 " + libraries.environment, "--dropout 0.2 --device cuda", output: "three"))
            cmp '\(work.path)/one' '\(work.path)/two' && echo equal
            """)
        #expect(result.status == 0 && result.text == "equal\n", "\(result.errors)")
    }

    @Test func goesOnOnTheOtherDevice() async throws {
        let checkpoints = "--checkpoints '\(work.path)/run' --checkpoint-every 0 --keep 9 --precision float32"
        let result = try await runShell(
            """
            set -e
            \(train(libraries.environment, checkpoints + " --device cpu", output: "one"))
            rm '\(work.path)'/run/step-00000000[456]*
            \(train(libraries.environment, checkpoints + " --device cuda --resume", output: "two"))
            rm '\(work.path)'/run/step-00000000[56]*
            \(train(libraries.environment, checkpoints + " --device cpu --resume", output: "three"))
            """)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test func encodesAsTheProcessorDoes() async throws {
        func vectors(_ device: String) async throws -> [Double] {
            let result = try await runShell(
                "head -n 40 '\(fixture.text)' | $BIN/tokenize -q | \(libraries.environment) $BIN/encode --model '\(fixture.model)' "
                    + "--table '\(fixture.table)' --layers all --format text --device \(device) --precision float32 -q")
            try #require(result.status == 0, "\(result.errors)")
            return result.text.split { " \t\n".contains($0) }.compactMap { Double($0) }
        }
        let (own, expected) = (try await vectors("cuda"), try await vectors("cpu"))
        #expect(own.count == expected.count && own.count > 40 * 5 * 32)
        #expect(zip(own, expected).allSatisfy { abs($0 - $1) < 2e-3 })
    }

    @Test func theBillAndWhatDoesNotFit() async throws {
        let bill = try await runShell(train(libraries.environment, "--device cuda --dry-run").replacing("-o '\(work.path)/model'", with: ""))
        #expect(bill.status == 0 && bill.text.contains("GPU memory in all\t") && bill.text.contains("free of Fake GPU\t"), "\(bill.errors)")
        let large = "--device cuda --cell 512 --batch 700"
        let refused = try await runShell(train("FAKE_CUDA_MEMORY=200000000 " + libraries.environment, large))
        #expect(refused.status == 78 && refused.errors.contains("the largest batch that fits: --batch "), "\(refused.errors)")
        let batch = refused.errors.split(separator: " ").last.flatMap { Int($0.dropLast()) } ?? 0
        #expect(batch > 0 && batch < 700)
        let fitting = try await runShell(
            train("FAKE_CUDA_MEMORY=200000000 " + libraries.environment, "--device cuda --cell 512 --batch \(batch)"))
        #expect(fitting.status == 0, "\(fitting.errors)")
    }

    @Test func whatIsMissingIsSaid() async throws {
        let (noCuBLAS, noNVRTC) = (try Libraries(["libcuda.so.1", "libnvrtc.so.13"]), try Libraries(["libcuda.so.1"]))
        let none = try Libraries([])
        for (environment, device, status, text) in [
            (libraries.environment, "cuda:3", 69, "train: GPU 3: there is 1 GPU, counted from 0"),
            ("FAKE_CUDA_DEVICES=0 " + libraries.environment, "cuda", 69, "no CUDA-capable device is detected"),
            (none.environment, "cuda", 69, "libcuda.so.1 is missing"), (noNVRTC.environment, "cuda", 69, "libnvrtc.so.13 is missing"),
            (noCuBLAS.environment, "cuda", 69, "libcublas.so.13 is missing"), (none.environment, "auto", 0, ""),
            (libraries.environment, "gpu", 64, "--device"), (libraries.environment, "cuda:-1", 64, "--device"),
            ("FAKE_CUDA_FAIL=cuMemAlloc_v2:12:2 " + libraries.environment, "cuda", 71, "train: Fake GPU: memory for "),
            ("FAKE_CUDA_FAIL=cuLaunchKernel:500:719 " + libraries.environment, "cuda", 70, "train: Fake GPU: "),
        ] {
            let result = try await runShell(train(environment, "--device \(device)", output: "none"))
            #expect(result.status == status && (text.isEmpty || result.errors.contains(text)), "\(device), \(text): \(result.status), \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == (status == 0 ? 0 : 1))
        }
    }

    @Test func aGPUThatFailsLeavesTheLastCheckpoint() async throws {
        let checkpoints = "--checkpoints '\(work.path)/run' --checkpoint-every 0 --device cuda"
        let failed = try await runShell(
            train("FAKE_CUDA_FAIL=cuGraphLaunch:9:700 " + libraries.environment, checkpoints))
        #expect(failed.status == 70 && failed.errors.contains("illegal memory access"), "\(failed.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: work.file("run")).contains { $0.hasPrefix("step-") })
        #expect(!FileManager.default.fileExists(atPath: work.file("model")))
        let resumed = try await runShell(train(libraries.environment, checkpoints + " --resume"))
        #expect(resumed.status == 0, "\(resumed.errors)")
    }
}
