/// Canonical composition (NFC, Unicode Standard Annex 15) of scalars that come one after the other, in time that grows with their
/// number only.
///
/// The standard library sorts the marks behind a letter by insertion, which takes the square of their number.
struct CanonicalComposer {
    /// The normal form of what has been taken, as UTF-8; complete after `finish`.
    private(set) var result: [UInt8] = []
    /// An inert scalar (`Normalization`): its own normal form, unless something combines with it.
    private var waiting: Unicode.Scalar?
    /// What may still change, decomposed, and the combining classes. Nothing in it combines with what was before it.
    private var segment: [Unicode.Scalar] = []
    private var classes: [UInt8] = []
    private var marks: [UInt64] = []
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

    /// Sorts each run of marks by their classes; those of one class stay in their order.
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
        marks.removeAll(keepingCapacity: true)
        // Class, place and scalar, so that no two are equal. A scalar has 21 bits.
        for place in range { marks.append(UInt64(classes[place]) << 56 | UInt64(place) << 21 | UInt64(segment[place].value)) }
        marks.sort()
        for (place, mark) in zip(range, marks) {
            classes[place] = UInt8(mark >> 56)
            segment[place] = Unicode.Scalar(UInt32(mark & 0x1F_FFFF)).unsafelyUnwrapped
        }
    }

    /// Joins starters with what stands behind them and is not blocked (D117 of the Unicode Standard).
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
