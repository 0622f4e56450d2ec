#if HDF5
import CHDF5
import Files

/// In a process that reads for another: opens `file` in the library and closes it behind `body`. Throws what `body` throws,
/// `dataError` if the library refuses the file, `ioError` if the system does.
func withLibrary<Value>(reading file: PlacedFile, _ body: (hid_t) throws -> Value) throws -> Value {
    prepareLibrary()
    let bytes = FileBytes(file)
    return try withExtendedLifetime(bytes) {
        var functions = hdf5_bytes(
            context: Unmanaged.passUnretained(bytes).toOpaque(), size: UInt64(file.size), read: readBytes, write: nil,
            resize: nil)
        let access = try Handle(H5Pcreate(hdf5_class_file_access()), H5Pclose) {
            ToolError(.software, "\(file.name): the HDF5 library does not start\($0)")
        }
        guard H5Pset_driver(access.id, bytesDriver, &functions) >= 0 else {
            throw ToolError(.software, "\(file.name): the HDF5 library does not start\(libraryCause())")
        }
        do {
            let opened = try Handle(H5Fopen(file.name, hdf5_read_only(), access.id), H5Fclose) {
                ToolError.data(file.name, "", "is damaged\($0)")
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
    let refuse = { (cause: String) in ToolError.data(name, "data set \(quoted(dataset.path))", "is damaged\(cause)") }
    let opened = try Handle(H5Dopen2(file, dataset.path, hdf5_default()), H5Dclose, refuse)
    // The room is that of the data set which was listed, should another process have written meanwhile.
    guard try Catalogue.dataset(opened.id, dataset.path, name) == dataset else { throw refuse(": it has changed meanwhile") }
    let read = H5Dread(opened.id, hdf5_native_float(), hdf5_all(), hdf5_all(), hdf5_default(), buffer.baseAddress)
    guard read >= 0 else { throw refuse(libraryCause()) }
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
    guard let offset = Int(exactly: offset), size >= 0, offset <= bytes.file.size, size <= bytes.file.size - offset else {
        return -1
    }
    do {
        try bytes.file.read(at: offset, into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
        return 0
    } catch {
        bytes.failure = error as? ToolError
        return -1
    }
}
#endif
