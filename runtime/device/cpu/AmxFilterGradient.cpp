#include "runtime/device/cpu/AmxFilterGradient.h"

#include "runtime/device/cpu/CpuFeatures.h"

#ifdef __x86_64__
#include <array>
#include <cstdint>
#include <immintrin.h>

// For functions that are called after cpuSupports("amx_bf16") alone.
#define PFC_AMX                                                                \
  __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl")))

namespace pfc::rt {
namespace {

using Bf16 = uint16_t;

/// A tile is 16 rows of 64 bytes: 16 × 32 of bf16, 16 × 16 sums.
constexpr int64_t tileRows = 16, tilePositions = 32, tileElements = 256;

/// Positions that one tap after the other goes through: what they take of two
/// by two tiles' operands stays in the first-level cache.
constexpr int64_t runPositions = 256;

/// What a thread's packed operands may take, of its second-level cache.
constexpr int64_t packedBytes = 512 << 10;

constexpr int64_t roundUp(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// ⌊a / b⌋, where C++ rounds towards zero.
constexpr int64_t floorDivide(int64_t a, int64_t b) {
  return (a < 0 ? a - b + 1 : a) / b;
}

/// Where a row of a filter is on the grid: which of those of a stride, and how
/// far from the output's. Likewise a column.
struct Shift {
  int64_t grid, by;
};

/// The grid that input and output lie on, `border` rows and columns of zeros
/// behind each image and row. Positions are numbered along rows, then images.
struct Grid {
  explicit Grid(const plan::fb::Conv &op)
      : images(op.batch()), height(op.in_height()), width(op.in_width()),
        kernel(op.kernel()), stride(op.stride()), padding(op.padding()),
        outHeight((height + 2 * padding - kernel) / stride + 1),
        outWidth((width + 2 * padding - kernel) / stride + 1),
        border(std::max(-shift(0).by, shift(kernel - 1).by)),
        rows(outHeight + border), columns(outWidth + border),
        positions(images * rows * columns) {}

  Shift shift(int64_t tap) const {
    const int64_t by = floorDivide(tap - padding, stride);
    return {tap - padding - by * stride, by};
  }
  /// Of each dimension: those of a stride that a tap reads.
  int64_t grids() const { return kernel == 1 ? 1 : stride; }
  /// Whether no tap reads an image beyond its output's rows and columns, where
  /// there are zeros.
  bool isFramed() const {
    return stride * outHeight >= height && stride * outWidth >= width &&
           (kernel > 1 || padding == 0);
  }

  int64_t images, height, width;
  int64_t kernel, stride, padding;
  int64_t outHeight, outWidth;
  int64_t border, rows, columns, positions;
};

/// 32 positions: where the channels of each are, or as many zeros.
struct Block {
  std::array<const Bf16 *, tilePositions> channels;
};

/// The positions from `first` on. `pixel(image, row, column)` is the first
/// channel of one; where that is null, and outside the grid, it is `zeros`.
template <typename Pixel>
Block findBlock(const Grid &grid, int64_t first, const Bf16 *zeros,
                Pixel pixel) {
  Block block;
  block.channels.fill(zeros);
  int64_t i = std::max<int64_t>(0, -first);
  const int64_t end = std::min<int64_t>(tilePositions, grid.positions - first);
  while (i < end) {
    const int64_t line = (first + i) / grid.columns;
    const int64_t image = line / grid.rows, row = line % grid.rows;
    for (int64_t column = (first + i) % grid.columns;
         column < grid.columns && i < end; ++column, ++i)
      if (const Bf16 *found = pixel(image, row, column))
        block.channels[i] = found;
  }
  return block;
}

/// Positions 2i and 2i + 1 of a block, 16 channels: a pair for each.
PFC_AMX inline __m512i loadPairs(const Block &block, int64_t i,
                                 int64_t channel) {
  auto load = [&](int64_t position) PFC_AMX {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(
        reinterpret_cast<const __m256i *>(block.channels[position] + channel)));
  };
  return _mm512_or_si512(load(2 * i), _mm512_slli_epi32(load(2 * i + 1), 16));
}

/// 16 rows of 16 pairs become 16 columns.
PFC_AMX inline void transpose(__m512i (&r)[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i)
    for (int half = 0; half < 16; half += 8) {
      t[half + i] = _mm512_shuffle_i32x4(r[half + i], r[half + i + 4], 0x88);
      t[half + i + 4] =
          _mm512_shuffle_i32x4(r[half + i], r[half + i + 4], 0xdd);
    }
  for (int i = 0; i < 8; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

/// The registers' shapes: all are whole tiles.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start = 0;
  uint8_t reserved[14] = {};
  uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/// Which of two by two tiles of sums there are beside the first.
struct Tiles {
  bool right, below, across;
};

class AmxFilterGradient : public Task {
public:
  AmxFilterGradient(Workspace &workspace, const Grid &grid,
                    const BufferView &input, const BufferView &outputGrad,
                    const BufferView &filterGrad, int threads)
      : workspace(workspace), grid(grid), channels(input.shape[3]),
        seen(filterGrad.shape[3]), filters(outputGrad.shape[3]),
        threads(threads), input(reinterpret_cast<const Bf16 *>(input.data)),
        outputGrad(reinterpret_cast<const Bf16 *>(outputGrad.data)),
        filterGrad(reinterpret_cast<float *>(filterGrad.data)),
        zeros(static_cast<size_t>(std::max(channels, filters))) {
    const int64_t grids = grid.grids() * grid.grids();
    const int64_t ofPosition = 2 * (grids * channels + filters);
    chunk = std::max(runPositions, packedBytes * threads / ofPosition /
                                       runPositions * runPositions);
    chunk = std::min(chunk, roundUp(grid.positions, tilePositions));
    margin = roundUp(grid.border * (grid.columns + 1), tilePositions);
    // Odd: rows at a multiple of 4 KB would share a cache's few places.
    rowLength = ((chunk + 2 * margin) / tilePositions | 1) * tilePositions;
    packedGradAt = 2 * grids * channels * rowLength;
    sumsAt = roundUp(packedGradAt + 2 * filters * chunk, 64);
    workspace.reserve(static_cast<size_t>(
        sumsAt + 4 * grid.kernel * grid.kernel * channels * filters));
  }

  void execute() override;

private:
  void packInput(int64_t begin, int64_t size) const;
  void packGradient(int64_t begin, int64_t size) const;
  void multiply(bool first, int64_t size) const;
  void multiplyTask(int64_t row, int64_t channel, int64_t filter, Tiles tiles,
                    bool first, int64_t size) const;
  void multiplyTap(float *sums, const Bf16 *rows, const Bf16 *pairs,
                   Tiles tiles, bool first, int64_t size) const;
  void storeSums() const;

  /// [grid, channel, position], `margin` positions before and behind a chunk.
  Bf16 *packedInput() const { return static_cast<Bf16 *>(workspace.data()); }
  /// [filter / 16, position / 2, filter % 16, position % 2]
  Bf16 *packedGrad() const { return packedInput() + packedGradAt / 2; }
  /// [tap, channel / 16, filter / 16, channel % 16, filter % 16]
  float *sums() const {
    return reinterpret_cast<float *>(static_cast<char *>(workspace.data()) +
                                     sumsAt);
  }
  float *sumsOf(int64_t tap, int64_t channel, int64_t filter) const {
    return sums() + ((tap * channels + channel) / tileRows * (filters / 16) +
                     filter / 16) *
                        tileElements;
  }

  Workspace &workspace;
  Grid grid;
  int64_t channels, seen, filters; ///< seen: channels, by a filter
  int threads;
  const Bf16 *input, *outputGrad;
  float *filterGrad;
  std::vector<Bf16> zeros;
  int64_t chunk;                ///< positions that are packed at a time
  int64_t margin;               ///< how far a tap reads beyond them
  int64_t rowLength;            ///< of the packed input, in positions
  int64_t packedGradAt, sumsAt; ///< bytes
};

/// Of the chunk that begins at position `begin`.
PFC_AMX void AmxFilterGradient::packInput(int64_t begin, int64_t size) const {
  const int64_t grids = grid.grids();
  const int64_t blocks = (size + 2 * margin) / tilePositions;
#pragma omp for schedule(static) nowait
  for (int64_t task = 0; task < grids * grids * blocks; ++task) {
    const int64_t number = task / blocks, at = task % blocks * tilePositions;
    auto pixel = [&](int64_t image, int64_t row, int64_t column) {
      const int64_t y = row * grid.stride + number / grids;
      const int64_t x = column * grid.stride + number % grids;
      const bool isThere = row < grid.outHeight && column < grid.outWidth &&
                           y < grid.height && x < grid.width;
      return isThere ? input + ((image * grid.height + y) * grid.width + x) *
                                   channels
                     : nullptr;
    };
    const Block block =
        findBlock(grid, begin - margin + at, zeros.data(), pixel);
    for (int64_t channel = 0; channel < channels; channel += tileRows) {
      __m512i pairs[16];
      for (int64_t i = 0; i < 16; ++i)
        pairs[i] = loadPairs(block, i, channel);
      transpose(pairs);
      Bf16 *row =
          packedInput() + (number * channels + channel) * rowLength + at;
      for (int64_t i = 0; i < 16; ++i)
        _mm512_storeu_si512(row + i * rowLength, pairs[i]);
    }
  }
}

PFC_AMX void AmxFilterGradient::packGradient(int64_t begin,
                                             int64_t size) const {
#pragma omp for schedule(static)
  for (int64_t at = 0; at < size; at += tilePositions) {
    auto pixel = [&](int64_t image, int64_t row, int64_t column) {
      const bool isThere = row < grid.outHeight && column < grid.outWidth;
      return isThere ? outputGrad +
                           ((image * grid.outHeight + row) * grid.outWidth +
                            column) *
                               filters
                     : nullptr;
    };
    const Block block = findBlock(grid, begin + at, zeros.data(), pixel);
    for (int64_t filter = 0; filter < filters; filter += 16)
      for (int64_t i = 0; i < 16; ++i)
        _mm512_storeu_si512(packedGrad() + filter * chunk + (at + 2 * i) * 16,
                            loadPairs(block, i, filter));
  }
}

/// Adds what a chunk gives to the sums, those of 32 channels by 32 filters for
/// a row of taps at a time. Groups lie in the tiles of the diagonal.
PFC_AMX void AmxFilterGradient::multiply(bool first, int64_t size) const {
  const bool grouped = seen < channels;
  const int64_t channelBlocks = (channels + 31) / 32;
  const int64_t filterBlocks = grouped ? 1 : (filters + 31) / 32;
#pragma omp for schedule(static)
  for (int64_t task = 0; task < channelBlocks * filterBlocks * grid.kernel;
       ++task) {
    const int64_t channel = task / grid.kernel / filterBlocks * 32;
    const int64_t filter =
        grouped ? channel : task / grid.kernel % filterBlocks * 32;
    const bool twoRows = channel + 16 < channels,
               twoColumns = filter + 16 < filters;
    multiplyTask(
        task % grid.kernel, channel, filter,
        {twoColumns && !grouped, twoRows && !grouped, twoRows && twoColumns},
        first, size);
  }
}

PFC_AMX void AmxFilterGradient::multiplyTask(int64_t row, int64_t channel,
                                             int64_t filter, Tiles tiles,
                                             bool first, int64_t size) const {
  const Shift down = grid.shift(row);
  for (int64_t run = 0; run < size; run += runPositions)
    for (int64_t column = 0; column < grid.kernel; ++column) {
      const Shift right = grid.shift(column);
      const int64_t number = down.grid * grid.grids() + right.grid;
      const int64_t shifted = margin + run + down.by * grid.columns + right.by;
      multiplyTap(sumsOf(row * grid.kernel + column, channel, filter),
                  packedInput() + (number * channels + channel) * rowLength +
                      shifted,
                  packedGrad() + filter * chunk + run * 16, tiles,
                  first && run == 0, std::min(runPositions, size - run));
    }
}

/// Sums are in registers 0 to 3; rows are the input's channels, columns
/// filters.
PFC_AMX void AmxFilterGradient::multiplyTap(float *sums, const Bf16 *rows,
                                            const Bf16 *pairs, Tiles tiles,
                                            bool first, int64_t size) const {
  float *below = sums + filters / 16 * tileElements;
  const Bf16 *lowerRows = rows + tileRows * rowLength,
             *rightPairs = pairs + chunk * 16;
  const int64_t stride = 2 * rowLength;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  if (!first) {
    _tile_loadd(0, sums, 64);
    if (tiles.right)
      _tile_loadd(1, sums + tileElements, 64);
    if (tiles.below)
      _tile_loadd(2, below, 64);
    if (tiles.across)
      _tile_loadd(3, below + tileElements, 64);
  }
  for (int64_t k = 0; k < size; k += tilePositions) {
    _tile_loadd(4, rows + k, stride);
    _tile_loadd(6, pairs + k * 16, 64);
    _tile_dpbf16ps(0, 4, 6);
    if (tiles.right || tiles.across)
      _tile_loadd(7, rightPairs + k * 16, 64);
    if (tiles.right)
      _tile_dpbf16ps(1, 4, 7);
    if (tiles.below || tiles.across)
      _tile_loadd(5, lowerRows + k, stride);
    if (tiles.below)
      _tile_dpbf16ps(2, 5, 6);
    if (tiles.across)
      _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums, 64);
  if (tiles.right)
    _tile_stored(1, sums + tileElements, 64);
  if (tiles.below)
    _tile_stored(2, below, 64);
  if (tiles.across)
    _tile_stored(3, below + tileElements, 64);
}

void AmxFilterGradient::storeSums() const {
  const int64_t taps = grid.kernel * grid.kernel;
#pragma omp for schedule(static)
  for (int64_t filter = 0; filter < filters; ++filter) {
    // Where there are groups, one has as many filters as channels.
    const int64_t first = seen < channels ? filter / seen * seen : 0;
    float *target = filterGrad + filter * taps * seen;
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t channel = first; channel < first + seen;) {
        const float *column = sumsOf(tap, channel, filter) + filter % 16;
        for (int64_t i = channel % tileRows;
             i < tileRows && channel < first + seen; ++i, ++channel)
          *target++ = column[i * 16];
      }
  }
}

PFC_AMX void AmxFilterGradient::execute() {
#pragma omp parallel num_threads(threads)
  {
    const TileShapes shapes;
    _tile_loadconfig(&shapes);
    for (int64_t begin = 0; begin < grid.positions; begin += chunk) {
      const int64_t size =
          std::min(chunk, roundUp(grid.positions - begin, tilePositions));
      packInput(begin, size);
      packGradient(begin, size);
      multiply(begin == 0, size);
    }
    _tile_release();
    storeSums();
  }
}

/// Whether no group is in two tiles; a channel by itself is all but one a tile.
bool fitsTiles(const plan::fb::Conv &op) {
  const int64_t seen = op.in_channels() / op.groups();
  return op.groups() == 1 ||
         (op.in_channels() == op.out_channels() && seen > 1 && 16 % seen == 0);
}

} // namespace

std::unique_ptr<Task>
makeAmxFilterGradient(Workspace &workspace, const plan::fb::Conv &op,
                      const BufferView &input, const BufferView &outputGrad,
                      const BufferView &filterGrad, int threads) {
  if (op.kind() != plan::fb::ConvKind_BackwardWeights || !fitsTiles(op) ||
      op.in_channels() % 16 != 0 || op.out_channels() % 16 != 0 ||
      input.dtype != plan::fb::DType_BF16 ||
      filterGrad.dtype != plan::fb::DType_F32 || !cpuSupports("amx_bf16"))
    return nullptr;
  const Grid grid(op);
  if (!grid.isFramed())
    return nullptr;
  return std::make_unique<AmxFilterGradient>(workspace, grid, input, outputGrad,
                                             filterGrad, threads);
}

} // namespace pfc::rt
#else
namespace pfc::rt {

std::unique_ptr<Task> makeAmxFilterGradient(Workspace &, const plan::fb::Conv &,
                                            const BufferView &,
                                            const BufferView &,
                                            const BufferView &, int) {
  return nullptr;
}

} // namespace pfc::rt
#endif
