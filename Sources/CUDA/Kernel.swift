/// The kernels, by their names in `Kernels`.
enum Kernel: Int, CaseIterable {
    case fill, copy, add, scale, broadcast, broadcastAt, addRow, addBlocks, addBlockSums, addSinusoids, move, columnPartials, addPartials
    case columnSums, gather, scatterAdd, scatterPartials, reverse, addRuns, divideByRuns
    case findNotFinite, normalize, rowProducts, squares, addNumbers, addNumbersToFloat, runningSums, toBFloat16s
    case drop, addResidual, activateHidden, activateHiddenBackward, attentionWeights, attentionSlopes
    case activate, bend, dropout, multiplyBy, clip, maskClipped, layerNorm, layerNormPartials, layerNormBackward
    case endStep, endStepBackward
    case lstmStep, lstmStepHalf, lstmStepBackward, lstmStepBackwardHalf, gruStep, gruStepBackward
    case qrnn, qrnnBackward, sru, sruBackward
    case highway, highwayBackward, unfold, maxPool, filterPartials, letterGradients
    case rowFactors, cosineLoss, squaredLoss, vonMisesFisherLoss, unitNegatives, findNearest, maxMarginLoss
    case scaleToNorm, scaleToNormBackward
    case softmaxBlocks, softmaxHighest, softmaxEnd, scaleRows, classSums, targetGradients, exclude, classShifts, targetLogits
    case logSoftmax, mixLayers, mixLayersBackward, mixGradients, adam, adamDense, adagrad, pickValues, addScores

    var name: String { String(describing: self) }
}
