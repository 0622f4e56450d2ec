// The kernels of the GPU, compiled for the processor. A new source is an #include below, and a new kernel a line in the
// table at the end.

#define FAKE_CUDA_KERNEL_SOURCE
#include "KernelShim.h"

// ---- The sources, in the order of Sources/CUDA/KernelCompiler.swift: one program. In a namespace, because the
// processor's libraries have names too.

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wsign-compare"
namespace gpu {
#include "../../Sources/CUDA/Kernels/Common.cu"
#include "../../Sources/CUDA/Kernels/Rows.cu"
#include "../../Sources/CUDA/Kernels/Elements.cu"
#include "../../Sources/CUDA/Kernels/Attention.cu"
#include "../../Sources/CUDA/Kernels/Cells.cu"
#include "../../Sources/CUDA/Kernels/Characters.cu"
#include "../../Sources/CUDA/Kernels/Losses.cu"
#include "../../Sources/CUDA/Kernels/Softmax.cu"
#include "../../Sources/CUDA/Kernels/Mix.cu"
#include "../../Sources/CUDA/Kernels/Training.cu"
#include "../../Sources/CUDA/Kernels/Scores.cu"
#ifdef FAKE_CUDA_OTHER_KERNELS
// For tests of the fake itself. Defines OTHER_KERNELS, lines for the table.
#include FAKE_CUDA_OTHER_KERNELS
#else
#define OTHER_KERNELS
#endif
}
#pragma clang diagnostic pop

// ---- The table.

#include "Internal.h"

#include <tuple>
#include <type_traits>
#include <utility>

namespace {

[[noreturn]] void refuse(const char *name, size_t position, const char *what) {
    fail("kernel %s: argument %zu (counted from 0) %s", name, position, what);
}

// Puts the address of the memory itself in place of the one that the host has. Kinds of arguments that hold addresses have
// functions of their own here.
template <class Value> void prepareArgument(const char *, size_t, const Value &) {}

template <class Value> void prepareArgument(const char *name, size_t position, Value *&address) {
    if (!address) return;
    if (!isAllocated(address, 0)) refuse(name, position, "is not an address of device or pinned memory");
    address = static_cast<Value *>(memoryOf(address));
}

void prepareArgument(const char *name, size_t position, gpu::Matrix &matrix) {
    if (!matrix.start) return;
    if (matrix.rows > 0 && matrix.columns > 0) {
        const size_t lastRow = static_cast<size_t>(matrix.rows - 1) * static_cast<size_t>(matrix.stride);
        const size_t bytes = (lastRow + static_cast<size_t>(matrix.columns)) * (matrix.element ? 2 : 4);
        if (!isAllocated(matrix.start, bytes)) refuse(name, position, "is a matrix that is not in one allocation");
    }
    matrix.start = static_cast<float *>(memoryOf(matrix.start));
}

void prepareArgument(const char *name, size_t position, gpu::Draw &draw) { prepareArgument(name, position, draw.step); }

void prepareArgument(const char *name, size_t position, gpu::Heads &heads) { prepareArgument(name, position, heads.lengths); }

/// Calls a kernel with the arguments that an array of addresses has.
template <auto kernel> struct Wrapped;

template <class... Arguments, void (*kernel)(Arguments...)> struct Wrapped<kernel> {
    // One more, as there are no arrays of nothing.
    static constexpr unsigned sizes[] = {sizeof(Arguments)..., 0};
    static constexpr unsigned count = sizeof...(Arguments);

    static void call(void **arguments) { call(arguments, std::index_sequence_for<Arguments...>()); }

    static void prepare(const char *name, void **arguments) { prepare(name, arguments, std::index_sequence_for<Arguments...>()); }

private:
    template <size_t position> using Argument = std::remove_cv_t<std::tuple_element_t<position, std::tuple<Arguments...>>>;

    template <size_t... positions> static void call([[maybe_unused]] void **arguments, std::index_sequence<positions...>) {
        kernel(*static_cast<Argument<positions> *>(arguments[positions])...);
    }

    template <size_t... positions>
    static void prepare([[maybe_unused]] const char *name, [[maybe_unused]] void **arguments, std::index_sequence<positions...>) {
        (prepareArgument(name, positions, *static_cast<Argument<positions> *>(arguments[positions])), ...);
    }
};

template <auto kernel> constexpr Kernel entry(const char *name) {
    using Function = Wrapped<kernel>;
    return {name, Function::call, Function::prepare, Function::sizes, Function::count};
}

}

#define KERNEL(name) entry<&gpu::name>(#name)

const Kernel kernels[] = {
    KERNEL(fill), KERNEL(copy), KERNEL(add), KERNEL(scale), KERNEL(broadcast), KERNEL(broadcastAt), KERNEL(addRow), KERNEL(addBlocks), KERNEL(addBlockSums),
    KERNEL(addSinusoids), KERNEL(move),
    KERNEL(columnPartials), KERNEL(addPartials), KERNEL(columnSums), KERNEL(gather), KERNEL(scatterAdd), KERNEL(scatterPartials),
    KERNEL(reverse), KERNEL(addRuns), KERNEL(divideByRuns), KERNEL(findNotFinite), KERNEL(normalize), KERNEL(rowProducts), KERNEL(squares),
    KERNEL(addNumbers), KERNEL(addNumbersToFloat), KERNEL(runningSums), KERNEL(toBFloat16s), KERNEL(drop), KERNEL(addResidual),
    KERNEL(activateHidden), KERNEL(activateHiddenBackward), KERNEL(attentionWeights), KERNEL(attentionSlopes), KERNEL(activate),
    KERNEL(bend), KERNEL(dropout), KERNEL(multiplyBy), KERNEL(clip), KERNEL(maskClipped), KERNEL(layerNorm),
    KERNEL(layerNormPartials), KERNEL(layerNormBackward), KERNEL(endStep), KERNEL(endStepBackward),
    KERNEL(lstmStep), KERNEL(lstmStepHalf),
    KERNEL(lstmStepBackward), KERNEL(lstmStepBackwardHalf),
    KERNEL(gruStep), KERNEL(gruStepBackward),
    KERNEL(qrnn), KERNEL(qrnnBackward), KERNEL(sru), KERNEL(sruBackward), KERNEL(highway), KERNEL(highwayBackward), KERNEL(unfold),
    KERNEL(maxPool), KERNEL(filterPartials), KERNEL(letterGradients), KERNEL(rowFactors), KERNEL(cosineLoss),
    KERNEL(squaredLoss), KERNEL(vonMisesFisherLoss), KERNEL(unitNegatives), KERNEL(findNearest),
    KERNEL(maxMarginLoss), KERNEL(scaleToNorm), KERNEL(scaleToNormBackward), KERNEL(softmaxBlocks),
    KERNEL(softmaxHighest), KERNEL(softmaxEnd), KERNEL(scaleRows), KERNEL(classSums), KERNEL(targetGradients),
    KERNEL(exclude), KERNEL(classShifts), KERNEL(targetLogits), KERNEL(logSoftmax), KERNEL(mixLayers),
    KERNEL(mixLayersBackward), KERNEL(mixGradients), KERNEL(adam), KERNEL(adamDense), KERNEL(adagrad), KERNEL(pickValues),
    KERNEL(addScores),
    OTHER_KERNELS
    {nullptr, nullptr, nullptr, nullptr, 0},
};
