/// The bytes of a file that is known to be small, such as one of options. Throws `ToolError`: `noInput`, `ioError`, or
/// `dataError` if it is longer than `limit`.
public func readSmallFile(_ path: String, limit: Int = 1 << 20) throws -> [UInt8] {
    let source = try FileSource(path: path)
    return try [UInt8](unsafeUninitializedCapacity: limit + 1) { buffer, initialized in
        while initialized < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[initialized...]))
            let count = try source.read(into: rest)
            if count == 0 { return }
            initialized += count
        }
        throw ToolError.data(source.name, "byte \(limit)", "is far too long for what it should be")
    }
}
