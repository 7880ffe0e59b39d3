// Launches: blocks one after the other, and in a block its threads, each up to the next barrier. Their order is turned
// around from one stretch to the next, so what needs a barrier that is not there shows in the results.
#include <ucontext.h>

#include <csetjmp>
#include <cstring>
#include <mutex>

#include "driver.h"

namespace samp {
namespace {

constexpr size_t STACK = 64 << 10, MOST_THREADS = 1024;

/// A thread of a kernel that has barriers.
struct Fiber {
    enum State { NEW, WAITING, ENDED } state = NEW;
    jmp_buf at;
    ucontext_t context;
    std::unique_ptr<char[]> stack;
};

/// The launch that is running. One at a time does.
struct Running {
    std::mutex lock;
    const Function* function;
    void** parameters;
    alignas(1024) char shared[SHARED_BYTES];
    size_t shared_bytes;
    Error error;
    jmp_buf scheduler, out;
    std::vector<Fiber> fibers;
    size_t current;
};

Running running;

Dim index_of(size_t i, Dim size) {
    unsigned k = unsigned(i);
    return {k % size.x, k / size.x % size.y, k / size.x / size.y};
}

[[noreturn]] void leave(Error error) {
    running.error = error;
    _longjmp(running.out, 1);
}

void check(unsigned long at, unsigned long bytes, bool write) {
    Now& now = *running.function->entry.now;
    auto within = [&](uintptr_t start, size_t size) {
        if (at - start >= size || size - (at - start) < bytes) return false;
        now.low = start, now.size = size;
        return true;
    };
    auto refuse = [&](const char* what, size_t size, uintptr_t start) {
        leave(fault(ILLEGAL_ADDRESS, "%s: thread %u of block %u %s %lu bytes at byte %ld of %s of %zu bytes",
                    running.function->name.c_str(), now.thread.x, now.block.x, write ? "writes" : "reads", bytes,
                    long(at - start), what, size));
    };
    uintptr_t shared = reinterpret_cast<uintptr_t>(running.shared);
    if (of_device(at)) {
        Allocation allocation = allocation_of(at);
        if (within(allocation.start, allocation.size)) return;
        // The one before it is most likely what was meant.
        for (size_t back = 1; allocation.size == 0 && back <= 1 << 20; back *= 2) allocation = allocation_of(at - back);
        refuse("device memory, in or after an allocation", allocation.size, allocation.start);
    } else if (at - shared < SHARED_BYTES) {
        if (!within(shared, running.shared_bytes)) refuse("shared memory", running.shared_bytes, shared);
    } else if (at < 4096) {
        refuse("nothing", 0, 0);
    }
    // Anything else is a thread's own: its stack, its parameters.
}

void misaligned(unsigned long at) {
    const Now& now = *running.function->entry.now;
    leave(fault(MISALIGNED_ADDRESS, "%s: thread %u of block %u uses a vector at %#lx", running.function->name.c_str(),
                now.thread.x, now.block.x, at));
}

void barrier() {
    Fiber& fiber = running.fibers[running.current];
    fiber.state = Fiber::WAITING;
    if (_setjmp(fiber.at) == 0) _longjmp(running.scheduler, 1);
}

/// The life of a fiber: a thread of one block after the other.
void live() {
    for (;;) {
        running.function->entry.call(running.parameters);
        Fiber& fiber = running.fibers[running.current];
        fiber.state = Fiber::ENDED;
        if (_setjmp(fiber.at) == 0) _longjmp(running.scheduler, 1);
    }
}

/// Runs the current thread up to its next barrier or its end.
void resume(Fiber& fiber) {
    if (_setjmp(running.scheduler) != 0) return;
    if (fiber.state != Fiber::NEW) _longjmp(fiber.at, 1);
    if (!fiber.stack) fiber.stack.reset(new char[STACK]);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, live, 0);
    setcontext(&fiber.context);
}

/// A block whose threads wait for each other.
void run_together(Now& now, size_t threads) {
    if (running.fibers.size() < threads) running.fibers.resize(threads);
    for (size_t ended = 0, stretch = 0; ended < threads; stretch++) {
        size_t waiting = 0;
        ended = 0;
        for (size_t i = 0; i < threads; i++) {
            running.current = stretch % 2 ? threads - 1 - i : i;
            Fiber& fiber = running.fibers[running.current];
            if (stretch > 0 && fiber.state == Fiber::ENDED) {
                ended++;
                continue;
            }
            now.thread = index_of(running.current, now.block_dim);
            resume(fiber);
            (fiber.state == Fiber::ENDED ? ended : waiting)++;
        }
        if (waiting > 0 && ended > 0)
            leave(fault(LAUNCH_FAILED, "%s: %zu threads of block %u wait for %zu that have ended",
                        running.function->name.c_str(), waiting, now.block.x, ended));
    }
}

void run_block(Now& now, size_t threads, bool backwards) {
    memset(running.shared, 0xff, running.shared_bytes);
    if (running.function->barriers) return run_together(now, threads);
    for (size_t i = 0; i < threads; i++) {
        now.thread = index_of(backwards ? threads - 1 - i : i, now.block_dim);
        running.function->entry.call(running.parameters);
    }
}

/// What the driver refuses before a kernel runs.
Error check_launch(const Function& function, Dim grid, Dim block, size_t shared_bytes, void** parameters) {
    const char* name = function.name.c_str();
    size_t threads = size_t(block.x) * block.y * block.z, blocks = size_t(grid.x) * grid.y * grid.z;
    if (threads == 0 || blocks == 0 || grid.y > 65535 || grid.z > 65535 || grid.x > 0x7fffffff)
        return fault(INVALID_VALUE, "%s: %u x %u x %u blocks of %zu threads", name, grid.x, grid.y, grid.z, threads);
    if (threads > MOST_THREADS) return fault(INVALID_VALUE, "%s: %zu threads in a block", name, threads);
    if (shared_bytes > SHARED_BYTES) return fault(INVALID_VALUE, "%s: %zu bytes of shared memory", name, shared_bytes);
    const Entry& entry = function.entry;
    for (unsigned i = 0; i < entry.n_parameters; i++) {
        if (!parameters[i]) return fault(INVALID_VALUE, "%s: no parameter %u", name, i);
        if (!entry.pointers[i]) continue;
        uintptr_t at = *static_cast<uintptr_t*>(parameters[i]);
        // A kernel may take a null address and ask for it.
        if (at != 0 && allocation_of(at).size == 0)
            return fault(ILLEGAL_ADDRESS, "%s: parameter %u, %#zx, is in no living allocation", name, i, at);
    }
    return SUCCESS;
}

}  // namespace

Error launch(const Function& function, Dim grid, Dim block, size_t shared_bytes, void** parameters) {
    if (skips_launches()) return SUCCESS;
    if (Error error = check_launch(function, grid, block, shared_bytes, parameters)) return error;
    std::lock_guard<std::mutex> held(running.lock);
    running.function = &function;
    running.parameters = parameters;
    running.shared_bytes = shared_bytes;
    running.error = SUCCESS;
    Now& now = *function.entry.now;
    now = {{}, {}, block, grid, running.shared, 0, 0, barrier, check, misaligned};
    if (_setjmp(running.out) == 0) {
        size_t blocks = size_t(grid.x) * grid.y * grid.z;
        for (size_t i = 0; i < blocks; i++) {
            now.block = index_of(blocks - 1 - i, grid);
            run_block(now, size_t(block.x) * block.y * block.z, i % 2);
        }
    } else {
        // The fibers are somewhere in the kernel.
        running.fibers.clear();
    }
    return running.error;
}

}  // namespace samp
