// Stands in for <cuda.h> when CUDA source that TVM generated is compiled by g++ for the CPU: the part of the language
// that such source uses. A block's threads are fibers of one CPU thread; driver_api.cpp starts them and takes over at
// every barrier. Undefined behaviour traps (the compiler's sanitizer), misaligned vector loads included.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#define __global__
#define __device__
// Inlined also here, so that the sanitizer knows the arrays behind pointers and traps at what lies beyond them.
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__
// Blocks run one after another, so that a block's shared memory may be static; in a section of its own it can be poisoned.
#define __shared__ static __attribute__((section("shared_memory")))

struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(8) short4 { short x, y, z, w; };
struct alignas(4) short2 { short x, y; };
struct alignas(4) char4 { signed char x, y, z, w; };
struct alignas(2) char2 { signed char x, y; };

inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

struct Index { unsigned x, y, z; };

// What the driver and a compiled image share; the driver fills it before a launch and updates `thread` at every switch.
struct Launch {
    Index grid, block_size, block, thread;
    void (*barrier)();
    char *shared_begin, *shared_end;  // the image's static shared memory
    char *dynamic_shared;             // the launch's, directly before memory that cannot be touched
    // For instructions of warps and asynchronous copies (ptx.h): addresses in shared memory count from dynamic_shared.
    const void* (*exchange)(const char* name, const uint32_t* words, int count);
    char* (*shared)(unsigned address, unsigned size);
    void (*copy)(unsigned to, const void* from, int size);
    void (*close_group)();
    void (*await_groups)(int pending);
};
extern "C" Launch launch;
#define threadIdx (launch.thread)
#define blockIdx (launch.block)
#define blockDim (launch.block_size)
#define gridDim (launch.grid)

inline void __syncthreads() { launch.barrier(); }
inline size_t __cvta_generic_to_shared(const void* pointer) { return static_cast<const char*>(pointer) - launch.dynamic_shared; }

inline int __dp4a(int a, int b, int total) {
    for (int i = 0; i < 32; i += 8) total += int(int8_t(uint32_t(a) >> i)) * int(int8_t(uint32_t(b) >> i));
    return total;
}

inline int __float2int_rn(float value) { return int(std::nearbyint(value)); }

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); }
inline double max(double a, double b) { return std::fmax(a, b); }

#include "ptx.h"

// TVM writes `__shared__ alignas(64) int4 name[..]`, an order that only the attribute spelling allows.
#define alignas(bytes) __attribute__((aligned(bytes)))

// Calls a kernel with its arguments as cuLaunchKernel gets them: pointers to the values.
template <class... Arguments, std::size_t... I>
void call_kernel(void (*kernel)(Arguments...), void** values, std::index_sequence<I...>) {
    kernel(*static_cast<Arguments*>(values[I])...);
}
#define EMULATED_KERNEL(name)                                                                       \
    template <class... Arguments> void call_##name(void (*kernel)(Arguments...), void** values) {  \
        call_kernel(kernel, values, std::index_sequence_for<Arguments...>());                      \
    }                                                                                               \
    extern "C" void emulated_##name(void** values) { call_##name(name, values); }

// Once at the end of an image: its Launch, and where the linker put its shared memory.
#define END_OF_IMAGE                                                                             \
    extern "C" __attribute__((weak, visibility("hidden"))) char __start_shared_memory[1], __stop_shared_memory[1]; \
    Launch launch = {{}, {}, {}, {}, nullptr, __start_shared_memory, __stop_shared_memory};
