//===- Partitioner.h - What ops see of pfc-partition ------------*- C++ -*-===//
#ifndef DIALECTS_PFC_IR_PARTITIONER_H
#define DIALECTS_PFC_IR_PARTITIONER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace pfc {

/// How a logical tensor lies on the ranks.
enum class Form {
  Replicated, ///< every rank has all of it, bit for bit the same
  Split,      ///< rank r has the r-th of R equal blocks along `dimension`
  Partial,    ///< the logical value is the element-wise sum over ranks
  Owned,      ///< indices into a split dimension: local index, or -1 where
              ///< another rank owns it
};

struct Sharding {
  Form form = Form::Replicated;
  unsigned dimension = 0; ///< of Split

  static Sharding replicated() { return {Form::Replicated, 0}; }
  static Sharding split(unsigned dimension) { return {Form::Split, dimension}; }
  static Sharding partial() { return {Form::Partial, 0}; }
  static Sharding owned() { return {Form::Owned, 0}; }
  bool operator==(const Sharding &) const = default;
  bool isReplicated() const { return form == Form::Replicated; }
  bool isSplit(unsigned dim = 0) const {
    return form == Form::Split && dimension == dim;
  }
};

/// The state of a partitioning, handed to ops one by one in program order.
class Partitioner {
public:
  virtual ~Partitioner() = default;

  virtual mlir::OpBuilder &builder() = 0;
  virtual int64_t worldSize() const = 0;

  /// The form a logical value has now.
  virtual Sharding shardingOf(mlir::Value logical) = 0;

  /// The local value of `logical` in form `wanted`; inserts the collective that
  /// converts it, once per (value, form):
  ///   Split(0) -> Replicated        shard.all_gather
  ///   Partial  -> Replicated        shard.all_reduce
  ///   Partial  -> Split(0)          shard.reduce_scatter
  /// Null, after an error at `logical`, when there is none.
  virtual mlir::Value get(mlir::Value logical, Sharding wanted) = 0;

  /// Records the local value of a result.
  virtual void set(mlir::Value logical, mlir::Value local,
                   Sharding sharding) = 0;

  /// Local type of `logical` in form `sharding`: the split dimension divided by
  /// the world size, which divides it.
  virtual mlir::RankedTensorType localType(mlir::Value logical,
                                           Sharding sharding) = 0;

  /// pfc.rank_constant for the first row, and the number of rows, of this
  /// rank's part of `rows` rows split as evenly as possible; and for the rank.
  virtual mlir::Value shardFirst(int64_t rows) = 0;
  virtual mlir::Value shardCount(int64_t rows) = 0;
  virtual mlir::Value rank() = 0;
};

} // namespace pfc

#endif // DIALECTS_PFC_IR_PARTITIONER_H
