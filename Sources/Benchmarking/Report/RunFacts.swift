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
                ("version", machine.version.map { "Contour \($0)".escapedForHTML }),
                ("file", run.file.escapedForHTML),
                ("command", machine.command.map { "<code>\($0.escapedForHTML)</code>" }),
            ])
            return facts
        }.joined()
            + (runs.contains(where: \.isInterrupted)
                ? HTML.paragraph("This run was interrupted; what stands here was measured before.", class: "note") : "")
    }

    /// Processor, kernels, threads and memory.
    static func machineText(_ machine: MachineRecord) -> String? {
        let parts = [
            machine.processor, machine.kernels.map { "\($0) kernels" },
            machine.threads.map { $0 == 1 ? "1 thread" : "\($0) threads" },
            machine.memory.map { "\(NumberText.bytes($0)) of memory" },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    private static func textText(_ machine: MachineRecord) -> String? {
        let parts = [
            machine.text, machine.textWords.map { "\(NumberText.grouped($0)) words" },
            machine.distinctWords.map { "\(NumberText.grouped($0)) different ones" },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}
