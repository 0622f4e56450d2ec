/// Opens `path` (`-` for standard input) and undoes its compression, which is recognised by content and not by name.
///
/// gzip and LZ4 are read here; xz, zstd and bzip2 by the programs of these names, lzma by xz. Concatenated members and frames read as one
/// stream. Throws `ToolError`: `noInput`, `ioError`, `dataError`, and `unavailable` if the program that it takes is missing.
public func openInput(_ path: String) throws -> any ByteSource {
    try decompressed(FileSource(path: path))
}

/// Undoes the compression of `source`, if its first bytes say that there is any. Throws `ToolError` as `openInput` does; what
/// is an archive, a document or UTF-16 is a `dataError` that says so.
public func decompressed(_ source: any ByteSource) throws -> any ByteSource {
    let peeked = try PeekedSource(source, oneOf: Compression.allBeginnings + ForeignKind.allBeginnings)
    guard let compression = Compression(head: peeked.head) else { return try checked(peeked) }
    let content: any ByteSource =
        switch compression {
        case .gzip: try GzipSource(peeked)
        case .lz4: try LZ4Source(peeked)
        case .xz, .lzma, .zstd, .bzip2: try ProgramSource(peeked, compression)
        }
    let inner = try PeekedSource(content, oneOf: Compression.allBeginnings + ForeignKind.allBeginnings)
    if let second = Compression(head: inner.head) {
        throw ToolError.data(
            source.name, "",
            "is compressed twice, first with \(second.rawValue) and then with \(compression.rawValue); unpack it once first: "
                + compression.unpacking(source.name))
    }
    return try checked(inner, in: compression)
}

/// Whether these are the first bytes of what `openInput` would decompress.
public func isCompressed(_ head: [UInt8]) -> Bool { Compression(head: head) != nil }

/// Throws `ToolError` with status `dataError` for what is no text in UTF-8, nor vectors.
private func checked(_ source: PeekedSource, in compression: Compression? = nil) throws -> PeekedSource {
    if let kind = ForeignKind(head: source.head) { throw ToolError.data(source.name, "", kind.advice(source.name, in: compression)) }
    return source
}
