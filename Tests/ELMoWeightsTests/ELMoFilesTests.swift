import ELMoWeights
import Encoding
import Files
import Layers
import Parallel
import TestSupport
import Testing

/// Options and weights in files.
struct ELMoFilesTests {
    private static let capacity = SentenceEncoder.capacity

    private func read(_ options: String, _ weights: String) throws -> ELMoRun {
        ELMoRun(
            encoder: try ELMoWeights.read(
                options: options, weights: weights, capacity: Self.capacity, pool: ThreadPool(threads: 1)))
    }

    #if HDF5
    private static let hasH5py: ConditionTrait = .enabled("h5py or numpy is not installed") { try await Python.has("h5py", "numpy") }

    @Test(Self.hasH5py, arguments: [ELMoCase.plain, .square]) func filesGiveTheSameVectors(_ model: ELMoCase) async throws {
        let directory = try TemporaryDirectory()
        let path = try await write(model, directory)
        let options = try directory.write("options.json", model.options)
        let memory = ELMoRun(
            encoder: try ELMoWeights.read(
                options: model.parsedOptions(), weights: model.weights(), capacity: Self.capacity, pool: ThreadPool(threads: 1)))
        #expect(try read(options, path).fromZero(ELMoCase.sentences) == memory.fromZero(ELMoCase.sentences))
    }

    /// Of another model, cut short, or swapped: one line that names the file.
    @Test(Self.hasH5py) func filesThatDoNotFit() async throws {
        let directory = try TemporaryDirectory()
        let path = try await write(.plain, directory)
        let options = try directory.write("options.json", ELMoCase.plain.options)
        let others = try directory.write("others.json", ELMoCase.deep.options)
        let whole = try contents(of: path)
        let cut = try directory.write("cut.hdf5", Array(whole[..<(whole.count / 2)]))
        let cases = [
            (others, path, "\(path): data set /RNN_0/RNN/MultiRNNCell/Cell2/LSTMCell/W_0: is missing: \(others) asks for it"),
            (options, cut, "\(cut): "),
            (options, options, "\(options): is not an HDF5 file"),
            (path, path, "\(path): is not UTF-8"),
        ]
        for (options, weights, expected) in cases {
            let error = #expect(throws: ToolError.self) { _ = try read(options, weights) }
            #expect(error?.status == .dataError && "\(error!)".hasPrefix(expected), "\(error!)")
        }
        #expect(throws: ToolError.self) { _ = try read(options, directory.file("nothing.hdf5")) }
    }

    /// The weights of a case, by h5py from their bytes.
    private func write(_ model: ELMoCase, _ directory: TemporaryDirectory) async throws -> String {
        let path = directory.file("weights.hdf5"), weights = try model.weights()
        var program = "import h5py, numpy as n, sys\nf = h5py.File(sys.argv[1], 'w')\n"
        for (index, (path, shape)) in weights.shapes.sorted(by: { $0.key < $1.key }).enumerated() {
            let bytes = weights.values(path).withUnsafeBytes(Array.init)
            program += "f['\(path)'] = n.fromfile('\(try directory.write("\(index)", bytes))', 'f4').reshape(\(shape))\n"
        }
        let result = try await runProgram(Python.path, [directory.write("program.py", program + "f.close()\n"), path])
        try #require(result.status == 0, "\(result.errors)")
        return path
    }
    #else
    /// Built without the library, the tools say so, once the options are right.
    @Test func theLibraryIsMissing() throws {
        let directory = try TemporaryDirectory()
        let options = try directory.write("options.json", ELMoCase.plain.options)
        let error = #expect(throws: ToolError.self) { _ = try read(options, directory.write("weights.hdf5", "")) }
        #expect(error?.status == .unavailable)
    }
    #endif
}
