import Files
@_spi(HostMemory) import Kernels
import Layers
import Parallel
import Shards
import TestSupport
import Testing

import Model

extension TemporaryDirectory {
    /// Writes a file beside the model and returns its path.
    fileprivate func write(_ bytes: [UInt8]) throws -> String { try write("other", bytes) }
}

@Suite struct ModelFileTests {
    private let capacity = WindowCapacity(batch: 1, rows: 1)
    private let pool = ThreadPool(threads: 1)

    private func save(_ scratch: TemporaryDirectory, change: (inout EncoderConfiguration) -> Void = { _ in }) throws -> String {
        var configuration = EncoderConfiguration(vectorSize: 7, cell: 9, projection: 5)
        configuration.tokenizer = "--lowercase \"quoted\" \\ \u{1} é"
        change(&configuration)
        let encoder = ContextualEncoder(configuration, capacity: capacity, training: nil, pool: pool)
        encoder.initialize(seed: 8)
        let path = "\(scratch.path)/model"
        let output = try OutputFile(path: path, binary: true)
        try ModelFile.write(encoder, metadata: ["steps": "17"], to: output)
        try output.commit()
        return path
    }

    private func read(_ path: String) throws -> ContextualEncoder {
        try ModelFile.read(path, capacity: capacity, pool: pool)
    }

    private func bytes(_ path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        return withExtendedLifetime(file) { Array(file.bytes) }
    }

    /// The digest does not cover names, so they are compared with what the configuration asks for.
    @Test func aTensorOfAnotherNameIsNoticed() throws {
        let scratch = try TemporaryDirectory()
        var damaged = try bytes(save(scratch))
        let name = Array("forward.layer1.bias".utf8)
        let place = try #require(damaged.indices.first { damaged[$0...].starts(with: name) })
        // Another last letter, with which it stays where it is in the order of names.
        damaged[place + name.count - 1] ^= 1
        let path = try scratch.write(damaged)
        for error in [try failure(path), try #require(throws: ToolError.self) { try ModelFile.describe(path) }] {
            #expect(error.status == .dataError && "\(error)".contains("tensor forward.layer1.bias: is missing"), "\(error)")
        }
    }

    /// Before memory is taken for it.
    @Test func filtersThatTheFileCannotHold() throws {
        let scratch = try TemporaryDirectory()
        let path = "\(scratch.path)/other"
        let output = try OutputFile(path: path, binary: true)
        let text = #"{"cell":9,"inputSize":0,"outputSize":7,"projection":5,"input":"characters","highways":64,"filters":[[1,65536]]}"#
        try Safetensors.write([], metadata: ["contour": text], to: output)
        try output.commit()
        #expect("\(try failure(path))".contains("fewer weights than its configuration asks for"))
    }

    private func failure(_ path: String) throws -> ToolError {
        try #require(throws: ToolError.self) { try read(path) }
    }

    @Test(arguments: [Direction.allCases, [.forward], [.backward]])
    func whatIsWrittenIsRead(directions: [Direction]) throws {
        let scratch = try TemporaryDirectory()
        let path = try save(scratch) { $0.reading = Reading(directions) ?? .both }
        let encoder = try read(path)
        #expect(encoder.configuration.tokenizer == "--lowercase \"quoted\" \\ \u{1} é")
        #expect(encoder.configuration.directions == directions)
        let expected = ContextualEncoder(encoder.configuration, capacity: capacity, training: nil, pool: pool)
        expected.initialize(seed: 8)
        for (one, other) in zip(encoder.directions, expected.directions) {
            for parameter in other.parameters.layout.parameters {
                let (read, written) = (one.parameters.value(parameter), other.parameters.value(parameter))
                for row in 0..<written.rows {
                    #expect((0..<written.columns).allSatisfy { read.row(row)[$0] == written.row(row)[$0] }, "\(parameter.name)")
                }
            }
        }
        #expect(try SafetensorsReader(path: path).metadata["steps"] == "17")
    }

    /// A model that only encodes has no tensors of an output layer, with or without a projection.
    @Test func modelsThatOnlyEncode() throws {
        let scratch = try TemporaryDirectory()
        let path = try save(scratch) {
            ($0.input, $0.output) = (.characters, .none)
            ($0.inputSize, $0.outputSize) = (0, 0)
            $0.lstm.projection = nil
            ($0.sharesLayers, $0.lstm.layerNorm) = (true, false)
            ($0.activation, $0.longestWord, $0.markNames) = (.tanh, 20, ["<S>", "</S>"])
            $0.filters = [[1, 4], [2, 3]]
        }
        let names = try SafetensorsReader(path: path).tensors.map(\.name)
        #expect(!names.contains { $0.contains("output") || $0.contains("layer1.projection") })
        let encoder = try read(path)
        #expect(encoder.configuration.output == .none && encoder.configuration.activation == .tanh)
        #expect(encoder.configuration.longestWord == 20 && encoder.configuration.markNames == ["<S>", "</S>"])
        #expect(encoder.layerWidth == 18)
        let text = try ModelFile.describe(path)
        #expect(text.contains("input characters, output none, shared by the directions\n"))
        #expect(text.contains("characters 16, filters 1:4,2:3 tanh, highways 2, words of 20\n"))
        #expect(text.contains("cell 9, projection none, layers 2\n"))
    }

    @Test func bytesAreDeterministicAndAligned() throws {
        let (first, second) = (try TemporaryDirectory(), try TemporaryDirectory())
        let one = try bytes(try save(first))
        #expect(one == (try bytes(try save(second))))
        let header = one[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(header % 8 == 0)
        let names = try SafetensorsReader(path: "\(first.path)/model").tensors.map(\.name)
        #expect(names == names.sorted())
        #expect(names.contains("forward.layer1.recurrent.weight") && names.contains("backward.output.bias"))
    }

    @Test func everyTruncationIsNoticed() throws {
        let scratch = try TemporaryDirectory()
        let whole = try bytes(try save(scratch))
        for length in Array(stride(from: 0, to: whole.count, by: 397)) + [1, 7, 8, 9, whole.count - 1] {
            let error = try failure(try scratch.write(Array(whole[..<length])))
            #expect(error.status == .dataError, "\(length) bytes")
            #expect(error.description.hasPrefix(scratch.path) && !error.description.contains("\n"))
        }
        #expect(try failure(try scratch.write(whole + [0])).description.contains("too many"))
    }

    /// A flipped bit of the header or of the sizes must never crash; where it makes another valid header, the file is
    /// read.
    @Test func damagedHeadersAreErrorsAndNotCrashes() throws {
        let scratch = try TemporaryDirectory()
        let whole = try bytes(try save(scratch))
        let end = 8 + whole[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        for place in Array(0..<8) + Array(stride(from: 8, to: end, by: 29)) {
            for bit: UInt8 in [0x01, 0x10, 0x80] {
                var damaged = whole
                damaged[place] ^= bit
                do {
                    _ = try read(try scratch.write(damaged))
                } catch let error as ToolError {
                    #expect(error.status == .dataError)
                    #expect(!error.description.contains("\n"))
                }
            }
        }
    }

    @Test(arguments: [
        ("", "length"),
        ("not a model at all, only text", "header"),
        ("{}", "no configuration"),
        ("{\"__metadata__\":{\"contour\":\"{}\"}}", "configuration"),
        ("{\"__metadata__\":{\"contour\":7}}", "header"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", "truncated"),
        ("{\"a\":{\"dtype\":\"F99\",\"shape\":[0],\"data_offsets\":[0,0]}}", "unknown type"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,8]}}", "takes 16 bytes"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}}", "no sense"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[9,3]}}", "no sense"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,8],\"data_offsets\":[0,0]}}", "impossibly"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0]}}", "no sense"),
        ("{\"a\":{\"shape\":[0],\"data_offsets\":[0,0]}}", "header"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[5,5]}}", "truncated"),
    ])
    func badHeadersAreExplained(header: String, cause: String) throws {
        let scratch = try TemporaryDirectory()
        var file: [UInt8] = []
        if header.hasPrefix("{") {
            file = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        }
        let error = try failure(try scratch.write(file + Array(header.utf8)))
        #expect(error.status == .dataError)
        #expect(error.description.contains(cause), "\(error.description)")
    }

    @Test func overlappingTensorsAreRefused() throws {
        let scratch = try TemporaryDirectory()
        let header =
            "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
            + "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}"
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        let error = try failure(try scratch.write(length + Array(header.utf8) + [1, 2, 3, 4, 5, 6]))
        #expect(error.description.contains("expected"))
    }

    @Test func weightsMustBeNumbers() throws {
        let scratch = try TemporaryDirectory()
        var whole = try bytes(try save(scratch))
        whole.replaceSubrange((whole.count - 4)..., with: [0, 0, 0xC0, 0x7F])
        #expect(try failure(try scratch.write(whole)).description.contains("not finite"))
    }

    @Test func otherTensorsThanTheConfigurationsAreRefused() throws {
        let scratch = try TemporaryDirectory()
        let reader = try SafetensorsReader(path: try save(scratch))
        let memory = try reader.tensors.map {
            let buffer = FloatBuffer(count: $0.byteCount / 4)
            try reader.copy($0, into: buffer.start)
            return buffer
        }
        func rewrite(_ change: (inout [SafetensorsOutput]) -> Void) throws -> ToolError {
            var tensors = zip(reader.tensors, memory).map {
                SafetensorsOutput(name: $0.name, shape: $0.shape, start: $1.start)
            }
            change(&tensors)
            let output = try OutputFile(path: "\(scratch.path)/other", binary: true)
            try withExtendedLifetime(memory) {
                try Safetensors.write(tensors, metadata: reader.metadata, to: output)
            }
            try output.commit()
            return try failure("\(scratch.path)/other")
        }
        #expect(try rewrite { $0.removeLast() }.description.contains("is missing"))
        #expect(
            try rewrite { $0.append(SafetensorsOutput(name: "extra", shape: [1], start: memory[0].start)) }.description
                .contains("unknown"))
        let error = try rewrite { tensors in
            let index = tensors.firstIndex { $0.name == "forward.input.weight" } ?? 0
            tensors[index] = SafetensorsOutput(
                name: tensors[index].name, shape: tensors[index].shape.reversed(), start: memory[index].start)
        }
        #expect(error.description.contains("tensor forward.input.weight: has shape [5, 7], and must have [7, 5]"))
    }

    @Test func aMissingFileIsNoInput() throws {
        #expect(try failure("/nonexistent/model").status == .noInput)
    }
}
