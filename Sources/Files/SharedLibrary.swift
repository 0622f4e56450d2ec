internal import Glibc

/// A library that is opened at run time, so that building does not need it.
public struct SharedLibrary: @unchecked Sendable {
    /// Path or name under which the library was found.
    public let name: String
    private let handle: UnsafeMutableRawPointer

    /// The outcome of a search for a library.
    public enum Search: Sendable {
        /// The library was opened.
        case opened(SharedLibrary)
        /// The library exists but cannot be opened, for the loader's reason.
        case failed(String)
        /// There is no such library.
        case missing
    }

    /// Opens a library, given as a path or as a name that the loader searches for.
    /// - `isGlobal`: true if libraries opened later may use its symbols.
    public static func open(_ name: String, isGlobal: Bool = false) -> Search {
        if let handle = dlopen(name, RTLD_NOW | (isGlobal ? RTLD_GLOBAL : RTLD_LOCAL)) {
            return .opened(SharedLibrary(name: name, handle: handle))
        }
        guard let text = dlerror().map({ String(cString: $0) }) else { return .missing }
        // The loader offers no other way to distinguish the two cases. If a library that this one needs is missing, the message
        // starts with that one's name.
        return text.hasPrefix("\(name):") && text.contains("No such file") ? .missing : .failed(text)
    }

    /// Returns the address of a symbol; `nil` if the library does not have it.
    public func address(of symbol: String) -> UnsafeMutableRawPointer? { dlsym(handle, symbol) }

    /// Returns a function by name; `nil` if the library does not have it. `Function` must be a C function type.
    public func function<Function>(_ symbol: String) -> Function? {
        address(of: symbol).map { unsafeBitCast($0, to: Function.self) }
    }

    /// Returns the file that defines a symbol of this library or of one that it needs; `nil` if none has it.
    public func file(of symbol: String) -> String? { address(of: symbol).flatMap(Self.file) }

    /// Returns the file, of the program or of a loaded library, that defines a symbol in this process; `nil` if none has it.
    public static func fileInProcess(with symbol: String) -> String? { dlsym(nil, symbol).flatMap(file) }

    /// Returns the file that contains an address. The Glibc module hides `dladdr`, so it is looked up by name. The first of the
    /// four addresses that it returns is a C string, the file's name.
    private static func file(with address: UnsafeMutableRawPointer) -> String? {
        typealias Find = @convention(c) (UnsafeRawPointer, UnsafeMutablePointer<UnsafePointer<CChar>?>) -> CInt
        guard let find = dlsym(nil, "dladdr").map({ unsafeBitCast($0, to: Find.self) }) else { return nil }
        var found = [UnsafePointer<CChar>?](repeating: nil, count: 4)
        guard find(address, &found) != 0 else { return nil }
        return found[0].map { String(cString: $0) }
    }
}
