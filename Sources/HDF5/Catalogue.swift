#if HDF5
import CHDF5
import Files
import Glibc
import Shards

/// The data sets of an open file, and the links that are not followed: soft links and links to other files.
struct Catalogue: Codable {
    var datasets: [HDF5Dataset] = []
    var links: [String] = []

    /// No file of weights or vectors has more links or deeper groups; a file that does is damaged.
    private static let mostLinks = 4_000_000, deepest = 100

    /// Walks the groups of `file`. Data sets are ordered by the bytes of their names, group by group. Throws `ToolError` with
    /// status `dataError`.
    init(of file: hid_t, name: String) throws {
        var visited = 0
        try add("", of: file, name: name, inside: [], &visited)
    }

    private mutating func add(
        _ path: String, of file: hid_t, name: String, inside addresses: [UInt64], _ visited: inout Int
    ) throws {
        let opened = path.isEmpty ? "/" : path
        let refuse = { (cause: String) in ToolError.data(name, "group \(quoted(opened))", cause) }
        guard addresses.count < Self.deepest else { throw refuse("lies in more than \(Self.deepest) others") }
        let group = try Handle(H5Gopen2(file, opened, hdf5_default()), H5Gclose) { refuse("is damaged\($0)") }
        let links = Links()
        let read = withExtendedLifetime(links) {
            hdf5_visit_links(group.id, visitLink, Unmanaged.passUnretained(links).toOpaque())
        }
        guard read >= 0 else { throw refuse("is damaged\(libraryCause())") }
        visited += links.all.count
        guard visited <= Self.mostLinks else { throw refuse("the file has more than \(Self.mostLinks) links") }
        for link in links.all {
            let inner = "\(path)/\(link.name)"
            guard link.isHard else {
                self.links.append(inner)
                continue
            }
            let object = try Handle(H5Oopen(group.id, link.name, hdf5_default()), H5Oclose) {
                ToolError.data(name, quoted(inner), "is damaged\($0)")
            }
            switch H5Iget_type(object.id) {
            case H5I_GROUP:
                guard !addresses.contains(link.address) else {
                    throw ToolError.data(name, "group \(quoted(inner))", "contains itself")
                }
                try add(inner, of: file, name: name, inside: addresses + [link.address], &visited)
            case H5I_DATASET:
                datasets.append(try Self.dataset(object.id, inner, name))
            default: break
            }
        }
    }

    /// Describes an open data set. Throws `ToolError` with status `dataError`.
    static func dataset(_ id: hid_t, _ path: String, _ name: String) throws -> HDF5Dataset {
        let refuse = { (cause: String) in ToolError.data(name, "data set \(quoted(path))", "is damaged\(cause)") }
        let space = try Handle(H5Dget_space(id), H5Sclose, refuse)
        let type = try Handle(H5Dget_type(id), H5Tclose, refuse)
        let creation = try Handle(H5Dget_create_plist(id), H5Pclose, refuse)
        let rank = H5Sget_simple_extent_ndims(space.id)
        var sizes = [hsize_t](repeating: 0, count: max(0, Int(rank)))
        guard rank >= 0, rank <= 32, H5Sget_simple_extent_dims(space.id, &sizes, nil) == rank else {
            throw refuse(libraryCause())
        }
        guard let count = product(of: sizes.map { Int(clamping: max(1, $0)) }), count < Int.max / 16 else {
            throw refuse(": no file holds so many values: \(sizes)")
        }
        var shape = sizes.map { Int($0) }
        if H5Sget_simple_extent_type(space.id) == H5S_NULL { shape = [0] }
        // Values stored in other files are not read.
        let isElsewhere = H5Pget_layout(creation.id) == H5D_VIRTUAL || H5Pget_external_count(creation.id) != 0
        return HDF5Dataset(
            path: path, shape: shape, kind: isElsewhere ? .other : kind(type.id),
            stored: HDF5Dataset.Storage(
                bytes: Int(clamping: H5Dget_storage_size(id)), isCompressed: H5Pget_nfilters(creation.id) != 0))
    }

    private static func kind(_ type: hid_t) -> HDF5Dataset.Kind {
        let bits = H5Tget_size(type) &* 8
        switch H5Tget_class(type) {
        case H5T_FLOAT where [16, 32, 64].contains(bits): return .float(bits: Int(bits))
        case H5T_INTEGER where [8, 16, 32, 64].contains(bits): return .integer(bits: Int(bits))
        default: return .other
        }
    }
}

private final class Links {
    var all: [(name: String, isHard: Bool, address: UInt64)] = []
}

private let visitLink: hdf5_link_visitor = { name, hard, address, context in
    guard let name, let context else { return -1 }
    Unmanaged<Links>.fromOpaque(context).takeUnretainedValue().all.append((String(cString: name), hard != 0, address))
    return 0
}

/// Opens `file` in the library and closes it after `body`, in a process that reads for another. Throws what `body` throws,
/// `dataError` if the library refuses the file, and `ioError` if the system does.
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
            // The system's error is closer to the cause.
            throw bytes.failure ?? error
        }
    }
}

/// Reads a whole data set into `buffer` as floats. Throws `ToolError` with status `dataError`.
func readFloats(_ dataset: HDF5Dataset, of file: hid_t, name: String, into buffer: UnsafeMutableRawBufferPointer) throws {
    let refuse = { (cause: String) in ToolError.data(name, "data set \(quoted(dataset.path))", "is damaged\(cause)") }
    let opened = try Handle(H5Dopen2(file, dataset.path, hdf5_default()), H5Dclose, refuse)
    // The buffer has the size of the data set when it was listed, and another process may have written to the file since.
    guard try Catalogue.dataset(opened.id, dataset.path, name) == dataset else { throw refuse(": it has changed meanwhile") }
    let read = H5Dread(opened.id, hdf5_native_float(), hdf5_all(), hdf5_all(), hdf5_default(), buffer.baseAddress)
    guard read >= 0 else { throw refuse(libraryCause()) }
}

/// The file that the library's driver reads.
private final class FileBytes {
    let file: PlacedFile
    var failure: ToolError?

    init(_ file: PlacedFile) { self.file = file }
}

private let readBytes: @convention(c) (UnsafeMutableRawPointer?, UInt64, UnsafeMutableRawPointer?, Int) -> CInt = {
    context, offset, buffer, size in
    guard let context else { return -1 }
    let bytes = Unmanaged<FileBytes>.fromOpaque(context).takeUnretainedValue()
    // A damaged file may point anywhere.
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
