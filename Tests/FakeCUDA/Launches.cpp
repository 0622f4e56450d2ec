// Modules, functions and launches of kernels.

#include "Internal.h"

#include <cstdio>
#include <cstring>
#include <set>

namespace {

struct Module {
    unsigned long long hash;
};

auto &liveModules = *new std::set<void *>;

bool isKernel(const void *function) {
    for (const Kernel *kernel = kernels; kernel->name; kernel++)
        if (kernel == function) return true;
    return false;
}

/// A launch's arguments, copied, each at an address that suits it.
struct Arguments {
    std::vector<char> storage;
    std::vector<size_t> offsets;
};

std::shared_ptr<Arguments> copyArguments(const Kernel &kernel, void **values) {
    auto copies = std::make_shared<Arguments>();
    size_t bytes = 0;
    for (unsigned i = 0; i < kernel.count; i++) {
        copies->offsets.push_back(bytes);
        bytes += (kernel.sizes[i] + 15) / 16 * 16;
    }
    copies->storage.resize(bytes);
    for (unsigned i = 0; i < kernel.count; i++)
        std::memcpy(copies->storage.data() + copies->offsets[i], values[i], kernel.sizes[i]);
    return copies;
}

void runLaunch(const Kernel &kernel, unsigned gridSize, unsigned blockSize, const Arguments &arguments) {
    // Graphs run a launch again: what is copied remains as it is.
    static auto &storage = *new std::vector<char>;
    storage = arguments.storage;
    void *pointers[64];
    for (unsigned i = 0; i < kernel.count; i++) pointers[i] = storage.data() + arguments.offsets[i];
    kernel.prepare(kernel.name, pointers);
    runGrid(kernel, gridSize, blockSize, pointers);
}

}

EXPORTED CUresult cuModuleLoadData(void **module, const void *image) {
    ENTER(cuModuleLoadData);
    REFUSE_IN_CAPTURE();
    Cubin cubin;
    if (std::memcmp(image, cubinMark, sizeof cubinMark) != 0) return CUDA_ERROR_INVALID_IMAGE;
    std::memcpy(&cubin, image, sizeof cubin);
    auto *result = new Module{cubin.hash};
    liveModules.insert(result);
    *module = result;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuModuleUnload(void *module) {
    ENTER(cuModuleUnload);
    if (!liveModules.erase(module)) return CUDA_ERROR_INVALID_HANDLE;
    finishAll();
    delete static_cast<Module *>(module);
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuModuleGetFunction(void **function, void *module, const char *name) {
    ENTER(cuModuleGetFunction);
    if (!liveModules.count(module)) return CUDA_ERROR_INVALID_HANDLE;
    // A program from another process's cache cannot be looked at.
    const std::string *source = sourceOf(static_cast<Module *>(module)->hash);
    if (source && source->find(std::string(name) + "(") == std::string::npos) return CUDA_ERROR_NOT_FOUND;
    for (const Kernel *kernel = kernels; kernel->name; kernel++) {
        if (std::strcmp(kernel->name, name) != 0) continue;
        *function = const_cast<Kernel *>(kernel);
        return CUDA_SUCCESS;
    }
    if (source) std::fprintf(stderr, "FakeCUDA: kernel %s is not listed in Tests/FakeCUDA/Kernels.cpp\n", name);
    return CUDA_ERROR_NOT_FOUND;
}

EXPORTED CUresult cuFuncGetAttribute(int *value, int, void *function) {
    ENTER(cuFuncGetAttribute);
    if (!isKernel(function)) return CUDA_ERROR_INVALID_HANDLE;
    *value = 0;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuLaunchKernel(
    void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,
    unsigned sharedBytes, void *handle, void **kernelParams, void **extra) {
    ENTER(cuLaunchKernel);
    Stream *stream = streamOf(handle);
    if (!stream || !isKernel(function)) return CUDA_ERROR_INVALID_HANDLE;
    const Kernel &kernel = *static_cast<const Kernel *>(function);
    if (extra || sharedBytes != 0 || gridX == 0 || gridX > INT32_MAX || gridY != 1 || gridZ != 1 || blockX == 0
        || blockX > 1024 || blockY != 1 || blockZ != 1)
        return CUDA_ERROR_INVALID_VALUE;
    if (kernel.count > 64) fail("kernel %s has more than 64 arguments", kernel.name);
    if (kernel.count > 0 && !kernelParams) return CUDA_ERROR_INVALID_VALUE;
    auto arguments = copyArguments(kernel, kernelParams);
    return enqueue(stream, kernel.name, [&kernel, gridX, blockX, arguments] { runLaunch(kernel, gridX, blockX, *arguments); });
}
