import Testing
import Training

/// Settings that are published, and what the command line makes of them.
struct RecipeTests {
    /// bilm-tf: Adagrad at 0.2, clip 10, and gradients of the loss times the steps of a window.
    @Test func elmos() {
        let options = Recipe.elmo.options
        #expect(options.optimizer == .adagrad && options.schedule == .constant && options.warmupSteps == 0)
        #expect(options.peakRate == 0.2 && options.clip == 10 && options.batch == 128 && options.epochs == 10)
        #expect(Recipe.elmo.lossScale(window: 20) == 20 && Recipe.elmo.lossScale(window: 7) == 7)
        #expect(Recipe.elmo.peakRate(batch: 256) == 0.2)
    }

    /// The authors' code: the rate grows with the batch.
    @Test func elmoCs() {
        let options = Recipe.elmoC.options
        #expect(options.optimizer == .adam && options.schedule == .exponential && options.warmupSteps == 10_000)
        #expect(options.peakRate == 1e-4 && options.clip == 1 && options.batch == 128 && options.epochs == 10)
        #expect(Recipe.elmoC.lossScale(window: 20) == nil)
        #expect(Recipe.elmoC.peakRate(batch: 768) == 6 * Float(1e-4))
    }
}
