// Between the driver and a compiled kernel: what each tells the other. Both sides are compiled with it.
#pragma once

namespace samp {

struct Dim {
    unsigned x, y, z;
};

/// Where the running thread is, and the driver's functions for it. One at a time runs: every compiled kernel has one of
/// these, and the driver writes it.
struct Now {
    Dim thread, block, block_dim, grid_dim;
    /// The block's dynamic shared memory.
    char* shared;
    /// The allocation that was found last, so that most accesses need no search.
    unsigned long low, size;
    /// Lets the other threads of the block come this far.
    void (*barrier)();
    /// Ends the launch with a fault unless the kernel may touch these bytes.
    void (*check)(unsigned long at, unsigned long bytes, bool write);
    /// Ends the launch with a fault: an access of a vector at an address that it may not have.
    void (*misaligned)(unsigned long at);
};

/// A kernel as the driver calls it.
struct Entry {
    Now* now;
    void (*call)(void** parameters);
    unsigned n_parameters;
    const unsigned* sizes;
    /// Which parameters are addresses.
    const bool* pointers;
};

}  // namespace samp
