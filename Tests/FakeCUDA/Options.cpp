// The environment, chance, failures that tests ask for, and the end.

#include "Internal.h"
#include "include/FakeCUDA.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::fputs("FakeCUDA: ", stderr);
    std::vfprintf(stderr, format, arguments);
    std::fputs("\n", stderr);
    std::fflush(stderr);
    std::abort();
}

namespace {

long long number(const char *name, long long otherwise, long long least, long long most) {
    const char *text = std::getenv(name);
    if (!text || !*text) return otherwise;
    char *end;
    const long long value = std::strtoll(text, &end, 10);
    if (*end || value < least || value > most) fail("%s must be a number from %lld to %lld", name, least, most);
    return value;
}

unsigned powerOfTwo(const char *name, unsigned otherwise, unsigned most) {
    const auto value = static_cast<unsigned>(number(name, otherwise, 1, most));
    if ((value & (value - 1)) != 0) fail("%s must be a power of two", name);
    return value;
}

struct Failure {
    std::string function;
    long long calls;        // until it fails
    int code;
};

std::vector<Failure> parseFailures(const char *text) {
    std::vector<Failure> failures;
    while (text && *text) {
        char name[64];
        long long calls;
        int code, length = 0;
        if (std::sscanf(text, "%63[A-Za-z0-9_]:%lld:%d%n", name, &calls, &code, &length) != 3 || calls < 1)
            fail("FAKE_CUDA_FAIL must be name:count:code, with commas between: %s", text);
        failures.push_back({name, calls, code});
        text += length;
        if (*text == ',') text++;
    }
    return failures;
}

std::vector<Failure> &failures() {
    static auto &failures = *new std::vector<Failure>(parseFailures(std::getenv("FAKE_CUDA_FAIL")));
    return failures;
}

// Never 0, which is where the generator would stay.
unsigned long long stateOf(unsigned long long seed) { return seed * 0x9e3779b97f4a7c15 + 0x2545f4914f6cdd1d | 1; }

unsigned long long &randomState() {
    static unsigned long long state = stateOf(number("FAKE_CUDA_SEED", 1, 0, INT64_MAX));
    return state;
}

}

const Options &options() {
    static const Options options = {
        number("FAKE_CUDA_DEVICES", 1, 0, 16),
        number("FAKE_CUDA_CAPABILITY", 9, 1, 99),
        number("FAKE_CUDA_MEMORY", 4LL << 30, 0, 1LL << 40),
        number("FAKE_CUDA_PROTECT", 1, 0, 1) != 0,
        powerOfTwo("FAKE_CUDA_BLOCK", 4, 1024),
        number("FAKE_CUDA_TF32", 1, 0, 1) != 0,
    };
    return options;
}

unsigned randomBelow(unsigned bound) {
    // xorshift64*: quick, and good enough for orders.
    unsigned long long &state = randomState();
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    const unsigned long long high = (state * 0x2545f4914f6cdd1d) >> 32;
    return static_cast<unsigned>(high * bound >> 32);
}

int injectedFailure(const char *function) {
    for (Failure &failure : failures())
        if (failure.calls > 0 && failure.function == function && --failure.calls == 0) return failure.code;
    return 0;
}

EXPORTED void fakeCUDASetFailures(const char *text) {
    Entry entry("", Entry::nothing);
    failures() = parseFailures(text);
}

EXPORTED void fakeCUDASetSeed(unsigned long long seed) {
    Entry entry("", Entry::nothing);
    randomState() = stateOf(seed);
}
