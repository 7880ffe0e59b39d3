// The functions of libcuda that candle and cudarc call, as CUDA's driver API documents them. All work is done at once,
// so streams and events have nothing to remember; the calling thread is what waits.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "driver.h"

namespace {

using samp::Error;
using Address = unsigned long long;

/// What the driver keeps for a thread.
struct Thread {
    std::map<std::string, unsigned long> calls;
    std::string fault, last_fault;
    /// The function a call of which is to fail, how many more calls there are until then, and the error.
    std::string failing;
    unsigned long until = 0;
    int error = 0;
    /// Whether launches do nothing, so that the time of a run is the host's.
    bool skipping = getenv("SAMP_DRIVER_SKIP") != nullptr;
    void* context = nullptr;
};

/// It is never taken down: a thread's tensors may be freed after everything else of it.
Thread& own() {
    static thread_local Thread* thread = new Thread;
    return *thread;
}

const std::map<int, const char*> NAMES = {
    {samp::SUCCESS, "CUDA_SUCCESS"},
    {samp::INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
    {samp::OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
    {samp::INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"},
    {samp::INVALID_PTX, "CUDA_ERROR_INVALID_PTX"},
    {samp::NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
    {samp::ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"},
    {samp::LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
    {samp::MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS"},
    {samp::LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED"},
};

/// Attributes of the device, by their numbers in CUDA's `CUdevice_attribute`.
const std::map<int, int> ATTRIBUTES = {
    {1, 1024},         // most threads in a block
    {8, samp::SHARED_BYTES},
    {10, 32},          // threads in a warp
    {16, 132},         // multiprocessors
    {75, samp::MAJOR},  // compute capability
    {76, samp::MINOR},
    {115, 1},          // memory pools, by which memory is taken in the order of a stream
};

}  // namespace

namespace samp {

Error fault(Error code, const char* format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    own().fault = text;
    fprintf(stderr, "stand-in driver: %s\n", text);
    return code;
}

int enter(const char* name) {
    Thread& thread = own();
    thread.calls[name]++;
    if (thread.failing != name || --thread.until > 0) return SUCCESS;
    thread.failing.clear();
    return thread.error;
}

bool skips_launches() { return own().skipping; }

}  // namespace samp

// For tests; all of it holds for the calling thread alone.

/// How often this thread called a function.
EXPORT unsigned long samp_driver_calls(const char* name) {
    auto found = own().calls.find(name);
    return found == own().calls.end() ? 0 : found->second;
}

/// Has this thread's `n`th next call of a function fail with this error.
EXPORT void samp_driver_fail(const char* name, unsigned long n, int error) {
    own().failing = name;
    own().until = n;
    own().error = error;
}

/// What was last found wrong in a call of this thread; empty if nothing was since it was last asked.
EXPORT const char* samp_driver_fault() {
    own().last_fault.swap(own().fault);
    own().fault.clear();
    return own().last_fault.c_str();
}

// Device and context.

EXPORT int cuInit(unsigned) { ENTER return samp::SUCCESS; }
EXPORT int cuDeviceGet(int* device, int ordinal) {
    ENTER
    *device = 0;
    return ordinal == 0 ? samp::SUCCESS : samp::INVALID_DEVICE;
}
EXPORT int cuDeviceGetCount(int* count) { ENTER *count = 1; return samp::SUCCESS; }
EXPORT int cuDeviceGetName(char* name, int length, int) {
    ENTER
    snprintf(name, size_t(length), "stand-in driver");
    return samp::SUCCESS;
}
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) {
    ENTER
    auto found = ATTRIBUTES.find(attribute);
    if (found == ATTRIBUTES.end()) return samp::fault(samp::INVALID_VALUE, "attribute %d of the device", attribute);
    *value = found->second;
    return samp::SUCCESS;
}
EXPORT int cuDeviceTotalMem_v2(size_t* bytes, int) { ENTER *bytes = samp::TOTAL_MEMORY; return samp::SUCCESS; }
EXPORT int cuMemGetInfo_v2(size_t* free, size_t* total) {
    ENTER
    *free = samp::free_memory(), *total = samp::TOTAL_MEMORY;
    return samp::SUCCESS;
}
EXPORT int cuDevicePrimaryCtxRetain(void** result, int) {
    ENTER
    static char primary;
    *result = &primary;
    return samp::SUCCESS;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int) { ENTER return samp::SUCCESS; }
EXPORT int cuCtxGetCurrent(void** result) { ENTER *result = own().context; return samp::SUCCESS; }
EXPORT int cuCtxSetCurrent(void* wanted) { ENTER own().context = wanted; return samp::SUCCESS; }
EXPORT int cuCtxSynchronize() { ENTER return samp::SUCCESS; }
EXPORT int cuCtxDestroy_v2(void*) { ENTER return samp::SUCCESS; }

EXPORT int cuGetErrorName(int error, const char** name) {
    auto found = NAMES.find(error);
    *name = found == NAMES.end() ? nullptr : found->second;
    return *name ? samp::SUCCESS : samp::INVALID_VALUE;
}
EXPORT int cuGetErrorString(int error, const char** text) { return cuGetErrorName(error, text); }

// Streams and events.

EXPORT int cuStreamCreate(void** stream, unsigned) { ENTER *stream = new char; return samp::SUCCESS; }
EXPORT int cuStreamDestroy_v2(void* stream) { ENTER delete static_cast<char*>(stream); return samp::SUCCESS; }
EXPORT int cuStreamSynchronize(void*) { ENTER return samp::SUCCESS; }
EXPORT int cuStreamWaitEvent(void*, void*, unsigned) { ENTER return samp::SUCCESS; }
EXPORT int cuStreamIsCapturing(void*, int* status) { ENTER *status = 0; return samp::SUCCESS; }
EXPORT int cuEventCreate(void** event, unsigned) { ENTER *event = new char; return samp::SUCCESS; }
EXPORT int cuEventDestroy_v2(void* event) { ENTER delete static_cast<char*>(event); return samp::SUCCESS; }
EXPORT int cuEventRecord(void*, void*) { ENTER return samp::SUCCESS; }
EXPORT int cuEventQuery(void*) { ENTER return samp::SUCCESS; }
EXPORT int cuEventSynchronize(void*) { ENTER return samp::SUCCESS; }

// Memory.

static int take(Address* at, size_t bytes) {
    uintptr_t start = 0;
    Error error = samp::allocate(bytes, &start);
    *at = start;
    return error;
}
EXPORT int cuMemAlloc_v2(Address* at, size_t bytes) { ENTER return take(at, bytes); }
EXPORT int cuMemAllocAsync(Address* at, size_t bytes, void*) { ENTER return take(at, bytes); }
EXPORT int cuMemFree_v2(Address at) { ENTER return samp::release(at); }
EXPORT int cuMemFreeAsync(Address at, void*) { ENTER return samp::release(at); }

static int to_device(Address to, const void* from, size_t bytes) {
    if (Error error = samp::check_range("a copy to the device", to, bytes)) return error;
    memcpy(reinterpret_cast<void*>(to), from, bytes);
    return samp::SUCCESS;
}
static int to_host(void* to, Address from, size_t bytes) {
    if (Error error = samp::check_range("a copy to the host", from, bytes)) return error;
    memcpy(to, reinterpret_cast<const void*>(from), bytes);
    return samp::SUCCESS;
}
static int on_device(Address to, Address from, size_t bytes) {
    if (Error error = samp::check_range("a copy from the device", from, bytes)) return error;
    return to_device(to, reinterpret_cast<const void*>(from), bytes);
}
EXPORT int cuMemcpyHtoD_v2(Address to, const void* from, size_t n) { ENTER return to_device(to, from, n); }
EXPORT int cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t n, void*) { ENTER return to_device(to, from, n); }
EXPORT int cuMemcpyDtoH_v2(void* to, Address from, size_t n) { ENTER return to_host(to, from, n); }
EXPORT int cuMemcpyDtoHAsync_v2(void* to, Address from, size_t n, void*) { ENTER return to_host(to, from, n); }
EXPORT int cuMemcpyDtoD_v2(Address to, Address from, size_t n) { ENTER return on_device(to, from, n); }
EXPORT int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t n, void*) { ENTER return on_device(to, from, n); }
static int fill(Address at, unsigned char value, size_t bytes) {
    if (Error error = samp::check_range("memory to fill", at, bytes)) return error;
    memset(reinterpret_cast<void*>(at), value, bytes);
    return samp::SUCCESS;
}
EXPORT int cuMemsetD8_v2(Address at, unsigned char value, size_t n) { ENTER return fill(at, value, n); }
EXPORT int cuMemsetD8Async(Address at, unsigned char value, size_t n, void*) { ENTER return fill(at, value, n); }

// Code.

EXPORT int cuModuleLoadData(void** module, const void* image) {
    ENTER
    *module = samp::load(static_cast<const char*>(image));
    return *module ? samp::SUCCESS : samp::INVALID_PTX;
}
EXPORT int cuModuleUnload(void* module) { ENTER delete static_cast<samp::Module*>(module); return samp::SUCCESS; }
EXPORT int cuModuleGetFunction(const void** function, void* module, const char* name) {
    ENTER
    *function = samp::function_of(static_cast<samp::Module*>(module), name);
    return *function ? samp::SUCCESS : samp::NOT_FOUND;
}
EXPORT int cuLaunchKernel(const void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared_bytes, void*, void** parameters, void**) {
    ENTER
    return samp::launch(*static_cast<const samp::Function*>(function), {grid_x, grid_y, grid_z},
                        {block_x, block_y, block_z}, shared_bytes, parameters);
}
