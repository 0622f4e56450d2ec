import Encoding
import Files
@_spi(HostMemory) import Kernels
public import Model
import Shards
public import Subwords
public import WordVectors

/// What makes the vectors that a probe judges: all layers of an encoder, or a table of word vectors, which is one layer.
public enum ProbeSystem {
    /// With what its input layer reads; names are for messages.
    case encoder(
        ContextualEncoder, name: String, table: (table: EmbeddingTable, name: String)?, merges: (table: Merges, name: String)?)
    case words(EmbeddingTable, name: String)

    /// The vectors of a text's words. Throws `ToolError`: `configuration` if encoder, table and merges do not fit each other,
    /// `dataError` for a vector that is not of numbers, and what reading the table throws.
    public func features(of text: LabelledText) throws -> ProbeFeatures {
        switch self {
        case .encoder(let encoder, let name, let table, let merges):
            var forms = WordForms(encoder.configuration)
            let features = ProbeFeatures(tokens: text.tokenCount, layers: encoder.layerCount, width: encoder.layerWidth)
            var rows = Rows(features, text, name: name)
            let collector = SentenceCollector { sentence in
                try sentence.values.withUnsafeBufferPointer { try rows.append($0) }
            }
            let stage = try SentenceEncoder(
                encoder, table: table?.table, tableName: table?.name ?? "", merges: merges, layers: .all, to: collector)
            for sentence in text.sentences { try stage.encode(sentence.words.map { forms.form(of: $0) }) }
            try stage.flush()
            return features
        case .words(let table, let name):
            var forms = WordForms(table)
            let features = ProbeFeatures(tokens: text.tokenCount, layers: 1, width: table.dimension)
            var rows = Rows(features, text, name: name)
            var vector = [Float](repeating: 0, count: table.dimension)
            for sentence in text.sentences {
                for word in sentence.words {
                    var form = forms.form(of: word)
                    try vector.withUnsafeMutableBufferPointer { vector in
                        _ = try form.withUTF8 { try table.vector(for: UnsafeRawBufferPointer($0), into: vector) }
                        try rows.append(UnsafeBufferPointer(vector))
                    }
                }
            }
            return features
        }
    }

    /// The next rows of the features of a text.
    private struct Rows {
        let features: ProbeFeatures
        let text: LabelledText
        let name: String
        var next = 0

        init(_ features: ProbeFeatures, _ text: LabelledText, name: String) {
            self.features = features
            self.text = text
            self.name = name
        }

        mutating func append(_ values: UnsafeBufferPointer<Float>) throws {
            guard let start = values.baseAddress else { return }
            let columns = features.matrix.columns
            let count = values.count / columns
            for row in 0..<count where !Vector.isFinite(start + row * columns, count: columns) {
                throw ToolError.data(name, "", "the vector of '\(word(next + row))' in \(text.name) holds what is no number")
            }
            features.matrix.row(next).update(from: start, count: values.count)
            next += count
        }

        private func word(_ token: Int) -> String {
            let words = text.sentences.lazy.flatMap(\.words)
            return words.dropFirst(token).first ?? ""
        }
    }
}
