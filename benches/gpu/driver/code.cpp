// Code of the device: CUDA C++ that g++ compiles for the CPU. What stands for PTX is the text itself, under a line that
// says how it is meant and before one that shows that it is whole. What g++ makes is kept in `$SAMP_DRIVER_CACHE` under a
// digest of text, flags and this driver.
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>

#include "driver.h"

namespace samp {
namespace {

/// Head of what NVRTC made of a text, by whether products and sums may become one operation, and of a text for nvcc.
constexpr const char* HEADS[] = {"// stand-in driver: nvrtc, apart\n", "// stand-in driver: nvrtc, fused\n",
                                 "// stand-in driver: nvcc\n"};
constexpr const char* END = "\n// end\n";

constexpr const char* FLAGS =
    "-std=c++17 -O1 -shared -fPIC -w -fno-strict-aliasing -fvisibility=hidden -fsanitize=kernel-address,alignment "
    "-fno-sanitize-recover=alignment --param asan-instrumentation-with-call-threshold=0 --param asan-stack=0 "
    "--param asan-globals=0";

/// PTX instructions and the functions that do the same (`nvrtc.h`).
const std::map<std::string, const char*> INSTRUCTIONS = {
    {"{.reg .b16 h; cvt.u16.u32 h, %1; cvt.f32.f16 %0, h;}", "ptx_from_f16"},
    {"cvt.rn.f16x2.f32 %0, %2, %1;", "ptx_to_f16"},
    {"cvt.rn.bf16x2.f32 %0, %2, %1;", "ptx_to_bf16"},
    {"atom.relaxed.add.u32 %0, [%1], %2;", "ptx_add"},
};

/// The text as g++ takes it: no PTX, and shared memory where the driver has it.
std::string host_text(const std::string& text) {
    static const std::regex instruction(R"re(asm(?: volatile)?\s*\("([^"]*)"\s*:\s*"=\w"\((\w+)\)\s*:([^;]*)\);)re");
    static const std::regex operand(R"re("\w"\((\w+)\))re");
    static const std::regex shared(R"re(extern\s+__shared__\s+(?:__align__\(\d+\)\s+)?char\s+(\w+)\[\];)re");
    std::string result;
    auto from = text.cbegin();
    for (std::sregex_iterator found(text.begin(), text.end(), instruction), none; found != none; ++found) {
        const std::smatch& match = *found;
        result.append(from, match[0].first);
        from = match[0].second;
        auto known = INSTRUCTIONS.find(match[1]);
        if (known == INSTRUCTIONS.end()) {
            result += "\n#error the stand-in driver does not know the instruction " + match[1].str() + "\n";
            continue;
        }
        std::string operands = match[3], arguments;
        for (std::sregex_iterator one(operands.begin(), operands.end(), operand); one != none; ++one)
            arguments += (arguments.empty() ? "" : ", ") + (*one)[1].str();
        result += match[2].str() + " = " + known->second + "(" + arguments + ");";
    }
    result.append(from, text.cend());
    return std::regex_replace(result, shared, "char* const $1 = samp_now.shared;");
}

/// Where the driver and its headers are.
std::string own_folder() {
    Dl_info info{};
    dladdr(reinterpret_cast<void*>(&own_folder), &info);
    std::string path = info.dli_fname ? info.dli_fname : "";
    return path.substr(0, path.rfind('/') + 1) + "include";
}

std::string cache_folder() {
    const char* folder = getenv("SAMP_DRIVER_CACHE");
    return folder ? folder : "/tmp";
}

uint64_t digest(const std::string& text) {
    uint64_t digest = 0xcbf29ce484222325;
    for (unsigned char byte : text) digest = (digest ^ byte) * 0x100000001b3;
    return digest;
}

bool starts_with(const std::string& text, const std::string& head) { return text.compare(0, head.size(), head) == 0; }

/// What a command prints, errors too; whether it succeeds.
bool run(const std::string& command, std::string* printed) {
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    if (!pipe) return false;
    char part[4096];
    while (size_t n = fread(part, 1, sizeof part, pipe)) printed->append(part, n);
    return pclose(pipe) == 0;
}

/// An entry for each kernel of a text without macros.
std::string entries(const std::string& text, const char* room) {
    static const std::regex kernel(R"re(__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\()re");
    std::string result;
    for (std::sregex_iterator found(text.begin(), text.end(), kernel), none; found != none; ++found)
        result += "SAMP_ENTRY(" + (*found)[1].str() + ", " + room + "::" + (*found)[1].str() + ")\n";
    return result;
}

/// Compiles a "PTX" into a library; gives its path, or nothing and what g++ says.
std::string build(const std::string& ptx, std::string* log) {
    static std::atomic<unsigned> builds{0};
    bool nvcc = starts_with(ptx, HEADS[2]), fused = starts_with(ptx, HEADS[1]);
    std::string flags = FLAGS, include = " -I'" + own_folder() + "'", source = "#include \"device.h\"\n";
    flags += fused ? " -ffp-contract=fast" : " -ffp-contract=off";
    if (__builtin_cpu_supports("fma")) flags += " -mfma";
    source += nvcc ? ptx : "namespace text {\n#include \"nvrtc.h\"\n#line 1 \"kernel\"\n" + host_text(ptx) + "\n}\n";
    char key[40];
    snprintf(key, sizeof key, "/samp-%016lx", digest(VERSION + flags + source));
    std::string path = cache_folder() + key + ".so";
    if (access(path.c_str(), R_OK) == 0) return path;
    // Built under a name of its own and moved into place: others may be doing the same.
    std::string own = cache_folder() + key + "-" + std::to_string(getpid()) + "-" + std::to_string(builds++);
    std::string text = "'" + own + ".cpp'", library = own + ".so";
    std::ofstream(own + ".cpp") << source;
    std::string listed = ptx;
    bool built = !nvcc || run("g++ -std=c++17 -E -DSAMP_NAMES" + include + " " + text, &(listed = ""));
    if (!built) *log = listed;
    if (built) {
        std::ofstream(own + ".cpp", std::ios::app) << entries(listed, nvcc ? "" : "text");
        built = run("g++ " + flags + include + " -o '" + library + "' " + text, log) &&
                rename(library.c_str(), path.c_str()) == 0;
    }
    unlink((own + ".cpp").c_str());
    unlink(library.c_str());
    return built ? path : "";
}

}  // namespace

bool compile(const std::string& text, bool fmad, std::string* ptx, std::string* log) {
    *ptx = HEADS[fmad] + text + END;
    return !build(*ptx, log).empty();
}

Module* load(const std::string& ptx) {
    size_t end = std::string(END).size();
    bool whole = ptx.size() >= end && ptx.compare(ptx.size() - end, end, END) == 0, known = false;
    for (const char* head : HEADS) known |= starts_with(ptx, head);
    std::string log, path;
    if (!whole || !known) log = "not what this NVRTC made: " + ptx.substr(0, 80);
    else path = build(ptx, &log);
    void* library = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library) return new Module{library, ptx.find("__syncthreads") != std::string::npos, {}};
    fault(INVALID_PTX, "%s", path.empty() ? log.c_str() : dlerror());
    return nullptr;
}

const Function* function_of(Module* module, const std::string& name) {
    for (const auto& known : module->functions)
        if (known->name == name) return known.get();
    auto entry = static_cast<const Entry*>(dlsym(module->library, ("samp_entry_" + name).c_str()));
    if (!entry) return fault(NOT_FOUND, "no kernel %s", name.c_str()), nullptr;
    module->functions.push_back(std::make_unique<Function>(Function{name, *entry, module->barriers}));
    return module->functions.back().get();
}

}  // namespace samp
