//===- EmulationAbi.h - What an emulated kernel asks of its device ---------==//
//
// Included by the device and, as text, put before every plan's CUDA C++: so no
// other header may be included here.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_EMULATIONABI_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_EMULATIONABI_H

namespace pfc::emulation {

struct Dim3 {
  unsigned x, y, z;
};

/// The x of the built-in variables; everything is one-dimensional. "const": in
/// a kernel, every call finds the same.
unsigned threadIndex() __attribute__((const));
unsigned blockIndex() __attribute__((const));
unsigned blockSize() __attribute__((const));
unsigned gridSize() __attribute__((const));

/// What the threads of a warp do together.
enum class Collective : unsigned {
  Sync,
  ShuffleDown,
  ShuffleUp,
  ShuffleXor,
  Shuffle,
  Ballot,
  LoadMatrices,
  Multiply,
};

/// What a lane brings to ldmatrix (x4), and takes: see loadMatrices.
struct MatrixRow {
  unsigned row[4]; ///< its 16 bytes
  unsigned *to;    ///< of 4
};
/// What a lane brings to mma.m16n8k16, and takes.
struct Fragments {
  float *d[4];
  unsigned a[4], b[2];
  bool bf16; ///< or fp16
};

/// What a launch says of an argument that is copied in boxes (CUtensorMap).
struct alignas(128) TensorMap {
  const unsigned char *data;
  long long rows, columns; // of the matrix
  unsigned boxRows, boxColumns, elementBytes;
  unsigned char rest[92];
};
static_assert(sizeof(TensorMap) == 128);

/// `line` is that of the plan's text, for messages.
void syncThreads(unsigned line);

/// Waits for the warp's threads in `mask`, then returns the `value` of the lane
/// that `kind` and `argument` name in this lane's segment of `width` lanes; for
/// a ballot, the lanes whose value isn't 0.
unsigned long long exchange(Collective kind, unsigned mask,
                            unsigned long long value, int argument, int width,
                            unsigned line);

/// The same for LoadMatrices and Multiply, of all 32 lanes; `pointer` is to
/// what this lane brings and takes.
void exchangeAll(Collective kind, void *pointer, unsigned line);

/// cp.async of 16 bytes to shared memory, or of zeros: until a waitCopies for
/// its group, what is there is garbage.
void copyAsync(void *shared, const void *source, bool inside);
void commitCopies();
void waitCopies(unsigned left);

/// In the launch's shared memory, from 0 on.
unsigned sharedAddress(const void *shared);
/// fence.proxy.async: behind a barrier, what this thread wrote or copied may be
/// multiplied and copied over, and barriers that it made be used by copies.
void publishShared();

/// mbarrier.init: of phases that take so many arrivals.
void makeBarrier(unsigned long long *barrier, unsigned arrivals);
/// mbarrier.inval
void dropBarrier(unsigned long long *barrier);
/// mbarrier.arrive.expect_tx
void arriveExpecting(unsigned long long *barrier, unsigned bytes);
/// mbarrier.try_wait.parity, until a phase of this parity has ended.
void waitPhase(unsigned long long *barrier, unsigned parity);
/// cp.async.bulk.tensor.2d: the box at (row, column), to a multiple of 128
/// bytes; garbage before the phase of `barrier` that expects its bytes has
/// ended.
void copyBox(void *shared, const TensorMap &map, int row, int column,
             unsigned long long *barrier);

/// wgmma: this thread's part of d[64] += a · bᵀ, of what descriptors name; done
/// where its group is waited for.
void beginProducts();
void multiplyGroup(float *d, unsigned long long a, unsigned long long b,
                   bool bf16);
void commitProducts();
void waitProducts(unsigned left);

/// The block's array of `bytes` bytes that the declaration `key` declares.
void *sharedArray(const void *key, const char *name, unsigned long long bytes);
/// The block's `extern __shared__` array, sized by the launch.
void *dynamicSharedArray(const char *name);

int atomicAdd(int *, int);
unsigned atomicAdd(unsigned *, unsigned);
unsigned long long atomicAdd(unsigned long long *, unsigned long long);
float atomicAdd(float *, float);
double atomicAdd(double *, double);
int atomicMin(int *, int);
unsigned atomicMin(unsigned *, unsigned);
unsigned long long atomicMin(unsigned long long *, unsigned long long);
int atomicMax(int *, int);
unsigned atomicMax(unsigned *, unsigned);
unsigned long long atomicMax(unsigned long long *, unsigned long long);
unsigned atomicAnd(unsigned *, unsigned);
unsigned atomicOr(unsigned *, unsigned);
unsigned long long atomicOr(unsigned long long *, unsigned long long);
unsigned atomicXor(unsigned *, unsigned);
int atomicExch(int *, int);
unsigned atomicExch(unsigned *, unsigned);
unsigned long long atomicExch(unsigned long long *, unsigned long long);
float atomicExch(float *, float);
int atomicCAS(int *, int, int);
unsigned atomicCAS(unsigned *, unsigned, unsigned);
unsigned long long atomicCAS(unsigned long long *, unsigned long long,
                             unsigned long long);

/// A compiled kernel, in the table that ends every plan's text.
struct Kernel {
  const char *name;
  unsigned arguments;
  void (*call)(void *const *arguments);
};

} // namespace pfc::emulation

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_EMULATIONABI_H
