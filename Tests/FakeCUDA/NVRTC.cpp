// NVRTC: a compiler that compiles nothing, as the kernels are in this library. Its programs are a mark and a hash of the
// source.

#include "Internal.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

const char cubinMark[16] = "FAKECUBIN";

namespace {

enum Result { success = 0, creationFailure = 2, invalidInput = 3, invalidProgram = 4, invalidOption = 5, compilation = 6 };

struct Program {
    std::string source;
    bool isCompiled = false;
};

auto &livePrograms = *new std::set<void *>;
auto &sources = *new std::map<unsigned long long, std::string>;

unsigned long long hash(const std::string &text) {
    unsigned long long value = 0xcbf29ce484222325;     // FNV-1a
    for (unsigned char byte : text) value = (value ^ byte) * 0x100000001b3;
    return value;
}

bool namesArchitecture(const std::string &option) {
    for (const char *name : {"--gpu-architecture=sm_", "-arch=sm_"})
        if (option.compare(0, std::strlen(name), name) == 0) return std::atoi(option.c_str() + std::strlen(name)) >= 50;
    return false;
}

}

const std::string *sourceOf(unsigned long long hash) {
    const auto found = sources.find(hash);
    return found == sources.end() ? nullptr : &found->second;
}

// These functions need neither a context nor a driver.
#define ENTER_NVRTC(function) \
    Entry entry(#function, Entry::nothing); \
    if (entry.error != CUDA_SUCCESS) return entry.error
#define PROGRAM(name, handle) \
    if (!livePrograms.count(handle)) return invalidProgram; \
    Program *name = static_cast<Program *>(handle)

EXPORTED int nvrtcVersion(int *major, int *minor) {
    ENTER_NVRTC(nvrtcVersion);
    *major = 13;
    *minor = 0;
    return success;
}

EXPORTED int nvrtcCreateProgram(
    void **program, const char *source, const char *, int headerCount, const char *const *headers, const char *const *names) {
    ENTER_NVRTC(nvrtcCreateProgram);
    if (!source || headerCount < 0 || (headerCount > 0 && (!headers || !names))) return invalidInput;
    auto *result = new Program{source};
    for (int i = 0; i < headerCount; i++) result->source += headers[i];
    livePrograms.insert(result);
    *program = result;
    return success;
}

EXPORTED int nvrtcCompileProgram(void *handle, int count, const char *const *options) {
    ENTER_NVRTC(nvrtcCompileProgram);
    PROGRAM(program, handle);
    bool hasArchitecture = false;
    for (int i = 0; i < count; i++) hasArchitecture = hasArchitecture || namesArchitecture(options[i]);
    if (!hasArchitecture) return invalidOption;
    program->isCompiled = true;
    sources[hash(program->source)] = program->source;
    return success;
}

EXPORTED int nvrtcGetProgramLogSize(void *handle, size_t *bytes) {
    ENTER_NVRTC(nvrtcGetProgramLogSize);
    PROGRAM(program, handle);
    (void)program;
    *bytes = 1;
    return success;
}

EXPORTED int nvrtcGetProgramLog(void *handle, char *log) {
    ENTER_NVRTC(nvrtcGetProgramLog);
    PROGRAM(program, handle);
    (void)program;
    *log = 0;
    return success;
}

EXPORTED int nvrtcGetCUBINSize(void *handle, size_t *bytes) {
    ENTER_NVRTC(nvrtcGetCUBINSize);
    PROGRAM(program, handle);
    if (!program->isCompiled) return invalidProgram;
    *bytes = sizeof(Cubin);
    return success;
}

EXPORTED int nvrtcGetCUBIN(void *handle, char *cubin) {
    ENTER_NVRTC(nvrtcGetCUBIN);
    PROGRAM(program, handle);
    if (!program->isCompiled) return invalidProgram;
    Cubin result;
    std::memcpy(result.mark, cubinMark, sizeof cubinMark);
    result.hash = hash(program->source);
    std::memcpy(cubin, &result, sizeof result);
    return success;
}

EXPORTED int nvrtcDestroyProgram(void **handle) {
    ENTER_NVRTC(nvrtcDestroyProgram);
    PROGRAM(program, *handle);
    livePrograms.erase(*handle);
    delete program;
    *handle = nullptr;
    return success;
}

EXPORTED const char *nvrtcGetErrorString(int result) {
    switch (result) {
    case success: return "NVRTC_SUCCESS";
    case 1: return "NVRTC_ERROR_OUT_OF_MEMORY";
    case creationFailure: return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
    case invalidInput: return "NVRTC_ERROR_INVALID_INPUT";
    case invalidProgram: return "NVRTC_ERROR_INVALID_PROGRAM";
    case invalidOption: return "NVRTC_ERROR_INVALID_OPTION";
    case compilation: return "NVRTC_ERROR_COMPILATION";
    default: return "NVRTC_ERROR unknown";
    }
}
