#if HDF5
import CHDF5
import Files

/// In a child process: opens `file` in the library and closes it behind `body`. Throws what `body` throws, `dataError` if the
/// library refuses the file, `ioError` if the system does.
func withLibrary<Value>(reading file: PlacedFile, _ body: (hid_t) throws -> Value) throws -> Value {
    prepareLibrary()
    let bytes = FileBytes(file)
    return try withExtendedLifetime(bytes) {
        var functions = hdf5_bytes(
            context: Unmanaged.passUnretained(bytes).toOpaque(), size: UInt64(file.size), read: readBytes, write: nil, resize: nil)
        guard let access = Handle(H5Pcreate(hdf5_class_file_access()), H5Pclose),
            H5Pset_driver(access.id, bytesDriver, &functions) >= 0
        else { throw ToolError(.software, "\(file.name): the HDF5 library does not start\(libraryCause())") }
        do {
            guard let opened = Handle(H5Fopen(file.name, hdf5_read_only(), access.id), H5Fclose) else {
                throw ToolError.data(file.name, "", "is damaged\(libraryCause())")
            }
            return try body(opened.id)
        } catch {
            // The system's word on it is nearer to the cause.
            throw bytes.failure ?? error
        }
    }
}

/// Reads all of a data set into `buffer`, as floats. Throws `ToolError` with status `dataError`.
func readFloats(_ dataset: HDF5Dataset, of file: hid_t, name: String, into buffer: UnsafeMutableRawBufferPointer) throws {
    guard let opened = Handle(H5Dopen2(file, dataset.path, hdf5_default()), H5Dclose),
        // The room is that of the data set which was listed, should another process have written meanwhile.
        try Catalogue.dataset(opened.id, dataset.path, name) == dataset,
        H5Dread(opened.id, hdf5_native_float(), hdf5_all(), hdf5_all(), hdf5_default(), buffer.baseAddress) >= 0
    else { throw ToolError.data(name, "data set \(quoted(dataset.path))", "is damaged\(libraryCause())") }
}

/// Where the library's driver reads from.
private final class FileBytes {
    let file: PlacedFile
    var failure: ToolError?

    init(_ file: PlacedFile) { self.file = file }
}

private let readBytes: @convention(c) (UnsafeMutableRawPointer?, UInt64, UnsafeMutableRawPointer?, Int) -> CInt = {
    context, offset, buffer, size in
    guard let context else { return -1 }
    let bytes = Unmanaged<FileBytes>.fromOpaque(context).takeUnretainedValue()
    // What a damaged file points to may be anywhere.
    guard let offset = Int(exactly: offset), size >= 0, offset <= bytes.file.size, size <= bytes.file.size - offset else { return -1 }
    do {
        try bytes.file.read(at: offset, into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
        return 0
    } catch {
        bytes.failure = error as? ToolError
        return -1
    }
}
#endif
