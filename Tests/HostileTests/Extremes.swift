/// Values at the ends of the types that programs keep numbers in, just beyond them, and what is no number.
enum Extremes {
    static let numbers = [
        "-1", "0", "1", "2147483647", "2147483648", "4294967295", "4294967296", "9007199254740993", "9223372036854775807",
        "-9223372036854775808", "18446744073709551615", "18446744073709551616", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf",
        "-0.0", "", letters,
    ]

    /// The ends of Int64.
    static let ends = ["9223372036854775807", "-9223372036854775808"]

    /// An endless word. Linux passes arguments of at most 128 KiB.
    static let letters = String(repeating: "x", count: 100_000)

    /// What an option is given that calls its value so: where it is no number, what file names and choices may be mistaken for.
    static func values(of kind: String) -> [String] {
        let values = isNumber(kind) || kind == "name=value" || kind == "layers" ? numbers : ["-1", "1e308", "18446744073709551616", "nan", "", letters]
        return forms(of: kind).flatMap { form in values.map(form) }
    }

    static func isNumber(_ kind: String) -> Bool { ["n", "n,n", "w:n,w:n", "x", "p", "size", "time"].contains(kind) }

    /// The values of `kind` that a short run tries: of numbers two by the option's number, so that neighbouring options try all of
    /// them, and the ends of whole numbers; of names and choices one.
    static func fewValues(of kind: String, number: Int) -> [String] {
        let forms = forms(of: kind), form = forms[number / numbers.count % forms.count]
        let drawn = [numbers[2 * number % numbers.count], numbers[(2 * number + 1) % numbers.count]].map(form)
        guard isNumber(kind) else { return [drawn[number % 2]] }
        return !["n", "n,n"].contains(kind) ? drawn : drawn + ends.filter { !drawn.contains($0) }
    }

    /// How a number is written where an option calls its value `kind`.
    private static func forms(of kind: String) -> [@Sendable (String) -> String] {
        switch kind {
        case "size": [{ $0 }, { "\($0)K" }, { "\($0)T" }]
        case "time": [{ $0 }, { "\($0)s" }, { "\($0)h" }, { "\($0)d" }]
        case "n,n": [{ $0 }, { "10,\($0)" }]
        case "w:n,w:n": [{ $0 }, { "\($0):1" }, { "1:\($0)" }]
        case "name=value": [{ $0 }, { "name=\($0)" }]
        case "a,b": [{ $0 }, { "a,\($0)" }]
        default: [{ $0 }]
        }
    }
}
