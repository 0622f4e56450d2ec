/// What a section says about where its numbers come from.
enum RunFacts {
    /// Machine, date, command and file of each run.
    static func html(_ runs: [ReportRun]) -> String {
        runs.map { run in
            guard let machine = run.machine else {
                return HTML.facts([("file", run.file.escapedForHTML), ("machine", "not recorded")])
            }
            let facts = HTML.facts([
                ("machine", machineText(machine)?.escapedForHTML),
                ("date", machine.date?.escapedForHTML),
                ("text", textText(machine)?.escapedForHTML),
                ("version", machine.versionText?.escapedForHTML),
                ("file", run.file.escapedForHTML),
                ("command", machine.command.map { "<code>\($0.escapedForHTML)</code>" }),
            ])
            return facts
        }.joined()
            + (runs.contains(where: \.isInterrupted)
                ? HTML.paragraph("This run was interrupted; what stands here was measured before.", class: "note") : "")
    }

    /// Processor, kernels, threads and memory.
    static func machineText(_ machine: MachineRecord) -> String? { MachineFacts(machine).text }

    /// What readers must know of machines before they compare speeds; empty if all runs were on one, as far as records say.
    static func remarks(_ runs: [ReportRun]) -> [String] {
        let machines = runs.compactMap(\.machine).map(MachineFacts.init)
        // A record that lacks something, or names no machine at all, is no other machine.
        func differ(_ isOther: (MachineFacts, MachineFacts) -> Bool) -> Bool {
            machines.indices.contains { index in machines[..<index].contains { isOther(machines[index], $0) } }
        }
        var remarks: [String] = []
        if differ({ $0.isAnotherMachine(than: $1) }) {
            remarks.append("The results come from more than one machine: speeds compare within a section only.")
        } else if differ({ $0.hasOtherSettings(than: $1) }) {
            remarks.append(
                "The results come from runs with different settings (threads or kernels): speeds compare within a section only.")
        }
        let unnamed = runs.filter { $0.machine.flatMap(machineText) == nil }
        if !unnamed.isEmpty && unnamed.count < runs.count { remarks.append("Some records name no machine.") }
        return remarks
    }

    /// The machines that runs name, each once; one that says less than another, and nothing else, is that other.
    static func machines(_ runs: [ReportRun]) -> [String] {
        let all = distinct(runs.compactMap { $0.machine.map(MachineFacts.init) })
        return all.filter { one in !all.contains { $0 != one && $0.covers(one) } }.compactMap(\.text)
    }

    static func textText(_ machine: MachineRecord) -> String? {
        let parts = [
            machine.text, machine.textWords.map { "\(NumberText.grouped($0)) words" },
            machine.distinctWords.map { "\(NumberText.grouped($0)) different ones" },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

/// What a record says of its machine.
private struct MachineFacts: Hashable {
    private let processor, kernels: String?
    private let threads, memory: Int?

    init(_ machine: MachineRecord) {
        (processor, kernels, threads, memory) = (machine.processor, machine.kernels, machine.threads, machine.memory)
    }

    var text: String? {
        let parts = [
            processor, kernels.map { "\($0) kernels" }, threads.map { $0 == 1 ? "1 thread" : "\($0) threads" },
            memory.map { "\(NumberText.bytes($0)) of memory" },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    func isAnotherMachine(than other: MachineFacts) -> Bool {
        guard let processor, let name = other.processor else { return Self.differ(memory, other.memory) }
        return !Self.isSame(processor, name) || Self.differ(memory, other.memory)
    }

    func hasOtherSettings(than other: MachineFacts) -> Bool {
        Self.differ(threads, other.threads) || Self.differ(kernels, other.kernels)
    }

    /// Whether everything that the other says is said here, too.
    func covers(_ other: MachineFacts) -> Bool {
        func says<Value: Equatable>(_ mine: Value?, _ theirs: Value?) -> Bool { theirs == nil || mine == theirs }
        let namesIt = other.processor.map { name in processor?.hasPrefix(name) ?? false } ?? true
        return namesIt && says(kernels, other.kernels) && says(threads, other.threads) && says(memory, other.memory)
    }

    /// Older records of pipelines name a processor without its family and model.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        one == other || one.hasPrefix("\(other), family ") || other.hasPrefix("\(one), family ")
    }

    private static func differ<Value: Equatable>(_ one: Value?, _ other: Value?) -> Bool {
        guard let one, let other else { return false }
        return one != other
    }
}

extension MachineRecord {
    /// The bare number: older records say `bench (Contour) 0.1.0`.
    var versionNumber: String? { version.map { String($0.split(separator: " ").last ?? "") } }

    /// `Contour 0.1.0`
    var versionText: String? { versionNumber.map { "Contour \($0)" } }
}
