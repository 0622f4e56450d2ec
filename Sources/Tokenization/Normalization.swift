/// Unicode normalisation of text (Unicode Standard Annex 15).
public enum Normalization: String, CaseIterable, Sendable {
    /// Text stays as it is.
    case none
    /// Canonical composition: one form for what looks the same (`e` and an accent become `é`).
    case nfc
    /// Compatibility composition: also ligatures, full-width and styled letters become plain ones, `…` becomes `...`.
    case nfkc

    /// The normal form of `bytes`, valid UTF-8; `nil` if that is what they are, as far as a quick look shows.
    package func apply(to bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard self != .none, let base = bytes.baseAddress else { return nil }
        var position = 0
        while position < bytes.count {
            let (scalar, length) = decodeScalar(base, position)
            if !isInert(scalar) { return normalized(bytes) }
            position += length
        }
        return nil
    }

    /// Whether a scalar is its own normal form and does not combine with what stands before it. A quick look: false for
    /// many that are.
    func isInert(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0..<0xA0, 0xC0...0x131, 0x0400...0x0482, 0x0621...0x064A: true
        // Dashes, quotes, joiners.
        case 0x200B...0x200D, 0x2012...0x2016, 0x2018...0x2023: true
        case 0x3041...0x3096, 0x30A1...0x30FA, 0x4E00...0x9FFF, 0xAC00...0xD7A3: true
        // Variation selectors, emoji.
        case 0xFE00...0xFE0F, 0x1F300...0x1FAFF: true
        case 0xA0...0x2FF: self == .nfc
        default: false
        }
    }

    private func normalized(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var composer = CanonicalComposer()
        guard let base = bytes.baseAddress else { return [] }
        var position = 0
        while position < bytes.count {
            let (value, length) = decodeScalar(base, position)
            position += length
            guard let scalar = Unicode.Scalar(value) else { continue }
            if self == .nfc || isInert(value) {
                composer.take(scalar)
            } else {
                // Mappings are those of scalars that are not composed.
                CanonicalMappings.shared.forEachPart(of: scalar) { part in
                    CompatibilityTable.shared.forEachScalar(of: part) { composer.take($0) }
                }
            }
        }
        composer.finish()
        return composer.result
    }
}

/// `compatibilityMappings` as sorted ranges.
private struct CompatibilityTable {
    static let shared = CompatibilityTable(compatibilityMappings)

    private struct Entry {
        var range: ClosedRange<UInt32>
        /// The mappings of the range's scalars, or the first of a run of single ones.
        var mappings: [[Unicode.Scalar]]
    }

    private var entries: [Entry] = []

    private init(_ text: String) {
        func scalar(_ hexadecimal: Substring) -> Unicode.Scalar {
            guard let value = UInt32(hexadecimal, radix: 16), let scalar = Unicode.Scalar(value) else {
                preconditionFailure("compatibilityMappings: \(hexadecimal) is not a scalar")
            }
            return scalar
        }
        for item in text.split(separator: " ") {
            let sides = item.split(separator: "=")
            let mappings = sides[1].split(separator: ",").map { $0.split(separator: ".").map(scalar) }
            let ends = sides[0].split(separator: "-").map { scalar($0).value }
            let last = ends.count == 2 ? ends[1] : ends[0] + UInt32(mappings.count) - 1
            entries.append(Entry(range: ends[0]...last, mappings: mappings))
        }
    }

    /// Calls `body` with what a scalar maps to: itself, if it has no mapping.
    func forEachScalar(of scalar: Unicode.Scalar, _ body: (Unicode.Scalar) -> Void) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].range.upperBound < scalar.value { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].range.contains(scalar.value) else { return body(scalar) }
        let offset = scalar.value - entries[low].range.lowerBound
        let mappings = entries[low].mappings
        if mappings.count == 1, let first = mappings[0].first, entries[low].range.count > 1 {
            if let mapped = Unicode.Scalar(first.value + offset) { body(mapped) }
        } else {
            for mapped in mappings[Int(offset)] { body(mapped) }
        }
    }
}
