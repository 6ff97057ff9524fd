// PTX instructions by their documented meaning (PTX ISA: "Matrix fragments for mma.m16n8k32", "ldmatrix", "cp.async").
// Instructions of a whole warp exchange the registers of its 32 lanes; all lanes must come to the same one.
#pragma once
#include <cstring>

namespace ptx {
struct Lanes { uint32_t words[32][8]; };

// The registers of all lanes, when all have come here.
template <class... Words> const Lanes& exchange(const char* name, Words... words) {
    const uint32_t own[] = {uint32_t(words)...};
    return *static_cast<const Lanes*>(launch.exchange(name, own, sizeof...(words)));
}

inline unsigned lane() {
    return (launch.thread.x + launch.block_size.x * (launch.thread.y + launch.block_size.y * launch.thread.z)) % 32;
}

inline int8_t byte(uint32_t word, unsigned number) { return int8_t(word >> (8 * number)); }

// Four 8x8 matrices of 16 bits: lanes 8 * i + r name row r of matrix i; lane 4 * r + c gets columns 2 * c and 2 * c + 1.
template <class Word>
__forceinline__ void ldmatrix_sync_aligned_m8n8_x4_shared_b16(Word& d0, Word& d1, Word& d2, Word& d3, unsigned row) {
    const Lanes& rows = exchange("ldmatrix", row);
    Word loaded[4];
    for (unsigned i = 0; i < 4; ++i) {
        const char* address = launch.shared(rows.words[8 * i + lane() / 4][0], 16);
        std::memcpy(&loaded[i], address + 4 * (lane() % 4), 4);
    }
    d0 = loaded[0], d1 = loaded[1], d2 = loaded[2], d3 = loaded[3];
}

// D (16, 8) = A (16, 32) * B (32, 8) + C. With g = lane / 4 and t = lane % 4 a lane has of A four bytes each of
// rows g, g + 8, g, g + 8 from columns 4 * t, 4 * t, 16 + 4 * t, 16 + 4 * t on; of B four bytes of column g from rows 4 * t
// and 16 + 4 * t on; of C and D columns 2 * t, 2 * t + 1 of rows g and g + 8.
__forceinline__ void mma_sync_aligned_m16n8k32_row_col_s32_s8_s8_s32(
    int& d0, int& d1, int& d2, int& d3, int a0, int a1, int a2, int a3, int b0, int b1, int c0, int c1, int c2, int c3) {
    const Lanes& lanes = exchange("mma", a0, a1, a2, a3, b0, b1);
    const auto a = [&](unsigned row, unsigned k) {
        return byte(lanes.words[row % 8 * 4 + k % 16 / 4][row / 8 + k / 16 * 2], k % 4);
    };
    const auto b = [&](unsigned k, unsigned column) { return byte(lanes.words[column * 4 + k % 16 / 4][4 + k / 16], k % 4); };
    const auto dot = [&](unsigned row, unsigned column, int total) {
        for (unsigned k = 0; k < 32; ++k) total += a(row, k) * b(k, column);
        return total;
    };
    const unsigned g = lane() / 4, t = lane() % 4;
    const int result[] = {dot(g, 2 * t, c0), dot(g, 2 * t + 1, c1), dot(g + 8, 2 * t, c2), dot(g + 8, 2 * t + 1, c3)};
    d0 = result[0], d1 = result[1], d2 = result[2], d3 = result[3];
}

// Until the thread waits for its group, the copy's destination holds no value to rely on.
inline void cp_async_cg_shared_global(unsigned to, const void* from, int size) { launch.copy(to, from, size); }
inline void cp_async_ca_shared_global(unsigned to, const void* from, int size) { launch.copy(to, from, size); }
inline void cp_async_commit_group() { launch.close_group(); }
inline void cp_async_wait_group(int pending) { launch.await_groups(pending); }

inline void prefetch_global_L2(const void*) {}
}  // namespace ptx
