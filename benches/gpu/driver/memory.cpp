// Memory of the device: a room of addresses of its own, in which every allocation is known, so that no access outside of
// one goes unseen. Addresses are used again as late as possible. New memory is all ones: not a number in any float.
#include <sys/mman.h>

#include <cstring>
#include <map>
#include <mutex>

#include "driver.h"

namespace samp {
namespace {

constexpr size_t ROOM = size_t(1) << 38, ALIGNMENT = 256;

std::mutex lock;
std::map<uintptr_t, size_t> living;
size_t used = 0;
/// Where the next allocation is tried, from the room's start.
size_t next = 0;

uintptr_t room() {
    static const uintptr_t start = [] {
        void* at = mmap(nullptr, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return at == MAP_FAILED ? 0 : reinterpret_cast<uintptr_t>(at);
    }();
    return start;
}

Allocation find(uintptr_t at) {
    auto after = living.upper_bound(at);
    if (after == living.begin()) return {0, 0};
    auto [start, size] = *--after;
    return at - start < size ? Allocation{start, size} : Allocation{0, 0};
}

}  // namespace

Error allocate(size_t bytes, uintptr_t* start) {
    if (bytes == 0) return fault(INVALID_VALUE, "an allocation of no bytes");
    std::lock_guard<std::mutex> held(lock);
    if (room() == 0 || bytes > TOTAL_MEMORY - used) return OUT_OF_MEMORY;
    // A gap between neighbours, so that what reads past one does not hit the other.
    size_t taken = (bytes + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (next + taken > ROOM) next = 0;
    for (auto after = living.lower_bound(room() + next); after != living.end(); ++after) {
        if (after->first >= room() + next + taken) break;
        next = (after->first - room() + after->second + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    if (next + taken > ROOM) return OUT_OF_MEMORY;
    *start = room() + next;
    next += taken;
    living[*start] = bytes;
    used += bytes;
    if (!skips_launches()) memset(reinterpret_cast<void*>(*start), 0xff, bytes);
    return SUCCESS;
}

Error release(uintptr_t start) {
    std::lock_guard<std::mutex> held(lock);
    auto found = living.find(start);
    if (found == living.end()) return fault(INVALID_VALUE, "%#zx is freed, which starts no living allocation", start);
    used -= found->second;
    // What is read after this reads zeros, if anything.
    if (found->second >= 1 << 20) {
        uintptr_t page = (start + 4095) & ~uintptr_t(4095), end = (start + found->second) & ~uintptr_t(4095);
        madvise(reinterpret_cast<void*>(page), end - page, MADV_DONTNEED);
    }
    living.erase(found);
    return SUCCESS;
}

Allocation allocation_of(uintptr_t at) {
    std::lock_guard<std::mutex> held(lock);
    return find(at);
}

bool of_device(uintptr_t at) { return at - room() < ROOM; }

Error check_range(const char* what, uintptr_t start, size_t bytes) {
    Allocation allocation = allocation_of(start);
    if (bytes == 0 || (allocation.size != 0 && allocation.start + allocation.size - start >= bytes)) return SUCCESS;
    return fault(INVALID_VALUE, "%s: %zu bytes at %#zx are not in one living allocation", what, bytes, start);
}

size_t free_memory() {
    std::lock_guard<std::mutex> held(lock);
    return TOTAL_MEMORY - used;
}

}  // namespace samp
