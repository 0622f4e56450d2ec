/// What the rules need to know about a character. ASCII by a table, the rest by its Unicode properties.
enum CharacterClass: UInt8 {
    /// White space of any kind, control characters and the zero-width space: never part of a token.
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
    /// `!` and `?`: end a sentence when the next one begins behind them.
    case ender
    /// `。！？؟।`: end a sentence whatever follows, for their languages have no capitals, some no spaces.
    case fullStop
    case ellipsis
    case opening
    case closing
    /// A quote that may open or close: `"`.
    case quote
    case dash
    case currency
    case percent
    /// `/ & @ # _ + \ =`-like characters that stay in words: paths, addresses, tags.
    case joining
    /// `* ^ ~`: tokens at the edges of a word, part of it inside.
    case edge
    /// Any other punctuation: always a token.
    case separate
    /// Symbols such as emoji and arrows: tokens, with the modifiers that follow them.
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

    private static let ascii: [CharacterClass] = (0..<0x80).map { classifyASCII(UInt8($0)) }

    /// Made when text that is not ASCII is first met, in about 5 ms.
    private static let basicPlane: [CharacterClass] = (0..<0x1_0000).map { value in
        value < 0x80 ? ascii[value] : Unicode.Scalar(UInt32(value)).map(classify) ?? .letter
    }

    private static func classifyASCII(_ byte: UInt8) -> CharacterClass {
        switch byte {
        case 0...0x20, 0x7F: .space
        case UInt8(ascii: "a")...UInt8(ascii: "z"): .lower
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): .upper
        case UInt8(ascii: "0")...UInt8(ascii: "9"): .digit
        case UInt8(ascii: "'"): .apostrophe
        case UInt8(ascii: "-"): .hyphen
        case UInt8(ascii: "."): .dot
        case UInt8(ascii: ","): .comma
        case UInt8(ascii: ":"): .colon
        case UInt8(ascii: "!"), UInt8(ascii: "?"): .ender
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: "<"): .opening
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: ">"): .closing
        case UInt8(ascii: "\""): .quote
        case UInt8(ascii: "$"): .currency
        case UInt8(ascii: "%"): .percent
        case UInt8(ascii: "/"), UInt8(ascii: "&"), UInt8(ascii: "@"), UInt8(ascii: "#"), UInt8(ascii: "_"),
            UInt8(ascii: "+"), UInt8(ascii: "\\"):
            .joining
        case UInt8(ascii: "*"), UInt8(ascii: "^"), UInt8(ascii: "~"): .edge
        default: .separate
        }
    }

    private static func classify(_ scalar: Unicode.Scalar) -> CharacterClass {
        switch scalar {
        case "\u{2019}", "\u{00B4}", "\u{FF07}", "\u{201B}": return .apostrophe
        case "\u{2010}", "\u{2011}": return .hyphen
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
