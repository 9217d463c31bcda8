#include "dialects/plan/translate/PlanToFlatBuffer.h"

#include "runtime/plan/PlanFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/SHA256.h"

using namespace mlir;
using namespace pfc::plan;

//===----------------------------------------------------------------------===//
// Types and variables
//===----------------------------------------------------------------------===//

/// Plan_Buffer (PlanOps.td) allows these element types and no other.
static fb::DType dtypeOf(Type element) {
  if (element.isF32())
    return fb::DType_F32;
  if (element.isBF16())
    return fb::DType_BF16;
  if (element.isF16())
    return fb::DType_F16;
  if (element.isInteger(64))
    return fb::DType_I64;
  return element.isInteger(32) ? fb::DType_I32 : fb::DType_U8;
}
static fb::DType dtypeOf(MemRefType type) {
  return dtypeOf(type.getElementType());
}

/// Of Launch.numbers.
static int64_t bitsOf(Attribute number) {
  if (auto real = dyn_cast<FloatAttr>(number))
    return real.getValue().bitcastToAPInt().getZExtValue();
  return cast<IntegerAttr>(number).getInt();
}

/// Rows of a table of `rows`, balanced over `ranks` (plan.fbs, RankInteger).
static std::unique_ptr<fb::RowShardT> shardOf(int64_t rows, int64_t ranks) {
  auto shard = std::make_unique<fb::RowShardT>();
  shard->rows = rows;
  shard->first = std::make_unique<fb::RankIntegerT>();
  shard->first->per_rank = rows / ranks;
  shard->first->threshold = rows % ranks;
  shard->first->per_capped_rank = 1;
  shard->count = std::make_unique<fb::RankIntegerT>();
  shard->count->base = rows / ranks;
  shard->count->threshold = rows % ranks;
  shard->count->below = 1;
  return shard;
}

static std::unique_ptr<fb::VariableT> translate(VariableOp op, int64_t ranks) {
  auto variable = std::make_unique<fb::VariableT>();
  variable->name = op.getSymName().str();
  variable->dtype = dtypeOf(op.getBufferType());
  variable->shape = op.getBufferType().getShape().vec();
  variable->role = static_cast<fb::Role>(op.getRole());
  variable->init = std::make_unique<fb::InitT>();
  variable->init->kind = static_cast<fb::InitKind>(op.getInit().getKind());
  variable->init->a = static_cast<float>(op.getInit().getA().value);
  variable->init->b = static_cast<float>(op.getInit().getB().value);
  if (op.getRows())
    variable->shard = shardOf(*op.getRows(), ranks);
  variable->offset = *op.getOffset();
  if (auto stateDict = op.getStateDict()) {
    variable->export_view = stateDict->getView().vec();
    variable->export_perm = stateDict->getPerm().vec();
    variable->export_shape = stateDict->getShape().vec();
  }
  variable->exported = op.getExported();
  return variable;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

namespace {

/// Translates one program. Each value becomes the next buffer.
class ProgramTranslator {
public:
  ProgramTranslator(ProgramOp program, const llvm::StringMap<uint32_t> &kernels,
                    SymbolTable &symbols)
      : program(program), kernels(kernels), symbols(symbols) {}

  std::unique_ptr<fb::ProgramT> translate();

private:
  ProgramOp program;
  const llvm::StringMap<uint32_t> &kernels;
  SymbolTable &symbols;
  std::unique_ptr<fb::ProgramT> result = std::make_unique<fb::ProgramT>();
  llvm::DenseMap<Value, uint32_t> indices;
  llvm::DenseMap<Operation *, uint32_t> instructions;
  llvm::DenseMap<Operation *, size_t> branches;

  uint32_t indexOf(Value value) const { return indices.at(value); }
  void addBuffer(Value value, const std::string &name, uint64_t offset);
  void visit(Operation &op);
  void visit(RankConstantOp op);
  void visit(InstructionOpInterface op);
  void visit(EitherOp op);
  void visit(BesideOp op);
  void visit(WaitOp op);
  std::unique_ptr<fb::InstructionT> translate(InstructionOpInterface op);
  std::vector<uint32_t> resultsOf(EitherOp op);

  fb::OperationUnion operation(LaunchOp op);
  fb::OperationUnion operation(MatmulOp op);
  fb::OperationUnion operation(ConvOp op);
  fb::OperationUnion operation(CopyOp op);
  fb::OperationUnion operation(CollectiveOp op);
  fb::OperationUnion operation(WaitOp op);
};

} // namespace

static std::unique_ptr<fb::BindingT> bind(StringRef name, uint32_t buffer) {
  auto binding = std::make_unique<fb::BindingT>();
  binding->name = name.str();
  binding->buffer = buffer;
  return binding;
}

template <typename Table>
static fb::OperationUnion makeUnion(Table table) {
  fb::OperationUnion operation;
  operation.Set(std::move(table));
  return operation;
}

void ProgramTranslator::addBuffer(Value value, const std::string &name,
                                  uint64_t offset) {
  auto type = cast<MemRefType>(value.getType());
  auto buffer = std::make_unique<fb::BufferT>();
  buffer->name = name;
  buffer->dtype = dtypeOf(type);
  buffer->shape = type.getShape().vec();
  buffer->offset = offset;
  indices[value] = result->buffers.size();
  result->buffers.push_back(std::move(buffer));
}

void ProgramTranslator::visit(RankConstantOp op) {
  addBuffer(op.getBuffer(), locationName(op.getLoc()), *op.getOffset());
  auto constant = std::make_unique<fb::RankConstantT>();
  constant->buffer = indexOf(op.getBuffer());
  constant->value = std::make_unique<fb::RankIntegerT>();
  constant->value->base = op.getBase();
  constant->value->per_rank = op.getPerRank();
  constant->value->threshold = op.getThreshold();
  constant->value->below = op.getBelow();
  constant->value->per_capped_rank = op.getPerCappedRank();
  result->constants.push_back(std::move(constant));
}

std::unique_ptr<fb::InstructionT>
ProgramTranslator::translate(InstructionOpInterface op) {
  auto instruction = std::make_unique<fb::InstructionT>();
  instruction->operation =
      llvm::TypeSwitch<Operation *, fb::OperationUnion>(op)
          .Case<LaunchOp, MatmulOp, ConvOp, CopyOp, CollectiveOp, WaitOp>(
              [&](auto known) { return operation(known); });
  instruction->location = locationName(op.getLoc());
  if (CostAttr cost = op.getPredictedCost()) {
    instruction->cost = std::make_unique<fb::CostT>();
    instruction->cost->flops = cost.getFlops();
    instruction->cost->bytes_read = cost.getRead();
    instruction->cost->bytes_written = cost.getWritten();
    instruction->cost->bytes_sent = cost.getSent();
  }
  return instruction;
}

void ProgramTranslator::visit(InstructionOpInterface op) {
  instructions[op] = result->instructions.size();
  result->instructions.push_back(translate(op));
}

/// What of `writes` is no scratch memory: buffers that every form writes.
std::vector<uint32_t> ProgramTranslator::resultsOf(EitherOp op) {
  std::vector<uint32_t> results;
  for (int64_t at : op.getWrites()) {
    Value buffer = op.getBuffers()[at];
    auto writes = [&](InstructionOpInterface instruction) {
      return llvm::any_of(instruction->getOpOperands(), [&](OpOperand &use) {
        return use.get() == buffer &&
               instruction.writesOperand(use.getOperandNumber());
      });
    };
    bool always = llvm::all_of(op.getForms(), [&](Region &form) {
      return llvm::any_of(form.front().getOps<InstructionOpInterface>(),
                          writes);
    });
    if (always)
      results.push_back(indexOf(buffer));
  }
  return results;
}

/// The first form is the program's, the others go beside it.
void ProgramTranslator::visit(EitherOp op) {
  uint32_t first = result->instructions.size(), count = 0;
  for (auto instruction :
       op.getForms().front().front().getOps<InstructionOpInterface>()) {
    visit(instruction);
    ++count;
  }
  auto forms =
      llvm::zip(op.getForms(), op.getRequirements().getAsRange<StringAttr>());
  for (auto [form, requirement] : llvm::drop_begin(forms)) {
    auto alternative = std::make_unique<fb::AlternativeT>();
    alternative->first = first;
    alternative->count = count;
    alternative->requires_ = requirement.str();
    alternative->results = resultsOf(op);
    for (auto instruction : form.front().getOps<InstructionOpInterface>())
      alternative->instructions.push_back(translate(instruction));
    result->alternatives.push_back(std::move(alternative));
  }
}

/// Its instructions are the program's.
void ProgramTranslator::visit(BesideOp op) {
  auto branch = std::make_unique<fb::BranchT>();
  branch->first = result->instructions.size();
  for (auto instruction : op.getBody().getOps<InstructionOpInterface>())
    visit(instruction);
  branch->count = result->instructions.size() - branch->first;
  for (int64_t at : op.getWrites())
    branch->writes.push_back(indexOf(op.getBuffers()[at]));
  branches[op] = result->branches.size();
  result->branches.push_back(std::move(branch));
}

/// What waits for a branch is no instruction: the branch says where it ends.
void ProgramTranslator::visit(WaitOp op) {
  auto branch = branches.find(op.getStarted());
  if (branch == branches.end())
    return visit(cast<InstructionOpInterface>(*op));
  result->branches[branch->second]->end = result->instructions.size();
}

void ProgramTranslator::visit(Operation &op) {
  llvm::TypeSwitch<Operation *>(&op)
      .Case([&](InputOp input) {
        addBuffer(input.getBuffer(), input.getName().str(), *input.getOffset());
        result->inputs.push_back(
            bind(input.getName(), indexOf(input.getBuffer())));
      })
      .Case([&](OutputOp output) {
        result->outputs.push_back(
            bind(output.getName(), indexOf(output.getBuffer())));
      })
      .Case([&](StateOp state) {
        auto variable = symbols.lookup<VariableOp>(state.getVariable());
        addBuffer(state.getBuffer(), state.getVariable().str(),
                  *variable.getOffset());
      })
      .Case([&](AllocOp alloc) {
        addBuffer(alloc.getBuffer(), locationName(alloc.getLoc()),
                  *alloc.getOffset());
      })
      .Case([&](ViewOp view) {
        MemRefType type = view.getBuffer().getType();
        uint32_t source = indexOf(view.getSource());
        addBuffer(view.getBuffer(), locationName(view.getLoc()),
                  result->buffers[source]->offset +
                      view.getFrom() * type.getElementTypeBitWidth() / 8);
        // A view of the whole covers what its source is or covers.
        MemRefType whole = view.getSource().getType();
        if (byteSize(type) != byteSize(whole) ||
            type.getElementType() != whole.getElementType())
          return;
        std::vector<uint32_t> parts = result->buffers[source]->parts;
        result->buffers.back()->parts =
            parts.empty() ? std::vector<uint32_t>{source} : parts;
      })
      .Case([&](SpanOp span) {
        addBuffer(span.getBuffer(), locationName(span.getLoc()),
                  result->buffers[indexOf(span.getParts()[0])]->offset);
        for (Value part : span.getParts())
          result->buffers.back()->parts.push_back(indexOf(part));
      })
      .Case<RankConstantOp, EitherOp, BesideOp, WaitOp, InstructionOpInterface>(
          [&](auto known) { visit(known); });
}

std::unique_ptr<fb::ProgramT> ProgramTranslator::translate() {
  result->name = program.getSymName().str();
  result->batch = program.getBatch();
  for (Operation &op : program.getBody().front())
    visit(op);
  return std::move(result);
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

fb::OperationUnion ProgramTranslator::operation(LaunchOp op) {
  fb::LaunchT launch;
  launch.kernel = kernels.lookup(op.getKernel().getLeafReference());
  for (Value argument : op.getArguments())
    launch.arguments.push_back(indexOf(argument));
  launch.extent = op.getExtent();
  if (ArrayAttr numbers = op.getNumbersAttr())
    for (Attribute number : numbers)
      launch.numbers.push_back(bitsOf(number));
  launch.transfer = isTransfer(op);
  if (launch.transfer)
    launch.writes.assign(op.getWrites().begin(), op.getWrites().end());
  return makeUnion(std::move(launch));
}

fb::OperationUnion ProgramTranslator::operation(MatmulOp op) {
  MemRefType lhs = op.getLhs().getType(), out = op.getOut().getType();
  int64_t rank = out.getRank();
  fb::MatmulT matmul;
  matmul.lhs = indexOf(op.getLhs());
  matmul.rhs = indexOf(op.getRhs());
  matmul.out = indexOf(op.getOut());
  matmul.m = out.getDimSize(rank - 2);
  matmul.n = out.getDimSize(rank - 1);
  matmul.k = lhs.getDimSize(rank - (op.getTransposeLhs() ? 2 : 1));
  matmul.transpose_lhs = op.getTransposeLhs();
  matmul.transpose_rhs = op.getTransposeRhs();
  matmul.accumulate = op.getAccumulate();
  matmul.batch = op.getBatch();
  return makeUnion(std::move(matmul));
}

fb::OperationUnion ProgramTranslator::operation(ConvOp op) {
  ArrayRef<int64_t> input = op.getInputType().getShape();
  ArrayRef<int64_t> weights = op.getWeightsType().getShape();
  fb::ConvT conv;
  conv.kind = static_cast<fb::ConvKind>(op.getKind());
  conv.lhs = indexOf(op.getLhs());
  conv.rhs = indexOf(op.getRhs());
  conv.result = indexOf(op.getResult());
  conv.batch = input[0];
  conv.in_height = input[1];
  conv.in_width = input[2];
  conv.in_channels = input[3];
  conv.out_channels = weights[0];
  conv.kernel = weights[1];
  conv.stride = op.getStride();
  conv.padding = op.getPadding();
  conv.groups = op.getGroups();
  return makeUnion(std::move(conv));
}

fb::OperationUnion ProgramTranslator::operation(CopyOp op) {
  fb::CopyT copy;
  copy.source = indexOf(op.getSource());
  copy.target = indexOf(op.getTarget());
  return makeUnion(std::move(copy));
}

fb::OperationUnion ProgramTranslator::operation(CollectiveOp op) {
  fb::CollectiveT collective;
  collective.kind = static_cast<fb::CollectiveKind>(op.getKind());
  collective.source = indexOf(op.getSource());
  collective.target = indexOf(op.getTarget());
  return makeUnion(std::move(collective));
}

fb::OperationUnion ProgramTranslator::operation(WaitOp op) {
  fb::WaitT wait;
  wait.transfer = instructions.at(op.getStarted());
  return makeUnion(std::move(wait));
}

//===----------------------------------------------------------------------===//
// Variants and the whole
//===----------------------------------------------------------------------===//

/// Whether the passes that a plan file needs have run.
static LogicalResult requireCompiled(ModuleOp module) {
  if (!module->hasAttr(arenaBytesAttrName))
    return module.emitError("a plan file needs plan-assign-memory");
  if (!module->hasAttr(kernelIrAttrName) &&
      !module->hasAttr(kernelCudaAttrName))
    return module.emitError("a plan file needs codegen-llvm or codegen-cuda");
  auto result = module.walk([](Operation *op) {
    auto check = [](auto op) {
      return op.getOffset() ? WalkResult::advance()
                            : (op.emitOpError("has no offset: a plan file "
                                              "needs plan-assign-memory"),
                               WalkResult::interrupt());
    };
    return llvm::TypeSwitch<Operation *, WalkResult>(op)
        .Case<VariableOp, InputOp, RankConstantOp, AllocOp>(check)
        .Default(WalkResult::advance());
  });
  return failure(result.wasInterrupted());
}

/// A module's attribute of that name, empty without it.
static std::string textOf(ModuleOp module, StringRef name) {
  auto text = module->getAttrOfType<StringAttr>(name);
  return text ? text.str() : "";
}

static FailureOr<std::unique_ptr<fb::VariantT>>
translate(const PlanVariant &source) {
  ModuleOp module = source.module;
  if (failed(requireCompiled(module)))
    return failure();
  auto variant = std::make_unique<fb::VariantT>();
  variant->precision = source.precision;
  variant->requires_ = source.requiredFeature;
  variant->recomputed = source.recomputed;
  variant->arena_bytes =
      module->getAttrOfType<IntegerAttr>(arenaBytesAttrName).getInt();
  if (auto hostBytes = module->getAttrOfType<IntegerAttr>(hostBytesAttrName))
    variant->host_bytes = hostBytes.getInt();
  variant->kernel_ir = textOf(module, kernelIrAttrName);
  variant->kernel_cuda = textOf(module, kernelCudaAttrName);
  for (auto variable : module.getOps<VariableOp>())
    variant->variables.push_back(translate(variable, worldSize(module)));
  llvm::StringMap<uint32_t> kernels;
  for (auto op : module.getOps<KernelOp>()) {
    kernels[op.getSymName()] = variant->kernels.size();
    auto kernel = std::make_unique<fb::KernelT>();
    kernel->name = op.getSymName().str();
    kernel->arguments = op.getArguments();
    kernel->description = op.getDescription().str();
    kernel->threads = op.getThreads().value_or(0);
    kernel->shared = op.getShared().value_or(0);
    for (TensorMapAttr map : op.tensorMaps())
      kernel->tensor_maps.emplace_back(uint32_t(map.getArgument()),
                                       uint32_t(map.getRows()),
                                       uint32_t(map.getColumns()));
    for (Type type : op.numberTypes())
      kernel->numbers.push_back(dtypeOf(type));
    variant->kernels.push_back(std::move(kernel));
  }
  SymbolTable symbols(module);
  for (auto program : module.getOps<ProgramOp>())
    variant->programs.push_back(
        ProgramTranslator(program, kernels, symbols).translate());
  return variant;
}

std::unique_ptr<fb::ProgramT> pfc::plan::translateProgram(ProgramOp program) {
  SymbolTable symbols(program->getParentOfType<ModuleOp>());
  return ProgramTranslator(program, /*kernels=*/{}, symbols).translate();
}

/// SHA-256, in hex.
static std::string hashOf(StringRef text) {
  auto digest = llvm::SHA256::hash(
      ArrayRef(reinterpret_cast<const uint8_t *>(text.data()), text.size()));
  return llvm::toHex(digest, /*LowerCase=*/true);
}

/// The first version of the format that executes it right.
static uint32_t formatVersion(ArrayRef<PlanVariant> variants,
                              const fb::SettingsT &settings) {
  uint32_t version = settings.schedule_gamma > 0 ? 2 : 1;
  auto needs = [&](bool feature, uint32_t first) {
    version = std::max(version, feature ? first : 1);
  };
  for (const PlanVariant &variant : variants) {
    ModuleOp module = variant.module;
    module.walk([&](ConvOp conv) { needs(conv.getGroups() > 1, 3); });
    module.walk([&](MatmulOp product) { needs(product.getBatch() > 1, 4); });
  }
  return version;
}

FailureOr<std::string>
pfc::plan::translateToFlatBuffer(ArrayRef<PlanVariant> variants,
                                 const PlanHeader &header) {
  ModuleOp first = variants.front().module;
  fb::PlanT plan;
  plan.format_version = formatVersion(variants, header.settings);
  plan.compiler_version = header.compilerVersion;
  plan.name = header.name;
  plan.spec_text = header.specText;
  plan.spec_hash = hashOf(header.specText);
  plan.world_size = worldSize(first);
  plan.device = header.device;
  plan.settings = std::make_unique<fb::SettingsT>(header.settings);
  for (const PlanVariant &source : variants) {
    auto variant = translate(source);
    if (failed(variant))
      return failure();
    plan.variants.push_back(std::move(*variant));
  }
  flatbuffers::FlatBufferBuilder builder;
  fb::FinishPlanBuffer(builder, fb::Plan::Pack(builder, &plan));
  flatbuffers::Verifier verifier(builder.GetBufferPointer(), builder.GetSize());
  if (!fb::VerifyPlanBuffer(verifier))
    return first.emitError("its plan is no valid FlatBuffer: it is too large "
                           "for the file format");
  return std::string(reinterpret_cast<const char *>(builder.GetBufferPointer()),
                     builder.GetSize());
}
