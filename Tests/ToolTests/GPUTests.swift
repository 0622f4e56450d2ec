import Foundation
import TestSupport
import Testing

/// `train` and `encode` on a GPU, for which a library stands in that has the functions of the driver, NVRTC and cuBLAS.
@Suite struct GPUTests {
    /// A folder with some of the stand-in's libraries, under the names of the real ones.
    private struct Libraries {
        let folder: TemporaryDirectory

        /// - Parameter library: the file that they are instead of the stand-in.
        init(_ names: [String] = ["libcuda.so.1", "libnvrtc.so.13", "libcublas.so.13"], library: String? = nil) throws {
            folder = try TemporaryDirectory()
            for name in names {
                try FileManager.default.createSymbolicLink(
                    atPath: folder.file(name), withDestinationPath: library ?? "\(toolDirectory)/libFakeCUDA.so")
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

    /// Ranks with a GPU each have the bits of one GPU that has all lanes.
    @Test(.enabled(if: !MPIImplementation.installed.isEmpty, "no mpiexec is installed"), arguments: [
        "--loss cosine", "--loss contrastive --targets trained --direction forward", "--objective masked --loss cosine",
    ])
    func ranksWithAGPUEach(options: String) async throws {
        let environment = "\(libraries.environment) FAKE_CUDA_DEVICES=2", options = "\(options) --device cuda --lanes 2"
        let alone = try await runShell(train(environment, options, output: "alone"))
        #expect(alone.status == 0, "\(alone.errors)")
        let start = MPIImplementation.installed[0].command(2, "train", []).dropLast().joined(separator: " ")
        let together = try await runShell(train("\(environment) \(start)", options, output: "together"))
        #expect(together.status == 0, "\(together.errors)")
        #expect(try contents(of: work.file("alone")) == contents(of: work.file("together")))
    }

    /// The numbers of a log under a name.
    private func numbers(_ name: String) throws -> [Double] {
        let text = try String(contentsOfFile: work.file("log"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            line.range(of: "\"\(name)\":").flatMap { Double(line[$0.upperBound...].prefix { !",}".contains($0) }) }
        }
    }

    @Test(arguments: [
        "--loss cosine", "--loss contrastive", "--loss contrastive --targets trained --accumulate 2", "--loss max-margin",
        "--objective masked --loss cosine --accumulate 2", "--objective masked --loss l2 --dropout 0.2 --no-layer-norm", "--objective masked --loss vmf",
        "--objective masked --loss max-margin", "--objective masked --loss contrastive --negatives 20",
        "--objective masked --loss contrastive --targets trained --more-negatives window",
        "--objective masked --output softmax --vocab VOCABULARY", "--objective masked --output sampled-softmax --negatives 9 --vocab VOCABULARY",
        "--objective masked --output adaptive-softmax --cutoffs 5,12 --vocab VOCABULARY",
        "--objective masked --loss cosine --input characters --filters 1:4,3:4 --highways 1",
    ])
    func trainsAsTheProcessorDoes(loss: String) async throws {
        var losses: [[Double]] = []
        let loss = loss.replacingOccurrences(of: "VOCABULARY", with: "'\(fixture.vocabulary)'")
        for device in ["cpu", "cuda"] {
            let result = try await runShell(train(libraries.environment, "\(loss) --device \(device) --precision float32"))
            try #require(result.status == 0, "\(result.errors)")
            losses.append(try numbers("loss") + numbers("candidatePerplexity").map { $0 / 100 })
        }
        #expect(losses[0].count > 6 && losses[0].count == losses[1].count)
        for (own, expected) in zip(losses[1], losses[0]) { #expect(abs(own - expected) < 1e-3) }
    }

    @Test(arguments: ["next-word", "masked"]) func theSameBytesTwiceAndAfterResuming(objective: String) async throws {
        let network = "--objective \(objective) --dropout 0.2 --device cuda"
        let checkpoints = "--checkpoints '\(work.path)/run' --checkpoint-every 0 --keep 9 \(network)"
        let result = try await runShell(
            """
            set -e
            \(train(libraries.environment, checkpoints, output: "one"))
            rm '\(work.path)'/run/step-00000000[456]*
            \(train(libraries.environment, checkpoints + " --resume", output: "two"))
            \(train("FAKE_CUDA_SEED=7 FAKE_CUDA_BLOCK=32 " + libraries.environment, network, output: "three"))
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

    /// The numbers that `encode` prints, in float32, in several batches: there is no room for a large one.
    private func vectors(_ options: String, _ device: String, text: String? = nil) async throws -> [Double] {
        let result = try await runShell(
            "FAKE_CUDA_MEMORY=160000000 \(libraries.environment) $BIN/encode \(options) --device \(device) --precision float32 -q "
                + "--whitespace '\(text ?? fixture.text)'")
        try #require(result.status == 0, "\(result.errors)")
        return result.text.split { " \t\n[],:{}\"".contains($0) }.compactMap { Double($0) }
    }

    @Test(arguments: [
        "--layers all --format text", "--layers top --format json", "--layers average --format text", "--layers 1 --format text",
        "--layers all --format json --pool mean", "--layers top --format text --line-buffered",
        "--layers top --format text --stateful",
    ])
    func encodesAsTheProcessorDoes(options: String) async throws {
        let lines = try String(contentsOfFile: fixture.text, encoding: .utf8).split(separator: "\n")
        // Sentences of many lengths. In one that is too long for a batch, rounding grows in the top layer.
        let longest = options.contains("--layers 1") ? 220 : 8
        var text = ""
        for (index, line) in lines.enumerated().prefix(options.contains("--format text --") ? 40 : 400) {
            text += Array(repeating: line, count: index == 7 ? longest : 1 + index % 7).joined(separator: " ")
            text += index % 50 == 3 ? "\n\n" : "\n"
        }
        try text.write(toFile: work.file("text"), atomically: true, encoding: .utf8)
        let model = "--model '\(fixture.model)' --table '\(fixture.table)' \(options)"
        let own = try await vectors(model, "cuda", text: work.file("text"))
        let expected = try await vectors(model, "cpu", text: work.file("text"))
        #expect(own.count == expected.count && own.count > 400 * 32)
        #expect(zip(own, expected).allSatisfy { abs($0 - $1) < 2e-3 })
    }

    /// Words that are letters or several units: the vectors of a word's units become their mean.
    @Test func encodesLettersAndUnits() async throws {
        let made = try await runShell(
            """
            set -e; cd '\(work.path)'
            $BIN/build-vocab -q --bpe 25 '\(fixture.vocabulary)' -o codes
            $BIN/tokenize -q --bpe codes '\(fixture.text)' -o units.tok && $BIN/build-vocab -q units.tok -o units.vocab
            train() { $BIN/train -q --cell 8 --projection 6 --batch 4 --window 6 --steps 3 "$@"; }
            train --preset tiny --input subwords --output subword-softmax --vocab units.vocab units.tok -o units
            train --preset elmo --filters 1:16,2:32 --negatives 8 --vocab '\(fixture.vocabulary)' '\(fixture.tokens)' -o letters
            """)
        try #require(made.status == 0, "\(made.errors)")
        for model in ["--model '\(work.path)/units' --bpe '\(work.path)/codes'", "--model '\(work.path)/letters'"] {
            for layers in ["all", "average"] {
                let options = "\(model) --layers \(layers) --format text"
                let (own, expected) = (try await vectors(options, "cuda"), try await vectors(options, "cpu"))
                #expect(own.count == expected.count && own.count > 600 * 6)
                #expect(zip(own, expected).allSatisfy { abs($0 - $1) < 2e-3 }, "\(options)")
            }
        }
    }

    @Test func theSameVectorsTwice() async throws {
        let encode = libraries.environment
            + " $BIN/encode -q --model '\(fixture.model)' --table '\(fixture.table)' --device cuda"
        let result = try await runShell(
            """
            set -e; cd '\(work.path)'
            \(encode) '\(fixture.text)' -o one
            FAKE_CUDA_SEED=7 FAKE_CUDA_BLOCK=32 \(encode) '\(fixture.text)' -o two
            cmp one two && echo equal
            """)
        #expect(result.status == 0 && result.text == "equal\n", "\(result.errors)")
    }

    private struct EncodeLine: Decodable {
        struct Range: Decodable {
            let lowest, median, highest: Double
        }

        let event: String
        let gpu, precision: String?
        let sentences, tokens, gpuMemory: Int?
        let wordsPerSecond, waiting: Range?
    }

    @Test func benchEncodeMeasuresAGPU() async throws {
        let command = "\(libraries.environment) $BIN/bench encode --device cuda --preset tiny --cell 8 --projection 6 --dimension 5 "
            + "--text '\(fixture.text)' --sentences 200 --rounds 2 --quiet"
        let table = try await runShell("\(command) --json '\(work.path)/log'")
        try #require(table.status == 0, "\(table.errors)")
        #expect(table.text.contains("Fake GPU, bfloat16, cell 8, projection 6") && table.text.contains("words/s"))
        #expect(table.text.contains("the host waited for the GPU") && !table.text.contains("OpenBLAS"))
        let log = try String(contentsOfFile: work.file("log"), encoding: .utf8)
        let lines = try log.split(separator: "\n").map { try JSONDecoder().decode(EncodeLine.self, from: Data($0.utf8)) }
        #expect(lines.map(\.event) == ["round", "round", "encode"])
        let last = try #require(lines.last), speed = try #require(last.wordsPerSecond), waiting = try #require(last.waiting)
        #expect(last.gpu == "Fake GPU" && last.precision == "bfloat16" && last.sentences == 200)
        #expect(last.tokens ?? 0 > 200 && last.gpuMemory ?? 0 > 1 << 20)
        #expect(speed.lowest > 0 && speed.lowest <= speed.median && waiting.lowest >= 0 && waiting.highest < 1)
    }

    @Test func theBillAndWhatDoesNotFit() async throws {
        let bill = try await runShell(train(libraries.environment, "--device cuda --dry-run").replacing("-o '\(work.path)/model'", with: ""))
        #expect(bill.status == 0 && bill.text.contains("GPU memory in all\t") && bill.text.contains("free of Fake GPU\t"), "\(bill.errors)")
        let large = "--device cuda --cell 512 --batch 700"
        let refused = try await runShell(train("FAKE_CUDA_MEMORY=200000000 " + libraries.environment, large))
        let planned = try await runShell(
            train("FAKE_CUDA_MEMORY=200000000 " + libraries.environment, large + " --dry-run").replacing("-o '\(work.path)/model'", with: ""))
        #expect(planned.status == 78 && planned.text.contains("GPU memory in all\t"), "\(planned.errors)")
        #expect(planned.errors == refused.errors)
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
        // A library without the driver's functions is as one that is too old for them; a text is no library.
        let other = ["x86_64", "aarch64"].map { "/usr/lib/\($0)-linux-gnu/liblz4.so.1" }.first(where: FileManager.default.fileExists)
        let old = try Libraries(["libcuda.so.1"], library: try #require(other))
        let damaged = try Libraries(["libcuda.so.1"], library: fixture.text)
        for (environment, device, status, text) in [
            (old.environment, "cuda", 69, "has no cuInit: the library is older than CUDA 12"),
            (old.environment, "auto", 69, "has no cuInit: the library is older than CUDA 12"),
            (damaged.environment, "cuda", 69, "libcuda.so.1 cannot be opened"),
            (damaged.environment, "auto", 69, "libcuda.so.1 cannot be opened"),
            (libraries.environment, "cuda:+0", 64, "--device"), (libraries.environment, "cuda:00", 64, "--device"),
            ("FAKE_CUDA_CAPABILITY=7 " + libraries.environment, "cuda", 69, "has compute capability 7.0; at least 8.0 is needed"),
            ("FAKE_CUDA_CAPABILITY=7 " + libraries.environment, "auto", 69, "has compute capability 7.0; at least 8.0 is needed"),
            ("FAKE_CUDA_FAIL=cuDevicePrimaryCtxRetain:1:2 " + libraries.environment, "cuda", 71, "GPU 0: out of memory; nvidia-smi"),
            ("FAKE_CUDA_FAIL=cublasCreate_v2:1:1 " + libraries.environment, "cuda", 69, "does not start with this driver"),
            (libraries.environment, "cuda:3", 69, "train: GPU 3: there is 1 GPU, counted from 0"),
            ("FAKE_CUDA_DEVICES=0 " + libraries.environment, "cuda", 69, "no CUDA-capable device is detected"),
            (none.environment, "cuda", 69, "libcuda.so.1 is missing"), (noNVRTC.environment, "cuda", 69, "libnvrtc.so.13 is missing"),
            (noCuBLAS.environment, "cuda", 69, "libcublas.so.13 is missing"), (none.environment, "auto", 0, ""), (noNVRTC.environment, "auto", 69, "libnvrtc.so.13 is missing"),
            ("FAKE_CUDA_DEVICES=0 " + libraries.environment, "auto", 0, ""),
            (libraries.environment, "gpu", 64, "--device"), (libraries.environment, "cuda:-1", 64, "--device"),
            ("FAKE_CUDA_FAIL=cuMemAlloc_v2:12:2 " + libraries.environment, "cuda", 71, "train: Fake GPU: memory for "),
            ("FAKE_CUDA_FAIL=cuLaunchKernel:500:719 " + libraries.environment, "cuda", 70, "train: Fake GPU: "),
        ] {
            let result = try await runShell(train(environment, "--device \(device)", output: "none"))
            #expect(result.status == status && (text.isEmpty || result.errors.contains(text)), "\(device), \(text): \(result.status), \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == (status == 0 ? 0 : 1))
        }
    }

    /// A command line of a comparison, after what stands before it; `systems` with sizes that take a moment.
    private func compare(_ environment: String, _ options: String, _ systems: String...) -> String {
        let systems = systems.map { "'\($0) --vocabulary 500 --dimension 12 --batch 4 --window 6'" }.joined(separator: " ")
        return "\(environment) $BIN/bench compare --text '\(fixture.tokens)' --budget 100s --ratio-precision 0.9 \(options) \(systems)"
    }

    @Test func comparesSystemsOnTheGPU() async throws {
        let log = work.file("log.jsonl"), table = work.file("table.tsv")
        let options = "--device cuda --memory 1G --json '\(log)' --tsv '\(table)' --quiet"
        let result = try await runShell(
            compare(libraries.environment, options, "tiny", "tiny --loss contrastive", "tiny --output softmax")
                + " && $BIN/bench report --text '\(log)'")
        try #require(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        #expect(result.text.hasPrefix("Fake GPU, bfloat16, CUDA "))
        for text in ["GPU memory", "95% interval"] { #expect(result.text.contains(text), "\(result.text)") }
        // The host's times of parts are those of queueing.
        for text in ["part of a step's time", "recurrence", "peak memory"] { #expect(!result.text.contains(text), "\(result.text)") }
        #expect(result.text.contains("Systems side by side: Fake GPU, bfloat16, CUDA "))
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        let device = #""device":{"driver":"13.0","memory":"#
        #expect(lines.count { $0.contains(#""event":"machine""#) && $0.contains(device) } == 1)
        let systems = lines.filter { $0.contains(#""event":"system""#) }
        #expect(systems.count == 3 && lines.count { $0.contains(#""event":"ratio""#) } == 2)
        for system in systems {
            #expect(system.contains(device) && system.contains(#""name":"Fake GPU","precision":"bfloat16"}"#))
            #expect(!system.contains(#""costs""#) && !system.contains("joules"), "\(system)")
            // Twice cuBLAS's workspace, weights, and no more than the stand-in has.
            let place = try #require(system.firstRange(of: #""peakMemory":"#)).upperBound
            let memory = try #require(Int(system[place...].prefix { $0.isNumber }))
            #expect(memory > 2 << 20 && memory < 1 << 30, "\(memory)")
        }
        let rows = try String(contentsOfFile: table, encoding: .utf8).split(separator: "\n")
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        #expect(rows.count == 4 && Set(rows.map(\.count)).count == 1 && rows[0].last == "device" && rows[1].last == "Fake GPU, bfloat16")
    }

    /// What does not fit, or fails, is left out with what its own process says of it.
    @Test func comparesWhatFits() async throws {
        let result = try await runShell(
            compare(
                "FAKE_CUDA_MEMORY=300000000 " + libraries.environment, "--device cuda --precision float32", "tiny",
                "tiny --cell 8192 --projection 512"))
        #expect(result.status == 0 && result.text.contains("left out: Fake GPU: training takes "), "\(result.text) \(result.errors)")
        #expect(result.text.contains("Fake GPU, float32, CUDA "))
        let failed = try await runShell(
            compare("FAKE_CUDA_FAIL=cuMemAlloc_v2:12:2 " + libraries.environment, "--device cuda --quiet", "tiny"))
        #expect(failed.status == 78 && failed.text.isEmpty, "\(failed.text)")
        #expect(failed.errors.contains("nothing was measured") && failed.errors.contains("out of memory"), "\(failed.errors)")
    }

    /// What does not run on a GPU says so before anything is read.
    @Test func optionsThatAreNotOfAGPU() async throws {
        for (command, text) in [
            ("bench gpu --device cpu", "--device must be a GPU"), ("bench gpu --device cpu", "see: bench gpu --help"),
            ("bench gpu --compile sm_75", "--compile must be sm_80 or a later architecture"),
            ("bench gpu --seconds nan", "--seconds must be from 0 to less than 1000000"),
            ("bench train --device cuda --kernels sse2", "--kernels are the processor's"),
            ("train --print --device cuda m", "--print computes nothing"), ("train --merge --precision float32 a b -o m", "--merge computes nothing"),
            ("encode --print --device cuda v", "--print computes nothing"),
            ("encode --model m --int8 --device cuda", "--int8 runs on the processor only"),
            ("encode --elmo-options o --elmo-weights w --device cuda", "--elmo-weights runs on the processor only"),
            ("encode --convert --elmo-options o --elmo-weights w --device cuda", "--convert computes nothing"),
            ("train --precision bfloat16 a.tok -o m", "--precision bfloat16 needs --device cuda"),
        ] {
            let result = try await runShell("\(libraries.environment) $BIN/\(command)")
            #expect(result.status == 64 && result.errors.contains(text), "\(command): \(result.errors)")
        }
    }

    /// What the processor alone computes takes no GPU, and says so to whoever left the choice to the program.
    @Test func theChoiceIsSaid() async throws {
        let encode = "$BIN/encode --model '\(fixture.model)' --table '\(fixture.table)' --device auto --format text '\(fixture.text)'"
        let result = try await runShell("\(libraries.environment) \(encode) --int8 > '\(work.path)/vectors'")
        #expect(result.status == 0 && result.errors.contains("encode: computing on the processor: --int8 runs nowhere else\n"), "\(result.errors)")
        let other = try await runShell("\(libraries.environment) \(encode) > '\(work.path)/vectors'")
        #expect(other.status == 0 && other.errors.contains("encode: computing on Fake GPU\n"), "\(other.errors)")
    }

    @Test func comparisonsNeedTheGPUThatTheyAskFor() async throws {
        let none = try Libraries([]), log = try work.write("log.jsonl", "as it was\n")
        let costs = "$BIN/bench costs 'tiny --vocabulary 500'", layers = "$BIN/bench output-layers"
        for (command, status, text) in [
            (compare(none.environment, "--device cuda --json '\(log)'", "tiny"), 69, "bench compare: libcuda.so.1 is missing"),
            ("\(none.environment) \(layers) --device cuda", 69, "bench output-layers: libcuda.so.1 is missing"),
            (compare(libraries.environment, "--device cuda:3", "tiny"), 69, "GPU 3: there is 1 GPU, counted from 0"),
            (compare(none.environment, "--device gpu", "tiny"), 64, "--device"),
            (compare(none.environment, "--precision bfloat16", "tiny"), 64, "--precision"),
            ("\(costs) --device cuda", 64, "bench costs does not run on a GPU"),
            ("\(costs) --precision float32", 64, "bench costs does not run on a GPU"),
        ] {
            let result = try await runShell(command)
            #expect(result.status == status && result.text.isEmpty, "\(command): \(result.status), \(result.text)")
            #expect(result.errors.contains(text), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        }
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "as it was\n")
        let auto = try await runShell(compare(none.environment, "--device auto", "tiny"))
        #expect(auto.status == 0 && auto.text.contains("part of a step's time"), "\(auto.errors)")
        #expect(auto.errors.hasPrefix("bench compare: computing on the processor: there is no GPU\n"))
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
