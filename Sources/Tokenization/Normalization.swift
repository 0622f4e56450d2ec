// The standard library provides Unicode's normal forms only through this SPI. Foundation, which offers them publicly, would triple
// a tool's start-up time.
@_spi(_Unicode) import Swift

/// Unicode normalisation of text (Unicode Standard Annex 15).
public enum Normalization: String, CaseIterable, Sendable {
    /// Leaves text unchanged.
    case none
    /// Canonical composition: one form for what looks the same (`e` and an accent become `é`).
    case nfc
    /// Compatibility composition: ligatures, full-width and styled letters become plain ones, too, and `…` becomes `...`.
    case nfkc

    /// Returns the normal form of `bytes`, which must be valid UTF-8; `nil` if a quick test shows that they are normal already.
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

    /// A quick test: returns true if a scalar is its own normal form and does not combine with what precedes it, and false for many
    /// other such scalars, too.
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
                // Mappings are defined for scalars that are not composed.
                CanonicalMappings.shared.forEachPart(of: scalar) { part in
                    CompatibilityTable.shared.forEachScalar(of: part) { composer.take($0) }
                }
            }
        }
        composer.finish()
        return composer.result
    }
}

/// `compatibilityMappings`, indexed by scalar.
private struct CompatibilityTable {
    static let shared = CompatibilityTable(compatibilityMappings)

    private var mappings: [UInt32: [Unicode.Scalar]] = [:]

    private init(_ text: String) {
        for item in text.split(separator: " ") {
            let sides = item.split(separator: "=")
            let ends = sides[0].split(separator: "-").compactMap { UInt32($0, radix: 16) }
            let targets = sides[1].split(separator: ",").map { target in
                target.split(separator: ".").map { part in
                    let isCounted = part.last == "+"
                    return (value: UInt32(isCounted ? part.dropLast() : part, radix: 16) ?? 0, step: UInt32(isCounted ? 1 : 0))
                }
            }
            let isRange = ends.count == 2
            for offset in 0..<(isRange ? ends[1] - ends[0] + 1 : UInt32(targets.count)) {
                let target = targets[isRange ? 0 : Int(offset)]
                mappings[ends[0] + offset] = target.compactMap { Unicode.Scalar($0.value + $0.step * offset) }
            }
        }
    }

    /// Calls `body` with the scalars that a scalar maps to, or with the scalar itself if it has no mapping.
    func forEachScalar(of scalar: Unicode.Scalar, _ body: (Unicode.Scalar) -> Void) {
        guard let mapped = mappings[scalar.value] else { return body(scalar) }
        for scalar in mapped { body(scalar) }
    }
}

/// Canonical composition (NFC, Unicode Standard Annex 15) of a sequence of scalars in linear time. The standard library sorts the
/// marks after a letter by insertion, which takes quadratic time.
private struct CanonicalComposer {
    /// Normal form, as UTF-8, of the scalars taken so far; complete after `finish`.
    private(set) var result: [UInt8] = []
    /// An inert scalar (`Normalization`), which is its own normal form unless something combines with it.
    private var waiting: Unicode.Scalar?
    /// Decomposed scalars that may still change, and their combining classes. None combines with what precedes them.
    private var segment: [Unicode.Scalar] = []
    private var classes: [UInt8] = []
    private let mappings = CanonicalMappings.shared

    mutating func take(_ scalar: Unicode.Scalar) {
        if Normalization.nfc.isInert(scalar.value) {
            finish()
            waiting = scalar
            return
        }
        if let first = waiting {
            waiting = nil
            decompose(first)
        }
        decompose(scalar)
    }

    /// Completes `result`.
    mutating func finish() {
        if let scalar = waiting {
            waiting = nil
            append(scalar)
        } else if !segment.isEmpty {
            reorder()
            compose()
            for scalar in segment { append(scalar) }
            segment.removeAll(keepingCapacity: true)
            classes.removeAll(keepingCapacity: true)
        }
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        if scalar.isASCII { result.append(UInt8(scalar.value)) } else { result.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped) }
    }

    private mutating func decompose(_ scalar: Unicode.Scalar) {
        mappings.forEachPart(of: scalar) { part in
            segment.append(part)
            classes.append(mappings.combiningClass(of: part))
        }
    }

    /// Sorts each run of marks by class; marks of one class keep their order.
    private mutating func reorder() {
        var start = 0
        while start < segment.count {
            var end = start + 1, isSorted = true
            if classes[start] > 0 {
                while end < segment.count && classes[end] > 0 {
                    if classes[end] < classes[end - 1] { isSorted = false }
                    end += 1
                }
            }
            if !isSorted { sort(start..<end) }
            start = end
        }
    }

    private mutating func sort(_ range: Range<Int>) {
        let marks = range.sorted { (classes[$0], $0) < (classes[$1], $1) }.map { (segment[$0], classes[$0]) }
        for (place, mark) in zip(range, marks) { (segment[place], classes[place]) = mark }
    }

    /// Joins starters with scalars after them that are not blocked (D117 of the Unicode Standard).
    private mutating func compose() {
        var count = 0, starter: Int?
        for place in segment.indices {
            let scalar = segment[place], kind = classes[place]
            if let first = starter, count == first + 1 || classes[count - 1] < kind,
                let both = mappings.composite(segment[first], scalar) {
                segment[first] = both
                continue
            }
            if kind == 0 { starter = count }
            segment[count] = scalar
            classes[count] = kind
            count += 1
        }
        segment.removeLast(segment.count - count)
        classes.removeLast(classes.count - count)
    }
}

/// Tables of Unicode's canonical decompositions, compositions and combining classes, built from the standard library.
///
/// The library answers only for strings, which takes several hundred nanoseconds for each scalar. It is still asked for scalars of
/// the upper planes, which are rare.
private struct CanonicalMappings: Sendable {
    /// Built when first needed, in a few milliseconds.
    static let shared = CanonicalMappings()

    /// Decomposition of each scalar of the basic plane; empty if it is the scalar itself.
    private var decompositions = [[Unicode.Scalar]](repeating: [], count: 0x1_0000)
    private var classes = [UInt8](repeating: 0, count: 0x1_0000)
    private var composites: [UInt64: Unicode.Scalar] = [:]

    private init() {
        for value in UInt32(0xC0)..<0x1_0000 {
            // Ideographs and private scalars have neither classes nor decompositions; those of Hangul are computed.
            guard !(0x3400...0x9FFF).contains(value), !(0xAC00...0xF8FF).contains(value), let scalar = Unicode.Scalar(value) else { continue }
            classes[Int(value)] = scalar.properties.canonicalCombiningClass.rawValue
            let decomposition = Array(String(Character(scalar))._nfd)
            guard decomposition != [scalar] else { continue }
            decompositions[Int(value)] = decomposition
            // The last part joins the composition of the others, unless text is never composed to this scalar.
            guard decomposition.count > 1, Self.composed(decomposition) == scalar, let first = Self.composed(decomposition.dropLast())
            else { continue }
            composites[Self.key(first, decomposition[decomposition.count - 1])] = scalar
        }
    }

    /// Returns the scalar that a sequence composes to; `nil` if there is no single one.
    private static func composed(_ scalars: some Sequence<Unicode.Scalar>) -> Unicode.Scalar? {
        var text = "", composed: Unicode.Scalar?, count = 0
        text.unicodeScalars.append(contentsOf: scalars)
        for scalar in text._nfc {
            composed = scalar
            count += 1
        }
        return count == 1 ? composed : nil
    }

    private static func key(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> UInt64 { UInt64(first.value) << 32 | UInt64(second.value) }

    /// Returns the canonical combining class; 0 for scalars that are not marks or do not move.
    func combiningClass(of scalar: Unicode.Scalar) -> UInt8 {
        scalar.value < 0x1_0000 ? classes[Int(scalar.value)] : scalar.properties.canonicalCombiningClass.rawValue
    }

    /// Calls `body` with each part of a scalar's full canonical decomposition.
    func forEachPart(of scalar: Unicode.Scalar, _ body: (Unicode.Scalar) -> Void) {
        if Hangul.syllables.contains(scalar.value) { return Hangul.forEachPart(of: scalar.value, body) }
        guard scalar.value < 0x1_0000 else {
            for part in String(Character(scalar))._nfd { body(part) }
            return
        }
        let parts = decompositions[Int(scalar.value)]
        if parts.isEmpty { return body(scalar) }
        for part in parts { body(part) }
    }

    /// Returns the scalar that two others compose to, or `nil`.
    func composite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        if first.value >= 0x1_0000 || second.value >= 0x1_0000 { return Self.composed([first, second]) }
        return composites[Self.key(first, second)] ?? Hangul.composite(first.value, second.value)
    }
}

/// Syllables of Hangul and their letters (section 3.12 of the Unicode Standard).
private enum Hangul {
    static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
    /// First initial consonant, vowel and final consonant; numbers of final consonants start at 1.
    private static let initial: UInt32 = 0x1100, vowel: UInt32 = 0x1161, final: UInt32 = 0x11A7
    private static let initials: UInt32 = 19, vowels: UInt32 = 21, finals: UInt32 = 28

    static func forEachPart(of syllable: UInt32, _ body: (Unicode.Scalar) -> Void) {
        let number = syllable - syllables.lowerBound
        for (part, isThere) in [
            (initial + number / (vowels * finals), true), (vowel + number / finals % vowels, true),
            (final + number % finals, number % finals > 0),
        ] where isThere { if let part = Unicode.Scalar(part) { body(part) } }
    }

    static func composite(_ first: UInt32, _ second: UInt32) -> Unicode.Scalar? {
        if (initial..<initial + initials).contains(first) && (vowel..<vowel + vowels).contains(second) {
            return Unicode.Scalar(syllables.lowerBound + ((first - initial) * vowels + second - vowel) * finals)
        }
        let hasNoFinal = syllables.contains(first) && (first - syllables.lowerBound) % finals == 0
        guard hasNoFinal, second > final, second < final + finals else { return nil }
        return Unicode.Scalar(first + second - final)
    }
}
