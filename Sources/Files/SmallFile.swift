/// All bytes of an input that is known to be small, such as a file of options. Throws `ToolError`: `ioError`, or `dataError` if
/// it is longer than `limit`.
public func readSmall(_ source: any ByteSource, limit: Int = 1 << 20) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: limit + 1) { buffer, initialized in
        while initialized < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[initialized...]))
            let count = try source.read(into: rest)
            if count == 0 { return }
            initialized += count
        }
        throw ToolError.data(source.name, "", "is longer than \(limit >> 20) MiB, and no file of this kind is")
    }
}
