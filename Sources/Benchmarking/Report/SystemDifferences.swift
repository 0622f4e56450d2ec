extension DifferencesRecord {
    /// The setting that most comparisons study.
    private static let outputLayer = "output layer"
    /// The settings of a record that come first; others follow, sorted by name.
    private static let settings = ["layers", "vectors", "layer norm", "dropout", "residual connections", "shared layers", "loss"]

    /// Finds the differences between systems in one comparison. Returns `nil` if they do not differ.
    public init?(_ systems: [SystemRecord]) {
        let named: [(String, (SystemRecord) -> String?)] = [
            (Self.outputLayer, { $0.output }), ("input layer", { $0.input }), ("cell", { $0.cell.map(String.init) }),
            ("projection", { $0.projection.map(String.init) }), ("directions", { $0.directions.map(String.init) }),
            ("vocabulary", \.vocabularyText), ("batch", { $0.batch.map(String.init) }), ("window", { $0.window.map(String.init) }),
            ("optimiser", { $0.optimizer }), ("threads", { $0.threads.map(String.init) }),
        ]
        let others = Set(systems.flatMap { ($0.settings ?? [:]).keys }).subtracting(Self.settings).sorted()
        let aspects = named + (Self.settings + others).map { name in (name, { $0.settings?[name] }) }
        // A setting that a system lacks, or that its record lacks, does not count as a different value.
        let differences = aspects.compactMap { name, value in
            let values = distinct(systems.compactMap(value))
            return values.count > 1 ? Difference(what: name, values: values) : nil
        }
        guard !differences.isEmpty else { return nil }
        func common<Value: Hashable>(_ value: (SystemRecord) -> Value?) -> Value? {
            let values = distinct(systems.map(value))
            return values.count == 1 ? values[0] : nil
        }
        self.init(
            run: systems.first?.run, encoder: common(\.encoder), vocabulary: common(\.vocabulary), systems: systems.map(\.name),
            differences: differences, text: Self.sentence(differences))
    }

    private static func sentence(_ differences: [Difference]) -> String {
        let others = differences.filter { $0.what != outputLayer }
        let list = others.map { "\($0.what) \($0.values.joined(separator: " against "))" }.joined(separator: ", ")
        if others.isEmpty { return "These systems differ in the output layer alone." }
        if others.count < differences.count { return "These systems differ in more than the output layer: \(list)." }
        return others.count == 1
            ? "These systems differ in one thing: \(list)." : "These systems differ in \(others.count) things at once: \(list)."
    }
}

extension SystemRecord {
    /// The number of the softmax's classes, or of the table's words: `793,471`, for units `32,000 units`; `nil` if neither is known.
    var vocabularyText: String? {
        guard let size = classes ?? vocabulary else { return nil }
        return NumberText.grouped(size) + (input == "subwords" ? " units" : "")
    }
}
