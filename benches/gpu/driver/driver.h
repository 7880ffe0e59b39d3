// The parts of the driver: faults, memory, code and launches.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel.h"

namespace samp {

/// CUDA's error codes, as far as this driver uses them.
enum Error : int {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_DEVICE = 101,
    INVALID_PTX = 218,
    NOT_FOUND = 500,
    ILLEGAL_ADDRESS = 700,
    LAUNCH_OUT_OF_RESOURCES = 701,
    MISALIGNED_ADDRESS = 716,
    LAUNCH_FAILED = 719,
};

/// The device that this is.
constexpr int MAJOR = 9, MINOR = 0;
constexpr size_t SHARED_BYTES = 48 << 10;
constexpr size_t TOTAL_MEMORY = size_t(8) << 30;

/// Notes what is wrong, on standard error and for `samp_driver_fault`, and gives the code back.
Error fault(Error code, const char* format, ...) __attribute__((format(printf, 2, 3)));

/// Counts a call of a function of the driver; gives the error that a test wants it to fail with.
int enter(const char* name);

/// Whether launches are to do nothing, for the time of the host alone.
bool skips_launches();

// Memory of the device (memory.cpp).

struct Allocation {
    uintptr_t start;
    size_t size;
};

Error allocate(size_t bytes, uintptr_t* start);
Error release(uintptr_t start);
/// The living allocation that holds this address; `size` is 0 where there is none.
Allocation allocation_of(uintptr_t at);
/// Whether an address lies in the device's room, allocated or not.
bool of_device(uintptr_t at);
/// All bytes in one living allocation, or a fault.
Error check_range(const char* what, uintptr_t start, size_t bytes);
size_t free_memory();

// Code (code.cpp).

struct Function {
    std::string name;
    Entry entry;
    /// Whether its threads wait for each other.
    bool barriers;
};

/// A module of code. It stays loaded for good, as another with the same text may share it.
struct Module {
    void* library;
    bool barriers;
    std::vector<std::unique_ptr<Function>> functions;
};

/// The "PTX" of CUDA C++: the text under a line that says how it is meant. Gives false and what g++ says if it refuses.
bool compile(const std::string& text, bool fmad, std::string* ptx, std::string* log);
/// The module of a "PTX", or none.
Module* load(const std::string& ptx);
/// The function of this name, or none.
const Function* function_of(Module* module, const std::string& name);

// Launches (launch.cpp).

Error launch(const Function& function, Dim grid, Dim block, size_t shared_bytes, void** parameters);

}  // namespace samp

#define EXPORT extern "C" __attribute__((visibility("default")))

/// Counts the call of the function that this stands in, and fails if that is wanted.
#define ENTER \
    if (int wanted = samp::enter(__func__)) return wanted;
