/// Command lines that are valid, take little time, and use a certain option.
struct CommandLines {
    let samples: Samples

    /// The words of the command line of `command` (`bench layers`), in which `option` has `value`; `nil` for a command of which
    /// nothing is known here.
    func words(of command: String, _ option: String, _ value: String) -> [String]? {
        guard var words = base(command) else { return nil }
        let (added, dropped) = needs(command, option)
        for name in dropped + [option] { remove(name, from: &words) }
        for (name, value) in added {
            remove(name, from: &words)
            words += value.isEmpty ? [name] : [name, value]
        }
        return command.split(separator: " ").map(String.init) + words + [option.hasPrefix("--") ? "\(option)=\(value)" : option + value]
    }

    /// Takes an option with its value away; all of the command line's are `--name value`, behind its first operands.
    private func remove(_ option: String, from words: inout [String]) {
        guard let place = words.firstIndex(of: option) else { return }
        let hasValue = place + 1 < words.count && !words[place + 1].hasPrefix("-")
        words.removeSubrange(place...(hasValue ? place + 1 : place))
    }

    private static let common = ["--quiet", "--threads", "2"]
    /// Of measurements of networks.
    private static let network = ["--preset", "tiny", "--batch", "2", "--window", "3", "--dimension", "6"]
    private static let systems = ["--budget", "3s", "--text"]

    private func base(_ command: String) -> [String]? {
        let samples = samples, common = Self.common, output = ["-o", "out"]
        switch command {
        case "tokenize": return [samples.text] + output + common
        case "build-vocab": return [samples.tokens] + output + common
        case "embed-oov": return [samples.vocabulary, "--vectors", samples.vectors] + output + common
        case "train": return [samples.tokens, "--table", samples.table] + Samples.embeddings + Samples.run + ["-o", "out"]
        case "encode": return [samples.text, "--model", samples.model, "--table", samples.table] + output + common
        case "bench train": return Self.network + ["--seconds", "0.01"] + output + common
        case "bench evaluation":
            return [samples.tokens, "--table", samples.table, "--batch", "2", "--runs", "1", "--held-out-tokens", "50"]
                + Samples.embeddings + output + common
        case "bench encode":
            return ["--preset", "tiny", "--dimension", "6", "--text", samples.text, "--sentences", "4", "--rounds", "1"] + output + common
        case "bench operations": return ["--rows", "3", "--columns", "3", "--depth", "3", "--seconds", "0.001"] + output + common
        case "bench gpu": return ["--rows", "3", "--columns", "3", "--depth", "3", "--seconds", "0"] + output + common
        case "bench products": return Self.network + ["--seconds", "0.001"] + output + common
        case "bench int8":
            return [samples.text, "--model", samples.model, "--table", samples.table, "--sentences", "2", "--rounds", "1"] + output + common
        case "bench layers":
            return ["--classes", "100", "--rows", "16", "--width", "16", "--runs", "1", "--layer", "continuous"] + output + common
        case "bench stages": return ["--text", samples.text, "--rounds", "1", "--vectors", "100"] + output + common
        case "bench spelling":
            return [samples.vocabulary, "--vectors", samples.vectors, "--asked", "5", "--words", "100", "--n-grams-only"] + output + common
        case "bench text": return ["--megabytes", "1"] + output
        case "bench output-layers":
            return ["--encoders", "small", "--vocabularies", "100", "--system", "ELMo-C", "--dimension", "6", "--batch", "2", "--window", "3"]
                + Self.systems + [samples.tokens] + output + common
        case "bench encoders":
            return ["--encoder", "lstm", "--output", "cosine", "--vocabulary", "100", "--dimension", "6", "--words", "6", "--narrow", "32"]
                + Self.systems + [samples.tokens] + output + common
        case "bench costs", "bench compare":
            return ["tiny --vocabulary 100 --dimension 6 --batch 2 --window 3"] + Self.systems + [samples.tokens] + output + common
        case "bench scaling":
            return ["tiny --vocabulary 100 --dimension 6 --batch 2 --window 3", "--ranks", "1", "--mpiexec", "nice", "--steps", "1", "--text",
                samples.tokens] + output + common
        case "bench score": return [samples.tokens, "--model", samples.model, "--table", samples.table] + output + common
        case "bench report": return [samples.results, "--text", "-o", "out", "--quiet"]
        case "bench probe":
            return [samples.model, "--train", samples.labelled, "--test", samples.labelled, "--table", samples.table, "--epochs", "1",
                "--seeds", "1"] + output + common
        case "bench task":
            return ["ner", "--train", samples.entities, "--dev", samples.entities, "--table", samples.table, "--size", "small", "--epochs", "1",
                "--cache", "cache"] + output + common
        case "bench vector-cache": return ["--size", "1M", "--rounds", "1", "--cache", "cache"] + output + common
        case "bench task-table": return [samples.results] + output + common
        default: return nil
        }
    }

    /// What an option needs beside it, and what it excludes.
    private func needs(_ command: String, _ option: String) -> (added: [(String, String)], dropped: [String]) {
        if let needed = networkNeeds(option), ["train", "bench evaluation"].contains(command) { return needed }
        switch (command, option) {
        case ("embed-oov", "--dimension"): return ([("--random", "")], ["--vectors"])
        case ("embed-oov", "--subset"): return ([], ["--vectors"])
        case ("embed-oov", "--model"), ("embed-oov", "--save-model"): return ([("--unknown", "subwords")], [])
        case ("embed-oov", let name) where name.hasPrefix("--subword"): return ([("--unknown", "subwords")], [])
        case ("embed-oov", let name) where name.hasPrefix("--mimick"):
            return ([("--unknown", "mimick"), ("--mimick-epochs", "1"), ("--mimick-hidden", "4")].filter { $0.0 != option }, [])
        case ("train", "--epochs"): return ([], ["--steps"])
        case ("train", "--held-out-every"), ("train", "--evaluate-every"), ("train", "--evaluations"), ("train", "--held-out-tokens"):
            return ([("--steps", "5")], [])
        case ("train", "--patience"): return ([("--checkpoints", "kept"), ("--evaluate-every", "1")], [])
        case ("train", "--checkpoint-every"), ("train", "--keep"): return ([("--checkpoints", "kept")], [])
        case ("encode", "--neighbours"): return ([("--query", "the [bado]"), (samples.encoded, "")], [])
        case ("encode", "--query"): return ([("--neighbours", "2"), (samples.encoded, "")], [])
        case ("encode", "--bpe"): return ([("--model", samples.unitModel)], ["--table"])
        case ("encode", "--elmo-options"): return ([("--elmo-weights", samples.model)], ["--model", "--table"])
        case ("encode", "--elmo-weights"): return ([("--elmo-options", samples.text)], ["--model", "--table"])
        case ("bench layers", "--negatives"): return ([("--layer", "sampled-softmax")], [])
        case ("bench layers", "--logits-memory"): return ([("--layer", "softmax")], [])
        case ("bench layers", "--batch"): return ([("--layer", "qrnn")], [])
        case ("bench layers", "--words"): return ([("--layer", "characters")], [])
        case ("bench stages", "--megabytes"): return ([], ["--text"])
        case ("bench output-layers", "--negatives"): return ([("--system", "ELMo")], [])
        case ("bench output-layers", "--units"): return ([("--system", "ELMo-Sub")], [])
        case ("bench output-layers", "--megabytes"), ("bench encoders", "--megabytes"), ("bench costs", "--megabytes"), ("bench compare", "--megabytes"):
            return ([], ["--text"])
        case ("bench scaling", "--megabytes"): return ([], ["--text"])
        case ("bench probe", "--bpe"): return ([], [])
        case ("bench task", "--bpe"), ("bench task", "--device"), ("bench task", "--precision"): return ([("--model", samples.model)], [])
        case ("bench task", "--subtrees"): return ([], [])
        case ("bench score", "--word"): return ([("--next", "3")], [])
        default: return ([], [])
        }
    }

    /// What options of `train` and others for a network's layers need.
    private func networkNeeds(_ option: String) -> (added: [(String, String)], dropped: [String])? {
        switch option {
        case "--vocab": ([("--output", "softmax")], [])
        case "--negatives": ([("--output", "sampled-softmax"), ("--vocab", samples.vocabulary)], [])
        case "--cutoffs": ([("--output", "adaptive-softmax"), ("--vocab", samples.vocabulary)], [])
        case "--filters": ([("--input", "characters"), ("--highways", "1")], [])
        case "--highways": ([("--input", "characters"), ("--filters", "1:2,2:2")], [])
        case "--convolution", "--zoneout": ([("--encoder", "qrnn")], [])
        case "--highway-bias": ([("--encoder", "sru")], [])
        case "--heads", "--feed-forward", "--activation", "--positions", "--longest": ([("--encoder", "transformer")], [])
        case "--masked-share", "--mask-vector-share", "--random-word-share": ([("--objective", "masked")], [])
        case "--margin": ([("--loss", "max-margin")], [])
        case "--norm-penalty", "--dot-scale": ([("--loss", "vmf")], [])
        case "--targets", "--random-share", "--more-negatives": ([("--loss", "contrastive")], [])
        default: nil
        }
    }
}
