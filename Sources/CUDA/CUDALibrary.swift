internal import Files
internal import Glibc

/// A library of CUDA, wherever it is installed.
struct CUDALibrary: Sendable {
    var name: String { library.name }
    private let library: SharedLibrary

    /// Opens the first of `names` that is found: in the folders of CONTOUR_CUDA_PATH (separated by colons), where the loader
    /// searches, and in the `nvidia` folder of Python's packages.
    ///
    /// Throws `ToolError` with status `unavailable`, which says where the library comes from.
    init(_ names: [String], broughtBy source: String) throws(ToolError) {
        switch Self.find(names) {
        case .opened(let library): self.library = library
        case .failed(let why): throw ToolError(.unavailable, "\(names[0]) cannot be opened: \(why); \(source)")
        case .missing: throw ToolError(.unavailable, "\(names[0]) is missing\(Self.place); \(source)")
        }
    }

    /// Returns true if one of the libraries exists, even if it cannot be opened.
    static func isThere(_ names: [String]) -> Bool {
        if case .missing = find(names) { false } else { true }
    }

    private static func find(_ names: [String]) -> SharedLibrary.Search {
        var result = SharedLibrary.Search.missing
        for folder in folders + [nil] {
            for name in names {
                let path = folder.map { "\($0)/\(name)" } ?? name
                if folder != nil && access(path, F_OK) != 0 { continue }
                if let folder { openCompanions(of: name, in: folder) }
                let search = SharedLibrary.open(path, isGlobal: true)
                if case .opened = search { return search }
                // An existing library that cannot be opened says more than a missing one.
                if folder != nil, case .missing = result { result = search }
            }
        }
        return result
    }

    /// Returns a function by name. Throws `ToolError` with status `unavailable` if the library is too old to have it.
    func function<Function>(_ symbol: String) throws(ToolError) -> Function {
        guard let function: Function = library.function(symbol) else {
            throw ToolError(.unavailable, "\(name): has no \(symbol): the library is older than CUDA 12")
        }
        return function
    }

    /// Opens parts of NVRTC and cuBLAS first, which these find only where the loader searches.
    private static func openCompanions(of name: String, in folder: String) {
        let prefixes = name.hasPrefix("libnvrtc") ? ["libnvrtc-builtins.so"] : name.hasPrefix("libcublas.") ? ["libcublasLt.so"] : []
        guard !prefixes.isEmpty, let directory = opendir(folder) else { return }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let file = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if prefixes.contains(where: file.hasPrefix) { _ = SharedLibrary.open("\(folder)/\(file)", isGlobal: true) }
        }
    }

    /// Describes the folders that the user has named.
    private static var place: String {
        getenv("CONTOUR_CUDA_PATH").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : " in CONTOUR_CUDA_PATH, \($0)" } ?? ""
    }

    /// Folders that are searched by name, before and after the loader's.
    private static let folders: [String?] = {
        let named = getenv("CONTOUR_CUDA_PATH").map { String(cString: $0).split(separator: ":").map(String.init) } ?? []
        if !named.isEmpty { return named }
        return [nil] + usual.flatMap(matches)
    }()

    private static let usual: [String] = {
        var patterns = ["/usr/local/cuda/lib64", "/usr/local/cuda-*/lib64"]
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        let prefixes = [variable("VIRTUAL_ENV"), variable("CONDA_PREFIX"), variable("HOME").map { $0 + "/.local" }]
        for prefix in prefixes.compactMap(\.self) + ["/usr", "/usr/local", "/opt/*", "/opt/*/.venv"] {
            patterns.append(prefix + "/lib/python3*/*-packages/nvidia/*/lib")
        }
        return patterns
    }()

    private static func matches(_ pattern: String) -> [String?] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
    }
}
