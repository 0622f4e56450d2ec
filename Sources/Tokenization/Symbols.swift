/// Emoji and other symbols of more than one scalar.
enum Symbols {
    private static let joiner: UInt32 = 0x200D
    private static let regionalIndicators: ClosedRange<UInt32> = 0x1F1E6...0x1F1FF

    /// Variation selectors, joiners, marks round a symbol, skin tones, tags.
    static func isModifier(_ scalar: UInt32) -> Bool {
        switch scalar {
        case joiner, 0xFE00...0xFE0F, 0x20D0...0x20FF, 0x1F3FB...0x1F3FF, 0xE0020...0xE007F: true
        default: false
        }
    }

    /// Where the symbol at `index` ends, its modifiers and whatever is joined to it included.
    static func end(_ chunk: borrowing DecodedChunk, _ index: Int, _ limit: Int) -> Int {
        var stop = index + 1
        if regionalIndicators.contains(chunk.scalars[index]) && stop < limit
            && regionalIndicators.contains(chunk.scalars[stop]) { return stop + 1 }
        while stop < limit {
            let joined = chunk.scalars[stop - 1] == joiner && chunk.classes[stop] == .symbol
            guard joined || isModifier(chunk.scalars[stop]) else { break }
            stop += 1
        }
        return stop
    }
}
