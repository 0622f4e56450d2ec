import Testing
import Training

struct LearningRateTests {
    private func rate(_ schedule: RateSchedule) -> LearningRate {
        LearningRate(schedule, peak: 0.5, warmupSteps: 10, totalSteps: 100)
    }

    @Test(arguments: RateSchedule.allCases) func warmsUpLinearly(schedule: RateSchedule) {
        let rate = rate(schedule)
        for step in 0..<10 { #expect(abs(rate(step) - 0.05 * Float(step + 1)) < 1e-6) }
        #expect(abs(rate(10) - 0.5) < 1e-6)
    }

    @Test func exponentialReachesHalfAtTheEnd() {
        let rate = rate(.exponential)
        #expect(abs(rate(55) - 0.5 * 0.707_106_78) < 1e-6)
        #expect(abs(rate(100) - 0.25) < 1e-6)
        #expect(abs(rate(500) - 0.25) < 1e-6)
    }

    @Test func constantStays() { #expect(rate(.constant)(99) == 0.5) }

    /// Against torch.optim.lr_scheduler.CosineAnnealingLR(T_max=90, eta_min=0).
    @Test func cosineEndsAtNothing() {
        let rate = rate(.cosine)
        #expect(abs(rate(40) - 0.375) < 1e-6)
        #expect(abs(rate(55) - 0.25) < 1e-6)
        #expect(abs(rate(99) - 0.000_152_293_2) < 1e-6)
    }

    @Test func inverseSquareRootHalvesAtFourTimesTheSteps() {
        let rate = rate(.inverseSquareRoot)
        #expect(abs(rate(40) - 0.25) < 1e-6)
        #expect(abs(rate(90) - 0.5 / 3) < 1e-6)
    }

    @Test func withoutWarmUpThePeakIsFirst() {
        for schedule in RateSchedule.allCases {
            #expect(LearningRate(schedule, peak: 0.2, warmupSteps: 0, totalSteps: 10)(0) == 0.2)
        }
    }
}
