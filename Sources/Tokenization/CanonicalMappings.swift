// They are in the standard library, behind this door; Foundation, which has them in front, would triple the start-up time of a tool.
@_spi(_Unicode) import Swift

/// What single scalars decompose into canonically, what two of them compose to, and combining classes: Unicode's data as the
/// standard library has them, in tables.
///
/// The library answers for strings only, which takes several hundred nanoseconds a scalar. Scalars of the upper planes, which are
/// rare, are still asked for in this way.
struct CanonicalMappings: Sendable {
    /// Made when it is first needed, in a few milliseconds.
    static let shared = CanonicalMappings()

    /// For each scalar of the basic plane where its decomposition begins in `parts`, 0 if it is its own.
    private var places = [UInt16](repeating: 0, count: 0x1_0000)
    private var classes = [UInt8](repeating: 0, count: 0x1_0000)
    /// Decompositions, one after the other, with the length of each before it.
    private var parts: [UInt32] = [0]
    private var composites: [UInt64: Unicode.Scalar] = [:]

    private init() {
        for value in UInt32(0xC0)..<0x1_0000 {
            // Ideographs and private scalars have neither classes nor decompositions; those of Hangul are computed.
            guard !(0x3400...0x9FFF).contains(value), !(0xAC00...0xF8FF).contains(value), let scalar = Unicode.Scalar(value) else { continue }
            classes[Int(value)] = scalar.properties.canonicalCombiningClass.rawValue
            let decomposition = Array(String(Character(scalar))._nfd)
            guard decomposition != [scalar] else { continue }
            places[Int(value)] = UInt16(parts.count)
            parts.append(UInt32(decomposition.count))
            parts += decomposition.map(\.value)
            // The last part joins what the others make together, unless the scalar is one that text is never composed to.
            guard decomposition.count > 1, Self.composed(decomposition) == scalar, let first = Self.composed(decomposition.dropLast())
            else { continue }
            composites[Self.key(first, decomposition[decomposition.count - 1])] = scalar
        }
    }

    /// The scalar that a sequence composes to; `nil` if it is more than one.
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

    /// The canonical combining class: 0 for what is no mark or does not move.
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
        let place = Int(places[Int(scalar.value)])
        guard place > 0 else { return body(scalar) }
        for part in parts[place + 1...place + Int(parts[place])] { if let part = Unicode.Scalar(part) { body(part) } }
    }

    /// What two scalars compose to, if they do.
    func composite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        if first.value >= 0x1_0000 || second.value >= 0x1_0000 { return Self.composed([first, second]) }
        return composites[Self.key(first, second)] ?? Hangul.composite(first.value, second.value)
    }
}

/// Syllables of Hangul and their letters (section 3.12 of the Unicode Standard).
private enum Hangul {
    static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
    /// Initial consonants, vowels and final consonants; each final consonant's number begins at 1.
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
