// Canonical composition is in the standard library, behind this door; Foundation, which has it in front, would triple
// the start-up time of a tool and has nothing faster.
@_spi(_Unicode) import Swift

/// Unicode normalisation of text (Unicode Standard Annex 15).
public enum Normalization: String, CaseIterable, Sendable {
    /// Text stays as it is.
    case none
    /// Canonical composition: one form for what looks the same (`e` and an accent become `é`).
    case nfc
    /// Compatibility composition: also ligatures, full-width and styled letters become plain ones, `…` becomes `...`.
    case nfkc

    /// The normal form of `bytes`, valid UTF-8; `nil` if that is what they are, as far as a quick look shows.
    func apply(to bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard self != .none, let base = bytes.baseAddress else { return nil }
        var position = 0
        while position < bytes.count {
            let (scalar, length) = decodeScalar(base, position)
            if !isInert(scalar) { return normalized(String(decoding: bytes, as: UTF8.self)) }
            position += length
        }
        return nil
    }

    /// Whether a scalar is its own normal form and does not combine with what stands before it. A quick look: false for
    /// many that are.
    private func isInert(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0..<0xA0, 0x0400...0x0482, 0x3041...0x3096, 0x30A1...0x30FA, 0x4E00...0x9FFF, 0xAC00...0xD7A3: true
        case 0xC0...0x131: true
        case 0xA0...0x2FF: self == .nfc
        default: false
        }
    }

    private func normalized(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        func append(_ scalar: Unicode.Scalar) { result.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped) }
        if self == .nfkc {
            var decomposed = ""
            for scalar in text._nfd {
                CompatibilityTable.shared.appendMapping(of: scalar, to: &decomposed.unicodeScalars)
            }
            for scalar in decomposed._nfc { append(scalar) }
        } else {
            for scalar in text._nfc { append(scalar) }
        }
        return result
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

    func appendMapping(of scalar: Unicode.Scalar, to text: inout String.UnicodeScalarView) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].range.upperBound < scalar.value { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].range.contains(scalar.value) else {
            text.append(scalar)
            return
        }
        let offset = scalar.value - entries[low].range.lowerBound
        let mappings = entries[low].mappings
        if mappings.count == 1, let first = mappings[0].first, entries[low].range.count > 1 {
            if let mapped = Unicode.Scalar(first.value + offset) { text.append(mapped) }
        } else {
            text.append(contentsOf: mappings[Int(offset)])
        }
    }
}
