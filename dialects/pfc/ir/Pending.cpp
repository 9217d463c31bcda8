#include "dialects/pfc/ir/PfcDialect.h"
using namespace mlir;
namespace pfc {
LogicalResult VariableOp::partition(Partitioner&) { return failure(); }
LogicalResult AssignOp::partition(Partitioner&) { return failure(); }
LogicalResult OutputOp::partition(Partitioner&) { return failure(); }
LogicalResult ScalePixelsOp::partition(Partitioner&) { return failure(); }
LogicalResult ScalePixelsOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult Conv2dOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult Conv2dOp::partition(Partitioner&) { return failure(); }
OpCost Conv2dOp::getCost() { return {}; }
LogicalResult Conv2dInputGradOp::partition(Partitioner&) { return failure(); }
OpCost Conv2dInputGradOp::getCost() { return {}; }
LogicalResult Conv2dFilterGradOp::partition(Partitioner&) { return failure(); }
OpCost Conv2dFilterGradOp::getCost() { return {}; }
LogicalResult BatchStatsOp::partition(Partitioner&) { return failure(); }
OpCost BatchStatsOp::getCost() { return {}; }
LogicalResult BatchStatsOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult MergeStatsOp::partition(Partitioner&) { return failure(); }
LogicalResult MergeStatsOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult BatchNormOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult BatchNormOp::partition(Partitioner&) { return failure(); }
LogicalResult BatchNormOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult BatchNormGradStatsOp::partition(Partitioner&) { return failure(); }
OpCost BatchNormGradStatsOp::getCost() { return {}; }
LogicalResult BatchNormGradStatsOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult BatchNormGradOp::partition(Partitioner&) { return failure(); }
LogicalResult BatchNormGradOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult PReluOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult PReluOp::partition(Partitioner&) { return failure(); }
LogicalResult PReluOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult PReluGradOp::partition(Partitioner&) { return failure(); }
LogicalResult PReluGradOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult PReluSlopeGradOp::partition(Partitioner&) { return failure(); }
OpCost PReluSlopeGradOp::getCost() { return {}; }
LogicalResult PReluSlopeGradOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult AddOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult AddOp::partition(Partitioner&) { return failure(); }
LogicalResult AddOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult ReshapeOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult ReshapeOp::partition(Partitioner&) { return failure(); }
LogicalResult MatmulOp::partition(Partitioner&) { return failure(); }
OpCost MatmulOp::getCost() { return {}; }
LogicalResult LinearOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult LinearOp::partition(Partitioner&) { return failure(); }
OpCost LinearOp::getCost() { return {}; }
LogicalResult AddBiasOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult AddBiasOp::partition(Partitioner&) { return failure(); }
LogicalResult AddBiasOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult ChannelSumOp::partition(Partitioner&) { return failure(); }
OpCost ChannelSumOp::getCost() { return {}; }
LogicalResult ChannelSumOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult SumGroupsOp::partition(Partitioner&) { return failure(); }
LogicalResult SumGroupsOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult DropoutOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult DropoutOp::partition(Partitioner&) { return failure(); }
LogicalResult DropoutOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult CastOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult SampleCentersOp::partition(Partitioner&) { return failure(); }
LogicalResult GatherRowsOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult GatherRowsOp::partition(Partitioner&) { return failure(); }
OpCost GatherRowsOp::getCost() { return {}; }
int64_t GatherRowsOp::getRowExtent() { return 1; }
bool GatherRowsOp::readsOwnRowOnly(unsigned) { return false; }
int GatherRowsOp::getInPlaceOperand(unsigned) { return -1; }
LogicalResult GatherRowsOp::buildRow(OpBuilder&, ValueRange, ValueRange, Value) { return failure(); }
LogicalResult NormalizeOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult NormalizeOp::partition(Partitioner&) { return failure(); }
OpCost NormalizeOp::getCost() { return {}; }
LogicalResult NormalizeOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult NormalizeGradOp::partition(Partitioner&) { return failure(); }
OpCost NormalizeGradOp::getCost() { return {}; }
LogicalResult NormalizeGradOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult CosineLogitsOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult CosineLogitsOp::partition(Partitioner&) { return failure(); }
OpCost CosineLogitsOp::getCost() { return {}; }
LogicalResult MarginOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult MarginOp::partition(Partitioner&) { return failure(); }
LogicalResult MarginGradOp::partition(Partitioner&) { return failure(); }
LogicalResult SoftmaxCrossEntropyOp::buildVjp(OpBuilder&, ValueRange, MutableArrayRef<Value>) { return failure(); }
LogicalResult SoftmaxCrossEntropyOp::partition(Partitioner&) { return failure(); }
LogicalResult SoftmaxCrossEntropyGradOp::partition(Partitioner&) { return failure(); }
int64_t SampleLocalCentersOp::getRowExtent() { return 1; }
bool SampleLocalCentersOp::readsOwnRowOnly(unsigned) { return false; }
int SampleLocalCentersOp::getInPlaceOperand(unsigned) { return -1; }
LogicalResult SampleLocalCentersOp::buildRow(OpBuilder&, ValueRange, ValueRange, Value) { return failure(); }
OpCost SoftmaxLossOp::getCost() { return {}; }
LogicalResult SoftmaxLossOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
OpCost MarginSoftmaxOp::getCost() { return {}; }
OpCost MarginSoftmaxGradOp::getCost() { return {}; }
int64_t MarginExpOp::getRowExtent() { return 1; }
bool MarginExpOp::readsOwnRowOnly(unsigned) { return false; }
int MarginExpOp::getInPlaceOperand(unsigned) { return -1; }
LogicalResult MarginExpOp::buildRow(OpBuilder&, ValueRange, ValueRange, Value) { return failure(); }
int64_t MarginPatchOp::getRowExtent() { return 1; }
bool MarginPatchOp::readsOwnRowOnly(unsigned) { return false; }
int MarginPatchOp::getInPlaceOperand(unsigned) { return -1; }
LogicalResult MarginPatchOp::buildRow(OpBuilder&, ValueRange, ValueRange, Value) { return failure(); }
LogicalResult ScaleRowsOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult MovingAverageOp::partition(Partitioner&) { return failure(); }
LogicalResult MovingAverageOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult SumSquaresOp::partition(Partitioner&) { return failure(); }
OpCost SumSquaresOp::getCost() { return {}; }
LogicalResult SumSquaresOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult ClipFactorOp::partition(Partitioner&) { return failure(); }
LogicalResult ClipFactorOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult SgdOp::partition(Partitioner&) { return failure(); }
LogicalResult SgdOp::buildKernelBody(OpBuilder&, SmallVectorImpl<Value>&) { return failure(); }
LogicalResult UpdateRowsOp::partition(Partitioner&) { return failure(); }
OpCost UpdateRowsOp::getCost() { return {}; }
int64_t UpdateRowsOp::getRowExtent() { return 1; }
bool UpdateRowsOp::readsOwnRowOnly(unsigned) { return false; }
int UpdateRowsOp::getInPlaceOperand(unsigned) { return -1; }
LogicalResult UpdateRowsOp::buildRow(OpBuilder&, ValueRange, ValueRange, Value) { return failure(); }
OpCost pointwiseCost(Operation*, uint64_t) { return {}; }
}
