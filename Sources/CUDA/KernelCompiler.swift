internal import Files
internal import Glibc

/// The compiler of kernels, NVRTC. Its output for each kind of GPU is cached in a folder, because compiling takes seconds.
struct KernelCompiler {
    /// The kernels, which are compiled as one program.
    private static let sources: [(name: String, text: [UInt8])] = [
        ("Common", PackageResources.Common_cu), ("Rows", PackageResources.Rows_cu), ("Elements", PackageResources.Elements_cu),
        ("Attention", PackageResources.Attention_cu), ("Cells", PackageResources.Cells_cu),
        ("Characters", PackageResources.Characters_cu),
        ("Losses", PackageResources.Losses_cu), ("Softmax", PackageResources.Softmax_cu), ("Mix", PackageResources.Mix_cu),
        ("Training", PackageResources.Training_cu), ("Scores", PackageResources.Scores_cu),
    ]

    /// Returns the machine code of all kernels for `architecture`, such as sm_90. Throws `ToolError`: `unavailable` if there is no
    /// NVRTC, `software` if it does not compile them.
    static func machineCode(_ architecture: String) throws(ToolError) -> [UInt8] {
        var source: [UInt8] = []
        for (name, text) in sources { source += Array("#line 1 \"\(name).cu\"\n".utf8) + text }
        let library = try CUDALibrary(
            ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"],
            broughtBy: "it comes with the CUDA toolkit, or: pip install nvidia-cuda-nvrtc")
        let compiler = try NVRTC(library)
        let name = "\(architecture)-\(compiler.version)-\(hash(source))"
        if let kept = KernelCache.read(name) { return kept }
        let code = try compiler.compile(source, architecture)
        KernelCache.write(code, name)
        return code
    }

    /// Returns the 64-bit FNV-1a hash as text.
    static func hash(_ bytes: [UInt8]) -> String {
        String(bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16)
    }
}

/// The functions of NVRTC.
private struct NVRTC {
    typealias Program = OpaquePointer

    /// Version, such as 13.0.
    let version: String
    private let create:
        @convention(c) (
            UnsafeMutablePointer<Program?>, UnsafePointer<CChar>, UnsafePointer<CChar>, CInt, UnsafeRawPointer?, UnsafeRawPointer?
        ) -> CInt
    private let compileProgram: @convention(c) (Program?, CInt, UnsafePointer<UnsafePointer<CChar>?>) -> CInt
    private let logSize, codeSize: @convention(c) (Program?, UnsafeMutablePointer<Int>) -> CInt
    private let log, code: @convention(c) (Program?, UnsafeMutablePointer<CChar>) -> CInt
    private let destroy: @convention(c) (UnsafeMutablePointer<Program?>) -> CInt

    init(_ library: CUDALibrary) throws(ToolError) {
        create = try library.function("nvrtcCreateProgram")
        compileProgram = try library.function("nvrtcCompileProgram")
        logSize = try library.function("nvrtcGetProgramLogSize")
        log = try library.function("nvrtcGetProgramLog")
        codeSize = try library.function("nvrtcGetCUBINSize")
        code = try library.function("nvrtcGetCUBIN")
        destroy = try library.function("nvrtcDestroyProgram")
        typealias Version = @convention(c) (UnsafeMutablePointer<CInt>, UnsafeMutablePointer<CInt>) -> CInt
        let find: Version = try library.function("nvrtcVersion")
        var (major, minor): (CInt, CInt) = (0, 0)
        _ = find(&major, &minor)
        version = "\(major).\(minor)"
    }

    func compile(_ source: [UInt8], _ architecture: String) throws(ToolError) -> [UInt8] {
        var program: Program?
        let text = source.map { CChar(bitPattern: $0) } + [0]
        guard create(&program, text, "contour.cu", 0, nil, nil) == 0 else {
            throw ToolError(.software, "NVRTC \(version) makes no program")
        }
        defer { _ = destroy(&program) }
        let words: [String] = ["--gpu-architecture=\(architecture)", "--std=c++17"]
        let options: [UnsafePointer<CChar>?] = words.map { word in strdup(word).map { UnsafePointer($0) } }
        defer { for option in options { free(UnsafeMutablePointer(mutating: option)) } }
        let status = compileProgram(program, CInt(options.count), options)
        guard status == 0 else {
            let lines = fetch(program, logSize, log).split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
            let first = lines.first { $0.contains("error") } ?? "error \(status)"
            // The only option that it may not know is the architecture, which is too new or no longer supported.
            let invalidOption: CInt = 5
            throw ToolError(
                status == invalidOption ? .unavailable : .software,
                "NVRTC \(version) does not compile the kernels for \(architecture): \(first)")
        }
        return fetch(program, codeSize, code)
    }

    private func fetch(
        _ program: Program?, _ size: @convention(c) (Program?, UnsafeMutablePointer<Int>) -> CInt,
        _ content: @convention(c) (Program?, UnsafeMutablePointer<CChar>) -> CInt
    ) -> [UInt8] {
        var count = 0
        guard size(program, &count) == 0, count > 0 else { return [] }
        var bytes = [CChar](repeating: 0, count: count)
        return content(program, &bytes) == 0 ? bytes.map { UInt8(bitPattern: $0) } : []
    }
}

/// Compiled kernels in the user's cache: $XDG_CACHE_HOME/contour if that is an absolute path, otherwise ~/.cache/contour. If it
/// cannot be written, kernels are compiled each time.
private enum KernelCache {
    private static let folder: String? = {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil } }
        return variable("XDG_CACHE_HOME").map { "\($0)/contour" } ?? variable("HOME").map { "\($0)/.cache/contour" }
    }()

    private static func path(_ name: String) -> String? { folder.map { "\($0)/kernels-\(name).cubin" } }

    /// Returns the bytes stored under a name, if they match the hash stored after them.
    static func read(_ name: String) -> [UInt8]? {
        guard let path = path(name), let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = [], block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&block, 1, block.count, file)
            if count == 0 { break }
            bytes += block[..<count]
        }
        guard bytes.count > 16 else { return nil }
        let code = Array(bytes.dropLast(16))
        return mark(code) == Array(bytes.suffix(16)) ? code : nil
    }

    static func write(_ code: [UInt8], _ name: String) {
        guard let path = path(name), let folder else { return }
        for (place, letter) in folder.utf8.enumerated().dropFirst() where letter == UInt8(ascii: "/") {
            mkdir(String(decoding: folder.utf8.prefix(place), as: UTF8.self), 0o700)
        }
        mkdir(folder, 0o700)
        let draft = "\(path).\(getpid())"
        guard let file = fopen(draft, "w") else { return }
        let bytes = code + mark(code)
        let isWhole = fwrite(bytes, 1, bytes.count, file) == bytes.count
        if fclose(file) == 0 && isWhole { rename(draft, path) } else { unlink(draft) }
    }

    private static func mark(_ code: [UInt8]) -> [UInt8] {
        let hash = Array(KernelCompiler.hash(code).utf8)
        return [UInt8](repeating: UInt8(ascii: "0"), count: 16 - hash.count) + hash
    }
}
