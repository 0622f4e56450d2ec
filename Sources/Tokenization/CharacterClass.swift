/// The character classes of the rules.
enum CharacterClass: UInt8 {
    /// White space of any kind, control characters and the zero-width space, which are never part of a token.
    case space
    case lower
    case upper
    /// Letters without case, marks, joiners and whatever else belongs to words.
    case letter
    case digit
    case apostrophe
    case hyphen
    case dot
    case comma
    case colon
    /// `!` and `?`, which end a sentence if the next one starts after them.
    case ender
    /// `。！？؟।`, which end a sentence whatever follows, because their languages have no capitals, and some no spaces.
    case fullStop
    case ellipsis
    case opening
    case closing
    /// A quote that may open or close: `"`.
    case quote
    case dash
    case currency
    case percent
    /// Characters like `/ & @ # _ + \ =`, which stay in words: paths, addresses, tags.
    case joining
    /// `* ^ ~`: tokens at the edges of a word, part of it inside.
    case edge
    /// Any other punctuation, which is always a token.
    case separate
    /// Symbols such as emoji and arrows: tokens, together with the modifiers after them.
    case symbol

    var isCased: Bool { self == .lower || self == .upper }
    var isLetter: Bool { isCased || self == .letter }
    var isWord: Bool { isLetter || self == .digit }
}

/// The class of every scalar.
enum CharacterClasses {
    static func of(_ scalar: UInt32) -> CharacterClass {
        if scalar < 0x80 { return ascii[Int(scalar)] }
        if scalar < 0x1_0000 { return basicPlane[Int(scalar)] }
        return Unicode.Scalar(scalar).map(classify) ?? .letter
    }

    private static let ascii = table(0..<0x80)

    /// Computed when text that is not ASCII is first met, in about 5 ms.
    private static let basicPlane = table(0..<0x1_0000)

    private static func table(_ scalars: Range<UInt32>) -> [CharacterClass] {
        scalars.map { Unicode.Scalar($0).map(classify) ?? .letter }
    }

    private static func classify(_ scalar: Unicode.Scalar) -> CharacterClass {
        switch scalar {
        case "\0"..." ", "\u{7F}": return .space
        case "a"..."z": return .lower
        case "A"..."Z": return .upper
        case "0"..."9": return .digit
        case "-", "\u{2010}", "\u{2011}": return .hyphen
        case ".": return .dot
        case ",": return .comma
        case ":": return .colon
        case "!", "?": return .ender
        case "(", "[", "{", "<": return .opening
        case ")", "]", "}", ">": return .closing
        case "\"": return .quote
        case "%": return .percent
        case "/", "&", "@", "#", "_", "+", "\\": return .joining
        case "*", "^", "~": return .edge
        case ";", "=", "`", "|": return .separate
        case "'", "\u{2019}", "\u{00B4}", "\u{FF07}", "\u{201B}": return .apostrophe
        case "\u{2026}": return .ellipsis
        case "。", "！", "？", "｡", "؟", "۔", "।", "॥", "։", "።": return .fullStop
        // Signs inside words: Catalan, Hebrew, Armenian, Tibetan, Georgian.
        case "\u{00B7}", "\u{0387}", "\u{05F3}", "\u{05F4}", "\u{2027}", "\u{055A}"..."\u{055F}", "\u{0F0B}", "\u{0F0C}",
            "\u{10FB}":
            return .letter
        case "\u{200B}", "\u{FEFF}": return .space
        default: break
        }
        let properties = scalar.properties
        if properties.isWhitespace { return .space }
        switch properties.generalCategory {
        case .lowercaseLetter: return .lower
        case .uppercaseLetter, .titlecaseLetter: return .upper
        case .decimalNumber, .letterNumber, .otherNumber: return .digit
        case .openPunctuation, .initialPunctuation: return .opening
        case .closePunctuation, .finalPunctuation: return .closing
        case .dashPunctuation: return .dash
        case .otherPunctuation: return .separate
        case .currencySymbol: return .currency
        case .mathSymbol, .modifierSymbol, .otherSymbol: return .symbol
        case .control: return .space
        default: return .letter
        }
    }
}
