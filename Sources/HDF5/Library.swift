import Files
#if HDF5
import CHDF5
import Synchronization
#endif

/// Returns the error of a build without the library, for a `file` to be read or written.
func withoutLibrary(_ file: String) -> ToolError {
    ToolError(
        .unavailable,
        "\(file): these tools were built without HDF5; install it and build again: apt install libhdf5-dev, then make")
}

#if HDF5
/// Only one thread at a time may use the library.
let libraryLock = Mutex<Void>(())

/// Prepares the calling thread: the library prints no messages on stderr and does nothing at exit.
func prepareLibrary() {
    _ = atExitIsOff
    hdf5_quieten()
}

// Must precede everything else of the library, which would otherwise write unfinished data at exit.
private let atExitIsOff: Void = { _ = H5dont_atexit() }()

/// The driver by which the library reads and writes bytes through functions of this module.
let bytesDriver: hid_t = hdf5_register_driver()

/// Returns the innermost cause of the library's last error after a colon, or an empty text.
func libraryCause() -> String {
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer -> String in
        guard let start = buffer.baseAddress else { return "" }
        hdf5_cause(start)
        return String(cString: start)
    }
    let plain = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F || $0.value == 0xFFFD ? "?" : String($0) }.joined()
    return plain.isEmpty ? "" : ": \(plain)"
}

/// Returns a name without characters that would break a line or control a terminal.
func quoted(_ path: String) -> String {
    String(String.UnicodeScalarView(path.unicodeScalars.prefix(300).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
}

/// An open object of the library, closed when the handle is destroyed.
struct Handle: ~Copyable {
    let id: hid_t
    private let close: (hid_t) -> herr_t

    /// Throws what `refuse` makes of the library's cause if the object could not be opened. The cause is read at once, because
    /// whatever the library does next, even closing objects, clears it.
    init(_ id: hid_t, _ close: @escaping (hid_t) -> herr_t, _ refuse: (_ cause: String) -> ToolError) throws {
        guard id >= 0 else { throw refuse(libraryCause()) }
        self.id = id
        self.close = close
    }

    deinit { _ = close(id) }
}
#endif
