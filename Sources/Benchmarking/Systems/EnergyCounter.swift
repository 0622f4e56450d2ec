internal import Files
internal import Glibc

/// The energy of the processors in joules, by the counters of the kernel's powercap (RAPL of Intel and AMD), for whole packages and
/// everything that runs on them.
public struct EnergyCounter {
    private struct Package {
        let path: String
        /// The number of microjoules at which the counter wraps around.
        let range: UInt64
        var last: UInt64
    }

    private var packages: [Package]
    private var total = 0.0

    /// Opens the counters. Returns `nil` if the machine has none, or they cannot be read (since 2020, only root can read them).
    /// - `directory`: the folder in which the kernel shows them.
    public init?(directory: String = "/sys/class/powercap") {
        var packages: [Package] = []
        for index in 0..<Self.mostPackages {
            // intel-rapl:0 is a package, and intel-rapl:0:0 its cores, whose energy is part of the package's; AMD's have the same
            // names.
            let place = "\(directory)/intel-rapl:\(index)"
            guard let energy = Self.read("\(place)/energy_uj") else { continue }
            packages.append(
                Package(path: "\(place)/energy_uj", range: Self.read("\(place)/max_energy_range_uj") ?? .max, last: energy))
        }
        guard !packages.isEmpty else { return nil }
        self.packages = packages
    }

    private static let mostPackages = 64

    /// Returns the joules since this value was made. Must be called at least once per minute or so, the time in which a counter wraps
    /// around.
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
