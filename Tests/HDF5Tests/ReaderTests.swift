#if HDF5
import Files
import HDF5
import TestSupport
import Testing

/// Files made by h5py are read as numpy sees them, or refused.
struct ReaderTests {
    @Test(.enabled("h5py is not installed") { try await Python.hasH5py() }, arguments: ["earliest", "latest"])
    func everyKindOfNumberIsRead(version: String) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("numbers.h5")
        let types = ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "i1", "u1", "<i2", ">i2", "<i4", ">u4", "<i8", ">i8"]
        _ = try await Python.run(
            """
            with h5py.File(path, 'w', libver='\(version)') as f:
                for t in \(types):
                    f.create_dataset('plain/' + t, data=n.arange(12).reshape(3, 4).astype(t))
                    f.create_dataset('packed/' + t, data=n.arange(12).reshape(3, 4).astype(t), chunks=(2, 3), shuffle=True,
                                     compression='gzip', fletcher32=True)
                f['single'] = n.float32(0.5)
                f.create_dataset('none', (3, 0, 2), dtype='f4')
                f['special'] = n.array([n.inf, -n.inf, n.nan, 2.0**-24, -65504], dtype='f2')
                f['wide'] = n.array([1e300, 0.1], dtype='f8')
            """, path: path)
        let file = try HDF5File(path: path)
        #expect(file.datasets.count == 2 * types.count + 4)
        for type in types {
            for folder in ["plain", "packed"] {
                #expect(try file.dataset("/\(folder)/\(type)").shape == [3, 4])
                #expect(try file.values("/\(folder)/\(type)") == (0..<12).map(Float.init), "\(folder) \(type)")
            }
        }
        #expect(try file.dataset("/plain/<f2").kind == .float(bits: 16))
        #expect(try file.dataset("/plain/>i8").kind == .integer(bits: 64))
        #expect(try file.dataset("/single").shape == [] && file.values("/single") == [0.5])
        #expect(try file.dataset("/none").shape == [3, 0, 2] && file.values("/none") == [])
        let special = try file.values("/special")
        #expect(special[0] == .infinity && special[1] == -.infinity && special[2].isNaN)
        #expect(special[3...] == [0x1p-24, -65504])
        #expect(try file.values("/wide") == [.infinity, 0.1])
    }

    @Test(.enabled("h5py is not installed") { try await Python.hasH5py() }) func whatIsAskedForMustBeThere() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("weights.h5")
        _ = try await Python.run(
            """
            with h5py.File(path, 'w') as f:
                f['RNN_0/B'] = n.arange(6, dtype='f4').reshape(2, 3)
                f['text'] = 'text'
                f['soft'] = h5py.SoftLink('/RNN_0')
                f['other'] = h5py.ExternalLink('weights.h5', '/RNN_0/B')
                f.create_dataset('unwritten', (5,), dtype='f4')
                f.create_dataset('huge', (2**30, 2**20), dtype='f4', chunks=(1024, 1024), compression='gzip')
                f.create_dataset('outside', (2,), dtype='f4', external=[('/etc/passwd', 0, 8)])
            """, path: path)
        let file = try HDF5File(path: path)
        func refusal(_ dataset: String) -> String {
            let error = #expect(throws: ToolError.self) { try file.values(dataset) }
            #expect(error?.status == .dataError)
            return String(error?.description.dropFirst(path.count) ?? "")
        }
        #expect(refusal("/RNN_1/B") == ": data set /RNN_1/B: is not in the file")
        #expect(refusal("/soft/B") == ": data set /soft/B: is behind a link, and links are not followed")
        #expect(refusal("/other") == ": data set /other: is behind a link, and links are not followed")
        #expect(refusal("/text") == ": data set /text: does not hold floats or integers in this file")
        #expect(refusal("/outside") == ": data set /outside: does not hold floats or integers in this file")
        #expect(refusal("/unwritten") == ": data set /unwritten: claims 5 values, and 0 bytes are stored")
        #expect(refusal("/huge") == ": data set /huge: claims \(1 << 50) values, and 0 bytes are stored")
        #expect(try file.values("/RNN_0/B") == [0, 1, 2, 3, 4, 5])
    }

    @Test(.enabled("h5py is not installed") { try await Python.hasH5py() }) func aGroupThatContainsItselfIsRefused() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("circle.h5")
        _ = try await Python.run("f = h5py.File(path, 'w'); f['a/b/c'] = f.create_group('a'); f.close()", path: path)
        let error = #expect(throws: ToolError.self) { try HDF5File(path: path) }
        #expect(error?.description == "\(path): group /a/b/c: contains itself")
    }

    @Test func otherFilesAreRefused() throws {
        func refusal(_ path: String, _ status: Files.ExitStatus) -> String? {
            let error = #expect(throws: ToolError.self) { try HDF5File(path: path) }
            #expect(error?.status == status)
            return error?.description
        }
        let directory = try TemporaryDirectory()
        let text = try directory.write("text", String(repeating: "no HDF5\n", count: 1000))
        #expect(refusal(text, .dataError) == "\(text): is not an HDF5 file")
        let empty = try directory.write("empty", "")
        #expect(refusal(empty, .dataError) == "\(empty): is not an HDF5 file")
        let missing = directory.file("missing")
        #expect(refusal(missing, .noInput) == "\(missing): cannot open: No such file or directory")
        #expect(refusal(directory.path, .noInput) == "\(directory.path): is a directory")
    }
}
#endif
