internal import Files
internal import Glibc

/// Joules that the processors have taken, by the counters of the kernel's powercap (Intel's and AMD's RAPL): of whole
/// packages, whatever else runs on them.
public struct EnergyCounter {
    private struct Package {
        let path: String
        /// Microjoules at which the counter begins again.
        let range: UInt64
        var last: UInt64
    }

    private var packages: [Package]
    private var total = 0.0

    /// `nil` where the machine has no such counters, or they cannot be read (since 2020 by root alone).
    /// - Parameter directory: the folder in which the kernel shows them.
    public init?(directory: String = "/sys/class/powercap") {
        var packages: [Package] = []
        for index in 0..<Self.mostPackages {
            // intel-rapl:0 is a package, intel-rapl:0:0 its cores, which are counted in it; AMD's are named so, too.
            let place = "\(directory)/intel-rapl:\(index)"
            guard let energy = Self.read("\(place)/energy_uj") else { continue }
            packages.append(
                Package(path: "\(place)/energy_uj", range: Self.read("\(place)/max_energy_range_uj") ?? .max, last: energy))
        }
        guard !packages.isEmpty else { return nil }
        self.packages = packages
    }

    private static let mostPackages = 64

    /// Joules since this was made. Must be asked at least once in the minute or so that a counter takes to begin again.
    public mutating func joules() -> Double {
        for index in packages.indices {
            guard let energy = Self.read(packages[index].path) else { continue }
            let last = packages[index].last
            let used = energy >= last ? energy - last : energy &+ (packages[index].range &- last)
            total += 1e-6 * Double(used)
            packages[index].last = energy
        }
        return total
    }

    private static func read(_ path: String) -> UInt64? {
        guard let file = try? FileSource(path: path) else { return nil }
        var number: UInt64?
        _ = try? LineReader(file).next { number = UInt64(String(decoding: $0, as: UTF8.self)) }
        return number
    }
}
