import Files
#if HDF5
import CHDF5
import Synchronization
#endif

/// The error in a build without the library for a `file` that would have been read or written.
func withoutLibrary(_ file: String) -> ToolError {
    ToolError(
        .unavailable,
        "\(file): these tools were built without HDF5; install it and build again: apt install libhdf5-dev, then make")
}

#if HDF5
/// The library is used by one thread at a time.
let libraryLock = Mutex<Void>(())

/// Prepares the calling thread: no message of the library on stderr, whatever fails, and nothing done behind the back of the
/// process when it ends.
func prepareLibrary() {
    _ = atExitIsOff
    hdf5_quieten()
}

// Before anything else of the library. At exit it would write what is unfinished.
private let atExitIsOff: Void = { _ = H5dont_atexit() }()

/// The library asks for bytes by functions of its own driver.
let bytesDriver: hid_t = hdf5_register_driver()

/// The innermost cause of the library's last error, behind a colon, or nothing.
func libraryCause() -> String {
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer -> String in
        guard let start = buffer.baseAddress else { return "" }
        hdf5_cause(start)
        return String(cString: start)
    }
    let plain = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F || $0.value == 0xFFFD ? "?" : String($0) }.joined()
    return plain.isEmpty ? "" : ": \(plain)"
}

/// A name without characters that would break a line or steer a terminal.
func quoted(_ path: String) -> String {
    String(String.UnicodeScalarView(path.unicodeScalars.prefix(300).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
}

/// An open thing of the library, closed when this dies.
struct Handle: ~Copyable {
    let id: hid_t
    private let close: (hid_t) -> herr_t

    /// Throws what `refuse` makes of the library's cause if it could not open the thing. The cause is asked for at once: whatever
    /// the library does next, closing other things too, clears it.
    init(_ id: hid_t, _ close: @escaping (hid_t) -> herr_t, _ refuse: (_ cause: String) -> ToolError) throws {
        guard id >= 0 else { throw refuse(libraryCause()) }
        self.id = id
        self.close = close
    }

    deinit { _ = close(id) }
}
#endif
