#if HDF5
import CHDF5
import Files
import Shards

/// A file laid out by the library. Use it with the lock held.
final class LibraryOutput {
    private let name: String
    private let file: hid_t
    private let arrays: hid_t
    private let links: hid_t
    private let types: (float32: hid_t, float16: hid_t, string: hid_t)
    private var isOpen = true

    /// Throws `ToolError` with status `software` if the library fails; errors of the system are in `bytes`.
    init(_ bytes: OutputBytes, name: String) throws {
        prepareLibrary()
        self.name = name
        var functions = bytes.functions
        let access = H5Pcreate(hdf5_class_file_access()), creation = H5Pcreate(hdf5_class_file_create())
        arrays = H5Pcreate(hdf5_class_dataset_create())
        links = H5Pcreate(hdf5_class_link_create())
        types = (hdf5_little_endian_float32(), hdf5_little_endian_float16(), hdf5_string())
        // Space for descriptions of data sets is allocated in larger pieces than the library's 2 kB, which are filled faster.
        let isReady =
            H5Pset_driver(access, bytesDriver, &functions) >= 0 && H5Pset_meta_block_size(access, 64 << 10) >= 0
            // Otherwise the file would contain the time of writing.
            && H5Pset_obj_track_times(arrays, false) >= 0
            // The library does not write values, but must say where they belong.
            && H5Pset_layout(arrays, H5D_CONTIGUOUS) >= 0 && H5Pset_alloc_time(arrays, H5D_ALLOC_TIME_EARLY) >= 0
            && H5Pset_fill_time(arrays, H5D_FILL_TIME_NEVER) >= 0
            && H5Pset_create_intermediate_group(links, 1) >= 0 && H5Pset_char_encoding(links, H5T_CSET_UTF8) >= 0
            && types.float32 >= 0 && types.float16 >= 0 && types.string >= 0
        file = isReady ? H5Fcreate(name, hdf5_truncate(), creation, access) : -1
        H5Pclose(access)
        H5Pclose(creation)
        guard file >= 0 else {
            let cause = libraryCause()
            isOpen = false
            closeDefinitions()
            try bytes.check()
            throw ToolError(.software, "\(name): the HDF5 library does not make a file\(cause)")
        }
    }

    /// Closes the file, which writes unwritten data; returns false if the library has failed.
    @discardableResult
    func close() -> Bool {
        guard isOpen else { return true }
        isOpen = false
        closeDefinitions()
        return H5Fclose(file) >= 0
    }

    private func closeDefinitions() {
        for id in [arrays, links] where id >= 0 { H5Pclose(id) }
        for id in [types.float32, types.float16, types.string] where id >= 0 { H5Tclose(id) }
    }

    /// Creates an array and returns the offset of its values in the file, or any number if there are none.
    func makeArray(_ dataset: String, shape: [Int], type: RowStorage) throws -> Int {
        try make(dataset, shape: shape, type: type == .float32 ? types.float32 : types.float16)
    }

    /// Creates an array of one string and returns the offset of its reference to the global heap.
    func makeString(_ dataset: String) throws -> Int {
        // The library insists on writing an empty string here first.
        H5Pset_fill_time(arrays, H5D_FILL_TIME_IFSET)
        defer { H5Pset_fill_time(arrays, H5D_FILL_TIME_NEVER) }
        return try make(dataset, shape: [1], type: types.string)
    }

    private func make(_ dataset: String, shape: [Int], type: hid_t) throws -> Int {
        let refuse = { (cause: String) in ToolError.data(self.name, "data set \(quoted(dataset))", cause) }
        guard !dataset.utf8.contains(0), dataset.parts(separatedBy: "/").allSatisfy({ !$0.isIdentical(to: ".") }) else {
            throw refuse("is no name for one in HDF5")
        }
        let sizes = shape.map { hsize_t($0) }
        let space = try Handle(H5Screate_simple(CInt(sizes.count), sizes, nil), H5Sclose) { refuse("cannot be made\($0)") }
        let made = try Handle(H5Dcreate2(file, dataset, type, space.id, links, arrays, hdf5_default()), H5Dclose) {
            refuse("cannot be made\($0)")
        }
        let offset = H5Dget_offset(made.id)
        // An array without values has no place.
        guard let place = Int(exactly: offset) else {
            guard shape.contains(0) else { throw refuse("has no place\(libraryCause())") }
            return 0
        }
        return place
    }

    /// Writes a string to the end of the file as a global heap with one object, and the reference to it to `element` (HDF5 File
    /// Format Specification 3.0, III.E and VIII.A). The library would hold the string in memory, more than once.
    func writeText(from text: any ByteSource, element: Int, to bytes: OutputBytes, dataset: String) throws {
        guard let start = Int(exactly: hdf5_allocated(file)) else {
            throw ToolError(.software, "\(name): the HDF5 library does not tell the size of the file")
        }
        // Header of the heap, then of the object.
        let headers = 16 + 16
        var count = 0
        while true {
            let room = try bytes.room(at: start + headers + count, 64 << 10)
            let read = try text.read(into: room)
            guard read > 0 else { break }
            bytes.add(read)
            count += read
            guard count <= UInt32.max else {
                throw ToolError.data(
                    name, "data set \(quoted(dataset))", "a string in HDF5 has less than 4 GiB, and this is longer")
            }
        }
        guard count > 0 else {
            // A null reference means the empty string.
            try put([UInt8](repeating: 0, count: 16), at: element, to: bytes)
            return
        }
        let used = headers + (count + 7) / 8 * 8
        let size = max(4096, used)
        try put([UInt8](repeating: 0, count: used - headers - count), at: start + headers + count, to: bytes)
        // The rest of the minimum size is an object, too, unless it is too short for a header.
        if size - used >= 16 {
            try put(littleEndian(UInt64(0)) + littleEndian(UInt64(size - used)), at: start + used, to: bytes)
            try put([UInt8](repeating: 0, count: size - used - 16), at: start + used + 16, to: bytes)
        }
        let collection = Array("GCOL".utf8) + [1, 0, 0, 0] + littleEndian(UInt64(size))
        // Object 1, with one reference.
        let object: [UInt8] = [1, 0, 1, 0, 0, 0, 0, 0] + littleEndian(UInt64(count))
        try put(collection + object, at: start, to: bytes)
        try put(littleEndian(UInt32(count)) + littleEndian(UInt64(start)) + littleEndian(UInt32(1)), at: element, to: bytes)
        hdf5_reserve(file, UInt64(start + size))
    }

    private func put(_ values: [UInt8], at offset: Int, to bytes: OutputBytes) throws {
        var done = 0
        while done < values.count {
            let room = try bytes.room(at: offset + done, values.count - done)
            room.copyBytes(from: values[done..<done + room.count])
            bytes.add(room.count)
            done += room.count
        }
    }
}

private func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number.littleEndian, Array.init) }

/// The file to which the library's driver writes, and to which values are written without it.
///
/// The library is told that every write has succeeded: after an error it would try again in every call, and finally when it
/// closes. The first error is kept here, and nothing is written after it.
final class OutputBytes {
    private(set) var failure: ToolError?
    var isAbandoned = false
    private let output: OutputFile
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var start = 0
    private var count = 0

    init(_ output: OutputFile) { self.output = output }

    deinit { buffer.deallocate() }

    /// Throws the first error that has occurred.
    func check() throws { if let failure { throw failure } }

    /// Returns room for bytes that will be written at `offset` of the file: `size` bytes, or at least one if there is less room.
    /// Adjacent bytes are written in one system call.
    func room(at offset: Int, _ size: Int) throws -> UnsafeMutableRawBufferPointer {
        if offset != start + count || count + min(size, 64) > buffer.count {
            try flush()
            start = offset
        }
        return UnsafeMutableRawBufferPointer(rebasing: buffer[count..<min(buffer.count, count + size)])
    }

    /// Accepts `size` bytes that have been put into `room`.
    func add(_ size: Int) { count += size }

    /// Writes the accepted bytes. Throws `ToolError` with status `ioError`.
    func flush() throws {
        keep { try output.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: start) }
        count = 0
        try check()
    }

    private func keep(_ body: () throws -> Void) {
        guard failure == nil, !isAbandoned else { return }
        do { try body() } catch { failure = error as? ToolError ?? ToolError(.ioError, "\(output.name): \(error)") }
    }

    /// The functions that the driver calls. This object must outlive the open file.
    var functions: hdf5_bytes {
        hdf5_bytes(
            context: Unmanaged.passUnretained(self).toOpaque(), size: 0,
            read: { context, offset, buffer, size in
                guard let bytes = OutputBytes.of(context) else { return -1 }
                let buffer = UnsafeMutableRawBufferPointer(start: buffer, count: size)
                bytes.keep { try bytes.output.read(at: Int(offset), into: buffer) }
                return bytes.failure == nil && !bytes.isAbandoned ? 0 : -1
            },
            write: { context, offset, buffer, size in
                guard let bytes = OutputBytes.of(context) else { return -1 }
                bytes.keep { try bytes.output.write(UnsafeRawBufferPointer(start: buffer, count: size), at: Int(offset)) }
                return 0
            },
            resize: { context, size in
                guard let bytes = OutputBytes.of(context) else { return -1 }
                bytes.keep { try bytes.output.resize(to: Int(size)) }
                return 0
            })
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> OutputBytes? {
        context.map { Unmanaged<OutputBytes>.fromOpaque($0).takeUnretainedValue() }
    }
}
#endif
