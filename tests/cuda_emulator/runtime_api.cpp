// A libcudart.so.13 whose device is this CPU: the functions that TVM's CUDA runtime uses. Device memory is host memory,
// each allocation directly before a page that cannot be touched, so that reading or writing beyond the end faults.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

// CUDA's types as far as they matter here: enumerations are ints, streams and the like are pointers.
using cudaError_t = int;
using Handle = void*;
const cudaError_t cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2, cudaErrorNotSupported = 801;
enum { threads_per_block = 1, shared_bytes_per_block = 8, warp_size = 10, capability_major = 75, capability_minor = 76 };

namespace {
struct Allocation { char* mapping; size_t mapped; size_t size; };
std::map<void*, Allocation> allocations;
const size_t alignment = 256;  // as cudaMalloc promises
const char poison = 0x5a;

cudaError_t unsupported(const char* name) {
    std::fprintf(stderr, "CUDA emulator: %s is not supported\n", name);
    return cudaErrorNotSupported;
}

int capability() {
    const char* text = std::getenv("CUDA_EMULATOR_CAPABILITY");
    return text ? std::atoi(text) : 86;
}
}  // namespace

extern "C" {
cudaError_t cudaGetDeviceCount(int* count) { *count = 1; return cudaSuccess; }
cudaError_t cudaGetDevice(int* device) { *device = 0; return cudaSuccess; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaPeekAtLastError() { return cudaSuccess; }
const char* cudaGetErrorName(cudaError_t) { return "cudaError"; }
const char* cudaGetErrorString(cudaError_t) { return "error of the CUDA emulator"; }

cudaError_t cudaDeviceGetAttribute(int* value, int attribute, int) {
    switch (attribute) {
        case threads_per_block: *value = 1024; break;
        case shared_bytes_per_block: *value = 48 * 1024; break;
        case warp_size: *value = 32; break;
        case capability_major: *value = capability() / 10; break;
        case capability_minor: *value = capability() % 10; break;
        default: *value = 1;
    }
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(void*, int) { return unsupported("cudaGetDeviceProperties"); }

cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
    *available = *total = size_t(1) << 30;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** pointer, size_t size) {
    const size_t page = sysconf(_SC_PAGESIZE), room = (size + alignment - 1) / alignment * alignment;
    const size_t pages = (room + page - 1) / page * page;
    void* mapping = mmap(nullptr, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) return cudaErrorMemoryAllocation;
    char* begin = static_cast<char*>(mapping) + pages - room;
    std::memset(mapping, poison, pages);
    mprotect(static_cast<char*>(mapping) + pages, page, PROT_NONE);
    allocations[begin] = {static_cast<char*>(mapping), pages + page, size};
    *pointer = begin;
    return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
    if (!pointer) return cudaSuccess;
    const auto found = allocations.find(pointer);
    if (found == allocations.end()) return cudaErrorInvalidValue;
    const Allocation& allocation = found->second;
    const char* begin = static_cast<char*>(pointer);
    const char* end = allocation.mapping + allocation.mapped - sysconf(_SC_PAGESIZE);
    const auto poisoned = [](char byte) { return byte == poison; };
    if (!std::all_of<const char*>(allocation.mapping, begin, poisoned) || !std::all_of(begin + allocation.size, end, poisoned)) {
        std::fprintf(stderr, "CUDA emulator: a kernel wrote beside an allocation of %zu bytes\n", allocation.size);
        std::abort();
    }
    munmap(allocation.mapping, allocation.mapped);
    allocations.erase(found);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void** pointer, size_t size) {
    *pointer = std::malloc(size);
    return *pointer ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* pointer) { std::free(pointer); return cudaSuccess; }

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, int, Handle) {
    std::memcpy(to, from, size);
    return cudaSuccess;
}
cudaError_t cudaMemcpyPeerAsync(void*, int, const void*, int, size_t, Handle) { return unsupported("cudaMemcpyPeerAsync"); }

// Everything happens at once, in the order of the calls: streams and events are only names.
cudaError_t cudaStreamCreate(Handle* stream) { *stream = nullptr; return cudaSuccess; }
cudaError_t cudaStreamCreateWithFlags(Handle* stream, unsigned) { *stream = nullptr; return cudaSuccess; }
cudaError_t cudaStreamDestroy(Handle) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(Handle) { return cudaSuccess; }
cudaError_t cudaStreamWaitEvent(Handle, Handle, unsigned) { return cudaSuccess; }
cudaError_t cudaEventCreate(Handle* event) { *event = nullptr; return cudaSuccess; }
cudaError_t cudaEventDestroy(Handle) { return cudaSuccess; }
cudaError_t cudaEventRecord(Handle, Handle) { return cudaSuccess; }
cudaError_t cudaEventSynchronize(Handle) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, Handle, Handle) { *milliseconds = 0; return cudaSuccess; }

cudaError_t cudaStreamBeginCapture(Handle, int) { return unsupported("cudaStreamBeginCapture"); }
cudaError_t cudaStreamEndCapture(Handle, Handle*) { return unsupported("cudaStreamEndCapture"); }
cudaError_t cudaGraphInstantiate(Handle*, Handle, unsigned long long) { return unsupported("cudaGraphInstantiate"); }
cudaError_t cudaGraphLaunch(Handle, Handle) { return unsupported("cudaGraphLaunch"); }
cudaError_t cudaGraphDestroy(Handle) { return unsupported("cudaGraphDestroy"); }
cudaError_t cudaGraphExecDestroy(Handle) { return unsupported("cudaGraphExecDestroy"); }
}
