import Files

/// Memory that a new process can have without others losing theirs, in bytes; `nil` where the system does not say.
func availableMemory() -> Int? {
    guard let file = try? FileSource(path: "/proc/meminfo") else { return nil }
    let lines = LineReader(file)
    var found: Int?
    while found == nil, (try? lines.next({ line in
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        if words.count > 1 && words[0] == "MemAvailable:" { found = Int(words[1]).map { $0 << 10 } }
    })) == true {}
    return found
}
