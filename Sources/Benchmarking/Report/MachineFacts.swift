extension ReportRun {
    /// A line of a section that tells where its numbers come from.
    struct Fact {
        let name, text: String
        var isCommand = false
        /// True if the line takes the whole width.
        let isWide: Bool

        init?(_ name: String, _ text: String?, isCommand: Bool = false) {
            guard let text else { return nil }
            (self.name, self.text, self.isCommand, isWide) = (name, text, isCommand, text.count > (isCommand ? 47 : 60))
        }
    }

    /// The machine, date, command and file.
    var facts: [Fact] {
        guard let machine else { return [Fact("file", file), Fact("machine", "not recorded")].compactMap { $0 } }
        return [
            Fact("machine", machine.machineText), Fact("date", machine.date), Fact("text", machine.textText),
            Fact("version", machine.versionText), Fact("file", file), Fact("command", machine.command, isCommand: true),
        ].compactMap { $0 }
    }

    /// The conditions that runs must share for their scores to be in one table; `nil` if they are not known.
    var conditions: [String?]? {
        guard let machine else { return nil }
        let numbers = [machine.threads, machine.memory, machine.textWords, machine.distinctWords]
        let names = [machine.processor, machine.kernels, machine.device?.name, machine.versionNumber, machine.text]
        return names + numbers.map { $0.map(String.init) }
    }
}

extension DeviceRecord {
    /// The name, precision and driver.
    fileprivate var text: String {
        [name, precision, driver.map { "CUDA \($0)" }].compactMap { $0 }.joined(separator: ", ")
    }
}

extension MachineRecord {
    /// Returns the distinct machines of the runs. A machine with less information than another one, and no contradiction, counts as
    /// that one.
    static func texts(_ runs: [ReportRun]) -> [String] {
        let all = runs.compactMap(\.machine)
        let whole = all.filter { one in !all.contains { $0.covers(one) && !one.covers($0) } }
        return distinct(whole.compactMap(\.machineText))
    }

    /// Returns the remarks on machines that readers need before they compare speeds; none if all runs were on one machine, as far as
    /// records tell.
    static func remarks(_ runs: [ReportRun]) -> [String] {
        let machines = runs.compactMap(\.machine)
        // A record with missing information, or without a machine, does not count as a different machine.
        func differ(_ isOther: (MachineRecord, MachineRecord) -> Bool) -> Bool {
            machines.indices.contains { index in machines[..<index].contains { isOther(machines[index], $0) } }
        }
        var remarks: [String] = []
        if differ({ $0.isAnotherMachine(than: $1) }) {
            remarks.append("The results come from more than one machine: speeds compare within a section only.")
        } else if differ({ $0.hasOtherSettings(than: $1) }) {
            remarks.append(
                "The results come from runs with different settings (GPU, threads or kernels): speeds compare within a section "
                    + "only.")
        }
        let unnamed = runs.filter { $0.machine?.machineText == nil }
        if !unnamed.isEmpty && unnamed.count < runs.count { remarks.append("Some records name no machine.") }
        return remarks
    }

    /// The processor, kernels, threads and memory, after the measured GPU if there is one.
    fileprivate var machineText: String? {
        Self.list([
            device?.text, processor, kernels.map { "\($0) kernels" }, threads.map { $0 == 1 ? "1 thread" : "\($0) threads" },
            memory.map { "\(NumberText.bytes($0)) of memory" },
        ])
    }

    /// The name and the sizes of the text.
    var textText: String? {
        Self.list([
            text, textWords.map { "\(NumberText.grouped($0)) words" },
            distinctWords.map { "\(NumberText.grouped($0)) different ones" },
        ])
    }

    private static func list(_ parts: [String?]) -> String? {
        let known = parts.compactMap { $0 }
        return known.isEmpty ? nil : known.joined(separator: ", ")
    }

    private func isAnotherMachine(than other: MachineRecord) -> Bool {
        guard let processor, let name = other.processor else { return Self.differ(memory, other.memory) }
        // Older records of pipelines name a processor without its family and model.
        let isSame = processor == name || processor.hasPrefix("\(name), family ") || name.hasPrefix("\(processor), family ")
        return !isSame || Self.differ(memory, other.memory)
    }

    private func hasOtherSettings(than other: MachineRecord) -> Bool {
        Self.differ(threads, other.threads) || Self.differ(kernels, other.kernels) || device?.text != other.device?.text
    }

    /// Returns true if this record contains all information of the other.
    private func covers(_ other: MachineRecord) -> Bool {
        func says<Value: Equatable>(_ mine: Value?, _ theirs: Value?) -> Bool { theirs == nil || mine == theirs }
        let namesIt = other.processor.map { name in processor?.hasPrefix(name) ?? false } ?? true
        return namesIt && device?.text == other.device?.text
            && says(kernels, other.kernels) && says(threads, other.threads) && says(memory, other.memory)
    }

    private static func differ<Value: Equatable>(_ one: Value?, _ other: Value?) -> Bool {
        guard let one, let other else { return false }
        return one != other
    }

    /// The bare version number: older records have `bench (Contour) 0.1.0`.
    fileprivate var versionNumber: String? { version.map { String($0.split(separator: " ").last ?? "") } }

    /// The version as `Contour 0.1.0`.
    var versionText: String? { versionNumber.map { "Contour \($0)" } }
}
