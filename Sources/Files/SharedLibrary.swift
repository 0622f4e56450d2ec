internal import Glibc

/// A library that is opened while the program runs, so that no build needs it.
public struct SharedLibrary: @unchecked Sendable {
    /// The path or name under which it was found.
    public let name: String
    private let handle: UnsafeMutableRawPointer

    /// The outcome of a search for a library.
    public enum Search: Sendable {
        case opened(SharedLibrary)
        /// The library is there but cannot be opened; the loader's reason.
        case failed(String)
        case missing
    }

    /// Opens a library: a path, or a name that is looked for where the loader looks.
    /// - Parameter isGlobal: true if libraries that are opened later may use its symbols.
    public static func open(_ name: String, isGlobal: Bool = false) -> Search {
        if let handle = dlopen(name, RTLD_NOW | (isGlobal ? RTLD_GLOBAL : RTLD_LOCAL)) {
            return .opened(SharedLibrary(name: name, handle: handle))
        }
        guard let text = dlerror().map({ String(cString: $0) }) else { return .missing }
        // The loader has no other way to say which of the two it is: where another library is missing that this one needs, its
        // name stands in front.
        return text.hasPrefix("\(name):") && text.contains("No such file") ? .missing : .failed(text)
    }

    /// The address of a symbol; `nil` if the library has none of that name.
    public func address(of symbol: String) -> UnsafeMutableRawPointer? { dlsym(handle, symbol) }

    /// The function of a name; `nil` if the library has none. `Function` must be a type of C functions.
    public func function<Function>(_ symbol: String) -> Function? {
        address(of: symbol).map { unsafeBitCast($0, to: Function.self) }
    }

    /// The file in which a symbol is that this library, or one that it needs, has; `nil` if none has it.
    public func file(of symbol: String) -> String? { address(of: symbol).flatMap(Self.file) }

    /// The file, the program's or a library's, in which the process finds a symbol already; `nil` if there is none.
    public static func fileInProcess(with symbol: String) -> String? { dlsym(nil, symbol).flatMap(file) }

    /// The Glibc module hides `dladdr`, so that it is looked up by name. The first of the four addresses that it gives is a C string, the
    /// file's name.
    private static func file(with address: UnsafeMutableRawPointer) -> String? {
        typealias Find = @convention(c) (UnsafeRawPointer, UnsafeMutablePointer<UnsafePointer<CChar>?>) -> CInt
        guard let find = dlsym(nil, "dladdr").map({ unsafeBitCast($0, to: Find.self) }) else { return nil }
        var found = [UnsafePointer<CChar>?](repeating: nil, count: 4)
        guard find(address, &found) != 0 else { return nil }
        return found[0].map { String(cString: $0) }
    }
}
