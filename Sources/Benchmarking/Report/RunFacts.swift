/// The lines of a section that say where its numbers come from.
enum RunFacts {
    /// The title, and where the numbers come from, as text.
    static func heading(_ title: String, _ runs: [ReportRun]) -> String {
        let facts = machines(runs) + distinct(runs.compactMap { $0.machine.flatMap(textText) }).map { "text \($0)" }
            + distinct(runs.compactMap { $0.machine?.date }) + distinct(runs.compactMap { $0.machine?.versionText })
        let stopped = runs.contains(where: \.isInterrupted) ? "interrupted: what stands here was measured before\n" : ""
        return "\(title)\(facts.isEmpty ? "" : ": ")\(facts.joined(separator: "; ").printable)\n\(stopped)\n"
    }

    /// Machine, date, command and file of each run.
    static func html(_ runs: [ReportRun]) -> String {
        runs.map { run in
            guard let machine = run.machine else {
                return HTML.facts([("file", run.file.escapedForHTML), ("machine", "not recorded")])
            }
            return HTML.facts([
                ("machine", machine.machineText?.escapedForHTML),
                ("date", machine.date?.escapedForHTML),
                ("text", textText(machine)?.escapedForHTML),
                ("version", machine.versionText?.escapedForHTML),
                ("file", run.file.escapedForHTML),
                ("command", machine.command.map { "<code>\($0.escapedForHTML)</code>" }),
            ])
        }.joined()
            + (runs.contains(where: \.isInterrupted)
                ? HTML.paragraph("This run was interrupted; what stands here was measured before.", class: "note") : "")
    }

    /// The remarks on machines that readers need before they compare speeds; none if all runs were on one, as far as records say.
    static func remarks(_ runs: [ReportRun]) -> [String] {
        let machines = runs.compactMap(\.machine)
        // A record that lacks something, or names no machine at all, is no other machine.
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

    /// The machines that runs name, each once; one that says less than another, and nothing else, is that other.
    static func machines(_ runs: [ReportRun]) -> [String] {
        let all = runs.compactMap(\.machine)
        let whole = all.filter { one in !all.contains { $0.covers(one) && !one.covers($0) } }
        return distinct(whole.compactMap(\.machineText))
    }

    private static func textText(_ machine: MachineRecord) -> String? {
        let parts = [
            machine.text, machine.textWords.map { "\(NumberText.grouped($0)) words" },
            machine.distinctWords.map { "\(NumberText.grouped($0)) different ones" },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

extension DeviceRecord {
    /// Name, precision and driver.
    fileprivate var text: String {
        [name, precision, driver.map { "CUDA \($0)" }].compactMap { $0 }.joined(separator: ", ")
    }
}

extension MachineRecord {
    /// Processor, kernels, threads and memory, behind the GPU that was measured, if one was.
    fileprivate var machineText: String? {
        let parts = [
            device?.text,
            processor, kernels.map { "\($0) kernels" }, threads.map { $0 == 1 ? "1 thread" : "\($0) threads" },
            memory.map { "\(NumberText.bytes($0)) of memory" },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    fileprivate func isAnotherMachine(than other: MachineRecord) -> Bool {
        guard let processor, let name = other.processor else { return Self.differ(memory, other.memory) }
        return !Self.isSame(processor, name) || Self.differ(memory, other.memory)
    }

    fileprivate func hasOtherSettings(than other: MachineRecord) -> Bool {
        Self.differ(threads, other.threads) || Self.differ(kernels, other.kernels)
            || device?.text != other.device?.text
    }

    /// True if everything that the other says is said here, too.
    fileprivate func covers(_ other: MachineRecord) -> Bool {
        func says<Value: Equatable>(_ mine: Value?, _ theirs: Value?) -> Bool { theirs == nil || mine == theirs }
        let namesIt = other.processor.map { name in processor?.hasPrefix(name) ?? false } ?? true
        return namesIt && device?.text == other.device?.text
            && says(kernels, other.kernels) && says(threads, other.threads) && says(memory, other.memory)
    }

    /// Older records of pipelines name a processor without its family and model.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        one == other || one.hasPrefix("\(other), family ") || other.hasPrefix("\(one), family ")
    }

    private static func differ<Value: Equatable>(_ one: Value?, _ other: Value?) -> Bool {
        guard let one, let other else { return false }
        return one != other
    }

    /// The bare number: older records say `bench (Contour) 0.1.0`.
    var versionNumber: String? { version.map { String($0.split(separator: " ").last ?? "") } }

    /// `Contour 0.1.0`
    var versionText: String? { versionNumber.map { "Contour \($0)" } }
}
