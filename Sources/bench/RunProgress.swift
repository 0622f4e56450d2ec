import Parallel
import ToolSupport

/// What a long benchmark says while it runs: on a terminal one line that is overwritten; elsewhere, in a log or a pipe, a line
/// for each stage that is done, and every half a minute one of what is going on.
final class RunProgress {
    private let name: String
    private let report: Report
    private var last = monotonicSeconds()

    private static let interval = 30.0

    /// - Parameter name: what lines begin with.
    init(_ name: String, _ report: Report) { (self.name, self.report) = (name, report) }

    /// What is being done.
    func show(_ text: String) {
        guard !report.showsProgress else { return report.progress(text) }
        if monotonicSeconds() - last >= Self.interval { print(text) }
    }

    /// What is done.
    func finish(_ text: String) {
        if !report.showsProgress { print(text) }
    }

    private func print(_ text: String) {
        report.print("\(name): \(text)")
        last = monotonicSeconds()
    }
}
