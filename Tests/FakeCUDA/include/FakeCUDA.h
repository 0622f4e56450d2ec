#ifndef FAKE_CUDA_H
#define FAKE_CUDA_H

// A CUDA driver, NVRTC and cuBLAS for tests, that run on the processor and make mistakes show. Their functions are
// found by name in the library, as those of the real ones are; what is declared here is only for tests.
//
// Work waits in its streams until the host waits for it, and then runs in an order that chance decides, as far as the
// dependencies leave it open: what depends on luck fails with some seed. Environment variables:
//
//     FAKE_CUDA_SEED       of all that is left to chance (1)
//     FAKE_CUDA_BLOCK      threads of a block, at most: a power of two (4)
//     FAKE_CUDA_DEVICES    number of GPUs (1); with 0, cuInit fails
//     FAKE_CUDA_CAPABILITY the first part of their compute capability (9)
//     FAKE_CUDA_MEMORY     bytes of a GPU's memory (4 GiB)
//     FAKE_CUDA_FAIL       name:count:code, more after commas: that call of the function gives that code
//     FAKE_CUDA_PROTECT    0: the host can touch device memory, so that a debugger can show it (1)
//     FAKE_CUDA_TF32       0: products in TF32 do not round their factors (1)

#ifdef __cplusplus
extern "C" {
#endif

/// Takes the place of the environment variable FAKE_CUDA_FAIL, and counts calls anew. Empty: nothing fails.
void fakeCUDASetFailures(const char *_Nonnull failures);

/// Takes the place of the environment variable FAKE_CUDA_SEED.
void fakeCUDASetSeed(unsigned long long seed);

#ifdef __cplusplus
}
#endif

#endif
