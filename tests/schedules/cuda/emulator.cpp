// Runs generated CUDA kernels on a CPU: one fiber per CUDA thread, blocks one after another, a switch at every barrier.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>
#include <ucontext.h>

struct Index { unsigned x, y, z; };
struct int2 { int x, y; };
struct int4 { int x, y, z, w; };
typedef unsigned char uchar;
static Index threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define __restrict__
#define alignas(n)

using std::max;
using std::min;

static int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; ++i) c += int(int8_t(a >> (8 * i))) * int(int8_t(b >> (8 * i)));
  return c;
}

struct Fiber {
  ucontext_t context;
  std::vector<char> stack = std::vector<char>(1 << 16);
  Index thread;
  bool finished = false;
};
static ucontext_t scheduler;
static Fiber* current;

static void __syncthreads() {
  swapcontext(&current->context, &scheduler);
  threadIdx = current->thread;
}

static void (*body)();
static void enter() {
  body();
  current->finished = true;
  swapcontext(&current->context, &scheduler);
}

// Every fiber runs to its next barrier before any runs past it.
static void run_block(unsigned threads, void (*kernel)()) {
  static std::vector<Fiber> fibers;
  fibers.resize(threads);
  body = kernel;
  for (unsigned i = 0; i < threads; ++i) {
    Fiber& fiber = fibers[i];
    fiber.thread = {i, 0, 0};
    fiber.finished = false;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = fiber.stack.size();
    makecontext(&fiber.context, enter, 0);
  }
  for (bool running = true; running;) {
    running = false;
    for (Fiber& fiber : fibers) {
      if (fiber.finished) continue;
      current = &fiber;
      threadIdx = fiber.thread;
      swapcontext(&scheduler, &fiber.context);
      running = running || !fiber.finished;
    }
  }
}

static void** arguments;
static int64_t extents[2];
