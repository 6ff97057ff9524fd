// A libcuda.so.1 whose device is this CPU. A "module" is a shared object that g++ made of CUDA source (device/cuda.h).
// A launch runs block after block; a block's threads are fibers, run warp by warp from barrier to barrier in another order
// each time, so that a kernel that lacks a barrier gives wrong values.
#include <dlfcn.h>
#include <elf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
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
struct Function { void (*run)(void**); Launch* launch; int dynamic_bytes; };

namespace {
const size_t stack_bytes = 64 * 1024;

struct Copy { char* to; const void* from; int size; };

// Where a fiber stands: the first three are what it does next, when it is resumed.
enum class State { running, at_barrier, at_exchange, done };

struct Fiber {
    ucontext_t context;
    jmp_buf point;  // where it goes on: _longjmp needs no system call, swapcontext two
    bool started;
    std::vector<char> stack;
    State state;
    const char* instruction;
    unsigned exchanges;
    std::vector<Copy> open;                  // copies of the group that is not closed yet
    std::vector<std::vector<Copy>> groups;  // closed ones, the oldest first
};

// The registers of a warp's lanes at an instruction. There are two: lanes still read one when others come to the next.
struct Exchange { uint32_t words[2][32][8]; };

std::vector<Fiber> fibers;
std::vector<Exchange> exchanges;
ucontext_t scheduler_context;
jmp_buf scheduler;
size_t current;
const Function* kernel;
void** arguments;
unsigned long long phase;  // barriers passed since the start: seeds the order of threads
char* dynamic_shared;
size_t dynamic_bytes;

void leave(State state) {
    fibers[current].state = state;
    if (_setjmp(fibers[current].point) == 0) _longjmp(scheduler, 1);
}

void barrier() { leave(State::at_barrier); }

void fiber_main() {
    for (;;) {
        kernel->run(arguments);
        leave(State::done);
    }
}

void resume(Launch& launch, size_t thread) {
    const unsigned width = launch.block_size.x, height = launch.block_size.y, number = unsigned(thread);
    launch.thread = {number % width, number / width % height, number / width / height};
    current = thread;
    Fiber& fiber = fibers[thread];
    fiber.state = State::running;
    if (_setjmp(scheduler) != 0) return;
    if (fiber.started) _longjmp(fiber.point, 1);
    fiber.started = true;
    setcontext(&fiber.context);
}

const void* exchange(const char* name, const uint32_t* words, int count) {
    Fiber& fiber = fibers[current];
    const size_t thread = current;
    auto& slot = exchanges[thread / 32].words[fiber.exchanges++ % 2];
    std::memcpy(slot[thread % 32], words, count * sizeof(uint32_t));
    fiber.instruction = name;
    leave(State::at_exchange);
    return slot;
}

[[noreturn]] void trap(const char* what) {
    std::fprintf(stderr, "CUDA emulator: %s\n", what);
    raise(SIGILL);
    std::abort();
}

char* shared(unsigned address, unsigned size) {
    if (address % size || address + size > dynamic_bytes) trap("an address in shared memory is misaligned or out of bounds");
    return dynamic_shared + address;
}

// The destination is spoilt at once and written when the thread waits for the copy's group.
void copy(unsigned to, const void* from, int size) {
    if (reinterpret_cast<size_t>(from) % size) trap("a copy's source is misaligned");
    char* target = shared(to, size);
    std::memset(target, 0x5a, size);
    fibers[current].open.push_back({target, from, size});
}

void close_group() {
    Fiber& fiber = fibers[current];
    fiber.groups.push_back(std::move(fiber.open));
    fiber.open.clear();
}

void await_groups(int pending) {
    auto& groups = fibers[current].groups;
    while (groups.size() > size_t(pending)) {
        for (const Copy& copy : groups.front()) std::memcpy(copy.to, copy.from, copy.size);
        groups.erase(groups.begin());
    }
}

void prepare_fibers(size_t count) {
    if (fibers.size() >= count) return;
    fibers = std::vector<Fiber>(count);  // contexts must not move
    exchanges.resize((count + 31) / 32);
    for (Fiber& fiber : fibers) {
        fiber.stack.resize(stack_bytes);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = stack_bytes;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, fiber_main, 0);
    }
}

// 0, 1, ... count - 1 in another order for every phase, by a step that has no divisor in common with the count.
struct Order {
    size_t count, first, step;
    Order(size_t count, unsigned long long seed) : count(count), first(seed * 7919 % count), step(seed * 104729 % count | 1) {
        while (std::gcd(step, count) != 1) step += 2;
    }
    size_t operator[](size_t i) const { return (first + i * step) % count; }
};

// Runs a warp's threads to the next barrier or to their end, through all exchanges on the way; the number that ended, or -1
// where lanes came to different instructions.
long run_warp(Launch& launch, size_t first, size_t count) {
    const Order order(count, phase + first / 32);
    for (;;) {
        long ended = 0, exchanging = 0;
        for (size_t i = 0; i < count; ++i) {
            resume(launch, first + order[i]);
            const Fiber& fiber = fibers[first + order[i]];
            ended += fiber.state == State::done;
            exchanging += fiber.state == State::at_exchange && !std::strcmp(fiber.instruction, fibers[first + order[0]].instruction);
        }
        if (exchanging == 0) return ended;
        if (exchanging < 32) {
            std::fprintf(stderr, "CUDA emulator: the lanes of a warp did not come to the same instruction of a whole warp\n");
            return -1;
        }
    }
}

// Runs every thread to its next barrier or its end; the number that ended, or -1 where only some did.
long run_phase(Launch& launch, size_t count) {
    const Order order((count + 31) / 32, ++phase);
    long ended = 0;
    for (size_t i = 0; i < order.count; ++i) {
        const size_t first = order[i] * 32;
        const long of_warp = run_warp(launch, first, std::min<size_t>(32, count - first));
        if (of_warp < 0) return -1;
        ended += of_warp;
    }
    return ended == 0 || ended == long(count) ? ended : -1;
}

bool run_block(Launch& launch) {
    const size_t count = size_t(launch.block_size.x) * launch.block_size.y * launch.block_size.z;
    prepare_fibers(count);
    for (size_t i = 0; i < count; ++i) {
        fibers[i].exchanges = 0;
        fibers[i].open.clear();
        fibers[i].groups.clear();
    }
    if (launch.shared_begin) std::memset(launch.shared_begin, 0x5a, launch.shared_end - launch.shared_begin);
    std::memset(dynamic_shared, 0x5a, dynamic_bytes);
    long ended = 0;
    while (ended == 0) ended = run_phase(launch, count);
    return ended > 0;
}

// The launch's shared memory ends where a page begins that cannot be touched.
void prepare_dynamic_shared(Launch& launch, size_t size) {
    const size_t page = sysconf(_SC_PAGESIZE), most = 256 * 1024;
    static char* const end = [&] {
        void* mapping = mmap(nullptr, most + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(static_cast<char*>(mapping) + most, page, PROT_NONE);
        return static_cast<char*>(mapping) + most;
    }();
    dynamic_bytes = size;
    launch.dynamic_shared = dynamic_shared = end - (size + 15) / 16 * 16;
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
    *function = new Function{run, launch, 48 * 1024};
    launch->barrier = barrier, launch->exchange = exchange, launch->shared = shared;
    launch->copy = copy, launch->close_group = close_group, launch->await_groups = await_groups;
    return success;
}

Result cuLaunchKernelEx(const LaunchConfig* config, Function* function, void** values, void**) {
    if (int(config->shared_bytes) > function->dynamic_bytes) return invalid_value;
    kernel = function;
    arguments = values;
    Launch& launch = *function->launch;
    launch.grid = {config->grid[0], config->grid[1], config->grid[2]};
    prepare_dynamic_shared(launch, config->shared_bytes);
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

Result cuFuncSetAttribute(Function* function, int attribute, int value) {
    const int max_dynamic_shared_size_bytes = 8;
    if (attribute != max_dynamic_shared_size_bytes) return success;
    if (value > 227 * 1024) return invalid_value;
    function->dynamic_bytes = value;
    return success;
}
Result cuDeviceGetName(char* name, int length, int) { std::snprintf(name, length, "CUDA emulator"); return success; }
Result cuGetErrorName(Result result, const char** name) {
    *name = result == success ? "CUDA_SUCCESS" : "CUDA_ERROR";
    return success;
}
Result cuGetErrorString(Result, const char** text) { *text = "error of the CUDA emulator"; return success; }
Result cuTensorMapEncodeTiled() { return invalid_value; }
}
