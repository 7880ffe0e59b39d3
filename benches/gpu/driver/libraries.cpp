// The functions of libnvrtc, libcublas and libcurand that candle and cudarc call. NVRTC compiles; of the others there is
// what a device needs to be opened.
#include <cstring>
#include <string>

#include "driver.h"

namespace {

enum Nvrtc : int { NVRTC_SUCCESS = 0, NVRTC_INVALID_OPTION = 5, NVRTC_COMPILATION = 6 };

struct Program {
    std::string text, ptx, log;
};

Program* program(void* handle) { return static_cast<Program*>(handle); }

int give(const std::string& text, char* to) {
    memcpy(to, text.c_str(), text.size() + 1);
    return NVRTC_SUCCESS;
}

}  // namespace

EXPORT int nvrtcVersion(int* major, int* minor) { ENTER *major = 13, *minor = 0; return NVRTC_SUCCESS; }
EXPORT int nvrtcCreateProgram(void** handle, const char* text, const char*, int, const char* const*,
                              const char* const*) {
    ENTER
    *handle = new Program{text, {}, {}};
    return NVRTC_SUCCESS;
}
EXPORT int nvrtcDestroyProgram(void** handle) {
    ENTER
    delete program(*handle);
    *handle = nullptr;
    return NVRTC_SUCCESS;
}
EXPORT int nvrtcCompileProgram(void* handle, int n, const char* const* options) {
    ENTER
    bool fmad = true;
    const std::string target = "--gpu-architecture=compute_" + std::to_string(10 * samp::MAJOR + samp::MINOR);
    for (const std::string& option : std::vector<std::string>(options, options + n)) {
        if (option == "--fmad=false") {
            fmad = false;
        } else if (option != target) {
            program(handle)->log = "unknown option or architecture " + option;
            return NVRTC_INVALID_OPTION;
        }
    }
    bool right = samp::compile(program(handle)->text, fmad, &program(handle)->ptx, &program(handle)->log);
    return right ? NVRTC_SUCCESS : NVRTC_COMPILATION;
}
EXPORT int nvrtcGetPTXSize(void* handle, size_t* bytes) {
    ENTER
    *bytes = program(handle)->ptx.size() + 1;
    return NVRTC_SUCCESS;
}
EXPORT int nvrtcGetPTX(void* handle, char* ptx) { ENTER return give(program(handle)->ptx, ptx); }
EXPORT int nvrtcGetProgramLogSize(void* handle, size_t* bytes) {
    ENTER
    *bytes = program(handle)->log.size() + 1;
    return NVRTC_SUCCESS;
}
EXPORT int nvrtcGetProgramLog(void* handle, char* log) { ENTER return give(program(handle)->log, log); }
EXPORT const char* nvrtcGetErrorString(int error) {
    switch (error) {
        case NVRTC_SUCCESS: return "NVRTC_SUCCESS";
        case NVRTC_INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
        default: return "NVRTC_ERROR_COMPILATION";
    }
}

EXPORT int cublasCreate_v2(void** handle) { ENTER *handle = new char; return 0; }
EXPORT int cublasDestroy_v2(void* handle) { ENTER delete static_cast<char*>(handle); return 0; }
EXPORT int cublasSetStream_v2(void*, void*) { ENTER return 0; }

EXPORT int curandCreateGenerator(void** handle, int) { ENTER *handle = new char; return 0; }
EXPORT int curandDestroyGenerator(void* handle) { ENTER delete static_cast<char*>(handle); return 0; }
EXPORT int curandSetStream(void*, void*) { ENTER return 0; }
EXPORT int curandSetPseudoRandomGeneratorSeed(void*, unsigned long long) { ENTER return 0; }
