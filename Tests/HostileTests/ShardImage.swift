import Files

/// A shard, taken apart into frames so that what stands in it can be changed; docs/format.md describes it.
struct ShardImage: Sendable {
    /// A header, a block or an end.
    private struct Frame: Sendable {
        var content: [UInt8]
        /// Where its stored LZ4 blocks end: a table's rows are read by these places.
        var ends: [Int]
    }

    private static let endMagic = Array("end\n".utf8), prefix = 16
    private var frames: [Frame] = []
    private var columns: [(name: String, size: Int)] = []

    init(_ bytes: [UInt8]) throws {
        var offset = 0
        func word(_ place: Int) -> UInt32 { bytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) } }
        while offset < bytes.count {
            let start = offset
            var stored: [UInt8] = [], ends: [Int] = [], isStored = true
            offset += 15
            while word(offset) != 0 {
                let size = Int(word(offset) & 0x7FFF_FFFF)
                isStored = isStored && word(offset) >> 31 == 1
                stored += bytes[offset + 4..<offset + 4 + size]
                ends.append(stored.count)
                offset += size + 8
            }
            offset += 8
            let content = isStored ? stored : try unpacked(Array(bytes[start..<offset]))
            frames.append(Frame(content: content, ends: isStored ? ends : [content.count]))
        }
        let sizes = ["u8": 1, "f16": 2, "u32": 4, "f32": 4, "u64": 8]
        for line in String(decoding: frames[0].content, as: UTF8.self).split(separator: "\n") where line.hasPrefix("column ") {
            let words = line.split(separator: " ")
            columns.append((String(words[1]), sizes[String(words[2])] ?? 1))
        }
    }

    var headerText: String { String(decoding: frames[0].content.dropLast(2), as: UTF8.self) }

    /// A total of the last end.
    func total(_ name: String) -> String {
        let text = String(decoding: frames[frames.count - 1].content.dropFirst(Self.prefix), as: UTF8.self)
        return text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }.map { String($0.dropFirst(name.count + 1)) } ?? ""
    }

    /// Each field of the header.
    func headerFields() -> [Field] {
        Field.all(inLines: headerText, named: "header") { replacing(0, Array($0.utf8) + [10, 10]) }
    }

    /// Each total in the end, but for the digest, which stays that of the content.
    func totals() -> [Field] {
        let last = frames.count - 1
        let lines = String(decoding: frames[last].content.dropFirst(Self.prefix), as: UTF8.self).split(separator: "\n")
        let text = lines.filter { !$0.hasPrefix("digest ") }.joined(separator: "\n")
        return Field.all(inLines: text, named: "end") { replacing(last, Array(frames[last].content.prefix(Self.prefix)) + Array("\($0)\n".utf8)) }
    }

    /// Of the first block and the last one: its number and size, and of each column how many elements it has, the first and the
    /// last of them.
    func blockFields() -> [Field] {
        Array(Set([1, frames.count - 2])).sorted().flatMap { index -> [Field] in
            let content = frames[index].content
            func field(_ name: String, at offset: Int, size: Int) -> Field {
                Field.number("block \(index - 1) \(name)", in: content, at: offset, size: size) { replacing(index, $0) }
            }
            var fields = [field("number", at: 4, size: 4), field("size", at: 8, size: 8)], offset = Self.prefix
            for (name, size) in columns {
                let count = content[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
                fields.append(field("elements of \(name)", at: offset, size: 8))
                offset += 8
                if count > 0 { fields.append(field("first of \(name)", at: offset, size: size)) }
                if count > 1 { fields.append(field("last of \(name)", at: offset + (count - 1) * size, size: size)) }
                offset += (count * size + 7) / 8 * 8
            }
            return fields
        }
    }

    /// The shard with another content of a frame.
    private func replacing(_ index: Int, _ content: [UInt8]) -> [UInt8] {
        var frames = frames
        let fits = content.count == frames[index].content.count
        frames[index] = Frame(content: content, ends: fits ? frames[index].ends : [content.count])
        var digest = XXH64()
        for index in frames.indices {
            if !frames[index].content.starts(with: Self.endMagic) {
                frames[index].content.withUnsafeBytes { digest.update($0) }
                continue
            }
            let text = String(decoding: frames[index].content.dropFirst(Self.prefix), as: UTF8.self)
            let totals = text.split(separator: "\n").filter { !$0.hasPrefix("digest ") }.map { $0 + "\n" }.joined()
            let hexadecimal = String(digest.digest(), radix: 16)
            let end = Array("\(totals)digest \(String(repeating: "0", count: 16 - hexadecimal.count))\(hexadecimal)\n".utf8)
            frames[index].content = frames[index].content.prefix(8) + littleEndian(UInt64(end.count)) + end
            frames[index].ends = [frames[index].content.count]
            digest = XXH64()
        }
        return frames.flatMap(Self.stored)
    }

    /// An LZ4 frame whose blocks are not compressed.
    private static func stored(_ frame: Frame) -> [UInt8] {
        let descriptor = [0x7C, 0x70] + littleEndian(UInt64(frame.content.count))
        var bytes = littleEndian(UInt32(0x184D_2204)) + descriptor + [UInt8(truncatingIfNeeded: hash(descriptor) >> 8)]
        var start = 0
        for end in frame.ends {
            let block = Array(frame.content[start..<end])
            bytes += littleEndian(UInt32(block.count) | 1 << 31) + block + littleEndian(hash(block))
            start = end
        }
        return bytes + littleEndian(UInt32(0)) + littleEndian(hash(frame.content))
    }

    private static func hash(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { XXH32.hash($0) } }
}

/// All that LZ4 frames hold.
private func unpacked(_ bytes: [UInt8]) throws -> [UInt8] {
    let source = try decompressed(MemorySource(bytes))
    var content: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = try buffer.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 { content += buffer[..<count] }
    return content
}
