// A libcuda.so.1 whose device is this CPU. A "module" is a shared object that g++ made of CUDA source (device/cuda.h).
// A launch runs block after block; a block's threads are fibers, run from barrier to barrier in another order each time,
// so that a kernel that lacks a barrier gives wrong values.
#include <dlfcn.h>
#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "device/cuda.h"

using Result = int;  // CUresult
const Result success = 0, invalid_value = 1, not_found = 500, launch_failed = 719;

// The beginning of CUlaunchConfig.
struct LaunchConfig { unsigned grid[3], block[3], shared_bytes; };

struct Module { void* library; };
struct Function { void (*run)(void**); Launch* launch; };

namespace {
const size_t stack_bytes = 64 * 1024;

struct Fiber { ucontext_t context; std::vector<char> stack; bool done; };

std::vector<Fiber> fibers;
ucontext_t scheduler;
Fiber* running;
const Function* kernel;
void** arguments;
unsigned long long phase;  // barriers passed since the start: seeds the order of threads

void barrier() { swapcontext(&running->context, &scheduler); }

void fiber_main() {
    for (;;) {
        kernel->run(arguments);
        running->done = true;
        barrier();
    }
}

void prepare_fibers(size_t count) {
    if (fibers.size() >= count) return;
    fibers = std::vector<Fiber>(count);  // contexts must not move
    for (Fiber& fiber : fibers) {
        fiber.stack.resize(stack_bytes);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = stack_bytes;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, fiber_main, 0);
    }
}

// Runs every thread to its next barrier or its end; the number that ended, or -1 where only some did.
long run_phase(Launch& launch, size_t count) {
    const size_t first = (phase * 7919) % count;
    size_t step = (phase * 104729) % count | 1;
    while (std::gcd(step, count) != 1) step += 2;
    ++phase;
    long ended = 0;
    for (size_t i = 0, at = first; i < count; ++i, at = (at + step) % count) {
        const unsigned thread = unsigned(at), width = launch.block_size.x, height = launch.block_size.y;
        launch.thread = {thread % width, thread / width % height, thread / width / height};
        running = &fibers[at];
        swapcontext(&scheduler, &running->context);
        ended += running->done;
    }
    return ended == 0 || ended == long(count) ? ended : -1;
}

bool run_block(Launch& launch) {
    const size_t count = size_t(launch.block_size.x) * launch.block_size.y * launch.block_size.z;
    prepare_fibers(count);
    for (size_t i = 0; i < count; ++i) fibers[i].done = false;
    if (launch.shared_begin) std::memset(launch.shared_begin, 0x5a, launch.shared_end - launch.shared_begin);
    long ended = 0;
    while (ended == 0) ended = run_phase(launch, count);
    return ended > 0;
}

void report_signal(int number) {
    const Index& block = kernel->launch->block;
    const Index& thread = kernel->launch->thread;
    std::fprintf(stderr, "CUDA emulator: %s in block (%u, %u, %u), thread (%u, %u, %u)\n",
                 number == SIGSEGV ? "access outside an allocation" : "undefined behaviour",
                 block.x, block.y, block.z, thread.x, thread.y, thread.z);
    _exit(128 + number);
}

size_t image_size(const void* image) {
    const auto* header = static_cast<const Elf64_Ehdr*>(image);
    return header->e_shoff + size_t(header->e_shentsize) * header->e_shnum;
}
}  // namespace

extern "C" {
Result cuModuleLoadData(Module** module, const void* image) {
    if (std::memcmp(image, ELFMAG, SELFMAG) != 0) {
        std::fprintf(stderr, "CUDA emulator: the module was not made by its own compiler\n");
        return invalid_value;
    }
    char path[] = "/tmp/cuda_emulator_XXXXXX";
    const int file = mkstemp(path);
    const size_t size = image_size(image);
    const bool written = file >= 0 && write(file, image, size) == ssize_t(size);
    if (file >= 0) close(file);
    void* library = written ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
    unlink(path);
    if (!library) {
        std::fprintf(stderr, "CUDA emulator: %s\n", dlerror());
        return invalid_value;
    }
    *module = new Module{library};
    return success;
}

Result cuModuleUnload(Module* module) {
    delete module;  // the library stays: its functions may still be named
    return success;
}

Result cuModuleGetFunction(Function** function, Module* module, const char* name) {
    const auto symbol = [&](const std::string& of) { return static_cast<char*>(dlsym(module->library, of.c_str())); };
    auto run = reinterpret_cast<void (*)(void**)>(symbol(std::string("emulated_") + name));
    auto* launch = reinterpret_cast<Launch*>(symbol("launch"));
    if (!run || !launch) return not_found;
    *function = new Function{run, launch};
    launch->barrier = barrier;
    return success;
}

Result cuLaunchKernelEx(const LaunchConfig* config, Function* function, void** values, void**) {
    if (config->shared_bytes) return invalid_value;  // dynamic shared memory is not emulated
    kernel = function;
    arguments = values;
    Launch& launch = *function->launch;
    launch.grid = {config->grid[0], config->grid[1], config->grid[2]};
    launch.block_size = {config->block[0], config->block[1], config->block[2]};
    const auto old_segv = signal(SIGSEGV, report_signal), old_ill = signal(SIGILL, report_signal);
    Result result = success;
    for (unsigned z = 0; z < launch.grid.z; ++z)
        for (unsigned y = 0; y < launch.grid.y; ++y)
            for (unsigned x = 0; x < launch.grid.x; ++x) {
                launch.block = {x, y, z};
                if (result == success && !run_block(launch)) {
                    std::fprintf(stderr, "CUDA emulator: some threads ended while others waited at a barrier\n");
                    fibers.clear();
                    result = launch_failed;
                }
            }
    signal(SIGSEGV, old_segv);
    signal(SIGILL, old_ill);
    return result;
}

Result cuFuncSetAttribute(Function*, int, int) { return success; }
Result cuDeviceGetName(char* name, int length, int) { std::snprintf(name, length, "CUDA emulator"); return success; }
Result cuGetErrorName(Result result, const char** name) {
    *name = result == success ? "CUDA_SUCCESS" : "CUDA_ERROR";
    return success;
}
Result cuGetErrorString(Result, const char** text) { *text = "error of the CUDA emulator"; return success; }
Result cuTensorMapEncodeTiled() { return invalid_value; }
}
