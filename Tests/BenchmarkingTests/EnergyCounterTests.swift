import Benchmarking
import Glibc
import TestSupport
import Testing

@Suite struct EnergyCounterTests {
    private func package(_ directory: TemporaryDirectory, _ name: String, energy: UInt64, range: UInt64) throws {
        mkdir(directory.file(name), 0o755)
        try directory.write("\(name)/energy_uj", "\(energy)\n")
        try directory.write("\(name)/max_energy_range_uj", "\(range)\n")
    }

    @Test func addsPackagesAndGoesOnWhereTheyBeginAgain() throws {
        let directory = try TemporaryDirectory()
        try package(directory, "intel-rapl:0", energy: 5_000_000, range: 262_143_328_850)
        try package(directory, "intel-rapl:1", energy: 262_143_000_000, range: 262_143_328_850)
        // The cores of package 0, which are counted in it.
        try package(directory, "intel-rapl:0:0", energy: 1, range: 262_143_328_850)
        var counter = try #require(EnergyCounter(directory: directory.path))
        #expect(counter.joules() == 0)
        try package(directory, "intel-rapl:0", energy: 7_500_000, range: 262_143_328_850)
        try package(directory, "intel-rapl:1", energy: 671_150, range: 262_143_328_850)
        try package(directory, "intel-rapl:0:0", energy: 900_000_000, range: 262_143_328_850)
        #expect(abs(counter.joules() - 3.5) < 1e-9)
        #expect(abs(counter.joules() - 3.5) < 1e-9)
    }

    @Test func thereIsNoneWhereNothingCanBeRead() throws {
        let directory = try TemporaryDirectory()
        #expect(EnergyCounter(directory: directory.path) == nil)
        #expect(EnergyCounter(directory: directory.file("missing")) == nil)
        try package(directory, "intel-rapl:0", energy: 5, range: 10)
        try directory.write("intel-rapl:0/energy_uj", "no number\n")
        #expect(EnergyCounter(directory: directory.path) == nil)
    }
}
