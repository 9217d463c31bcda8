#include "runtime/plan/PlanPrint.h"

#include "runtime/plan/PlanFile.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <map>
#include <numeric>

namespace pfc::rt {
namespace {

using namespace plan::fb;

using Text = fmt::memory_buffer;

template <typename... Args>
void line(Text &out, fmt::format_string<Args...> format, Args &&...args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  out.push_back('\n');
}

std::string countText(uint64_t count) {
  static constexpr const char *units[] = {"", "K", "M", "G", "T", "P"};
  double value = static_cast<double>(count);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(units); ++unit)
    value /= 1000;
  return unit == 0 ? std::to_string(count)
                   : fmt::format("{:.2f}{}", value, units[unit]);
}

/// "power 1", "x 0.1 at 8, 12 epochs"
std::string decayOf(const plan::fb::Settings &s) {
  if (const auto *steps = s.milestone_steps(); steps && steps->size() != 0)
    return fmt::format("x {} at {} steps", s.schedule_gamma(),
                       fmt::join(*steps, ", "));
  if (const auto *epochs = s.milestone_epochs(); epochs && epochs->size() != 0)
    return fmt::format("x {} at {} epochs", s.schedule_gamma(),
                       fmt::join(*epochs, ", "));
  return fmt::format("power {}", s.schedule_power());
}

void printSettings(Text &out, const plan::fb::Plan &plan) {
  const Settings &s = *plan.settings();
  line(out, "plan {} (pfcc {}, format {}, spec {:.12})", plan.name()->str(),
       plan.compiler_version()->str(), plan.format_version(),
       plan.spec_hash()->str());
  line(out, "  cluster    {} x {}", plan.world_size(), plan.device()->str());
  line(out, "  backbone   {}, {}x{}x{} -> {}", s.backbone()->str(),
       s.input_height(), s.input_width(), s.input_channels(),
       s.embedding_size());
  line(out, "  head       {} classes, sample rate {}", s.classes(),
       s.sample_rate());
  line(out, "  batch      {} per rank, {} in all", s.batch_per_rank(),
       s.batch_per_rank() * plan.world_size());
  if (s.steps() > 0)
    line(out, "  length     {} steps", s.steps());
  else
    line(out, "  length     {} epochs", s.epochs());
  std::string warmup = s.warmup_steps() > 0
                           ? fmt::format("{} steps", s.warmup_steps())
                           : fmt::format("{} epochs", s.warmup_epochs());
  line(out, "  schedule   lr {}, {}, warmup {}", s.learning_rate(), decayOf(s),
       warmup);
  line(out, "  data       {}{}{}", s.train_data() ? s.train_data()->str() : "",
       s.shuffle() ? ", shuffled" : "", s.flip() ? ", flipped" : "");
  if (s.verification())
    for (const auto *set : *s.verification())
      line(out, "  verify     {}", set->str());
}

const char *roleName(Role role) {
  return role == Role_Parameter ? "parameter"
         : role == Role_Buffer  ? "buffer"
                                : "optimizer";
}

std::string initText(const Init &init) {
  switch (init.kind()) {
  case InitKind_Normal:
    return fmt::format("normal({:g}, {:g})", init.a(), init.b());
  case InitKind_Uniform:
    return fmt::format("uniform({:g}, {:g})", init.a(), init.b());
  default:
    return fmt::format("{:g}", init.a());
  }
}

void printVariables(Text &out, const Variant &variant, bool full) {
  std::map<Role, std::pair<uint64_t, uint64_t>> totals; // elements, bytes
  for (const Variable *v : *variant.variables()) {
    totals[v->role()].first += *checkedElements(*v->shape());
    totals[v->role()].second += byteSize(*v->shape(), v->dtype());
  }
  line(out, "  variables: {}", variant.variables()->size());
  for (const auto &[role, total] : totals)
    line(out, "    {:<10} {:>12} elements {:>12}", roleName(role), total.first,
         bytesText(total.second));
  if (!full)
    return;
  line(out, "    {:>14} {:>12} {:<10} {:<22} {:<20} name", "offset", "size",
       "role", "shape", "init");
  for (const Variable *v : *variant.variables())
    line(out, "    {:>14} {:>12} {:<10} {:<22} {:<20} {}{}", v->offset(),
         bytesText(byteSize(*v->shape(), v->dtype())), roleName(v->role()),
         shapeText(*v->shape(), v->dtype()), initText(*v->init()),
         v->name()->str(),
         v->shard() ? fmt::format("  [of {} rows]", v->shard()->rows()) : "");
}

/// "; 784 0.25": what a launch gives a kernel besides buffers.
std::string numbersText(const Launch &launch, const Kernel &kernel) {
  std::string text;
  for (uint32_t i = 0; launch.numbers() && i < launch.numbers()->size(); ++i) {
    int64_t bits = launch.numbers()->Get(i);
    text += i == 0 ? "; " : " ";
    if (kernel.numbers()->Get(i) == DType_F32)
      text += fmt::format("{}", std::bit_cast<float>(uint32_t(bits)));
    else
      text += fmt::format("{}", bits);
  }
  return text;
}

std::string operationText(const Instruction &i, const Variant &variant) {
  switch (i.operation_type()) {
  case Operation_Launch: {
    const Launch &op = *i.operation_as_Launch();
    const Kernel &kernel = *variant.kernels()->Get(op.kernel());
    return fmt::format("launch {}({}{}) x {}", kernel.name()->str(),
                       fmt::join(*op.arguments(), ", "),
                       numbersText(op, kernel), op.extent());
  }
  case Operation_Matmul: {
    const Matmul &op = *i.operation_as_Matmul();
    return fmt::format("matmul {} {} {}{} * {}{}  [{}x{}x{}{}]", op.out(),
                       op.accumulate() ? "+=" : "=", op.lhs(),
                       op.transpose_lhs() ? "'" : "", op.rhs(),
                       op.transpose_rhs() ? "'" : "", op.m(), op.n(), op.k(),
                       op.batch() > 1 ? fmt::format(" b{}", op.batch()) : "");
  }
  case Operation_Conv: {
    const Conv &op = *i.operation_as_Conv();
    return fmt::format("conv {} {} = {}, {}  [{}x{}x{}x{} -> {}, k{} s{} "
                       "p{}{}]",
                       EnumNameConvKind(op.kind()), op.result(), op.lhs(),
                       op.rhs(), op.batch(), op.in_height(), op.in_width(),
                       op.in_channels(), op.out_channels(), op.kernel(),
                       op.stride(), op.padding(),
                       op.groups() > 1 ? fmt::format(" g{}", op.groups()) : "");
  }
  case Operation_Copy:
    return fmt::format("copy {} = {}", i.operation_as_Copy()->target(),
                       i.operation_as_Copy()->source());
  case Operation_Wait:
    return fmt::format("wait for {}", i.operation_as_Wait()->transfer());
  default: {
    const Collective &op = *i.operation_as_Collective();
    return fmt::format("{} {} = {}", EnumNameCollectiveKind(op.kind()),
                       op.target(), op.source());
  }
  }
}

void printCosts(Text &out, const Program &program) {
  uint64_t flops = 0, read = 0, written = 0, sent = 0;
  for (const Instruction *instruction : *program.instructions())
    if (const Cost *cost = instruction->cost()) {
      flops += cost->flops();
      read += cost->bytes_read();
      written += cost->bytes_written();
      sent += cost->bytes_sent();
    }
  line(out, "    predicted: {}FLOP, {} read, {} written, {} sent",
       countText(flops), bytesText(read), bytesText(written), bytesText(sent));
}

void printBuffers(Text &out, const Program &program) {
  std::vector<uint32_t> order(program.buffers()->size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return program.buffers()->Get(a)->offset() <
           program.buffers()->Get(b)->offset();
  });
  line(out, "    memory map: {:>10} {:>12} {:>7} shape", "offset", "size",
       "buffer");
  for (uint32_t index : order) {
    const auto &b = *program.buffers()->Get(index);
    line(out, "    {:>22} {:>12} {:>7} {:<22} {}", b.offset(),
         bytesText(byteSize(*b.shape(), b.dtype())), index,
         shapeText(*b.shape(), b.dtype()), b.name() ? b.name()->str() : "");
  }
}

void printInstructions(Text &out, const Variant &variant,
                       const Program &program) {
  line(out, "    {:>5} {:>9} {:>10}  instruction", "#", "FLOP", "bytes");
  uint32_t number = 0;
  for (const Instruction *i : *program.instructions()) {
    const Cost *cost = i->cost();
    uint64_t bytes = cost ? cost->bytes_read() + cost->bytes_written() : 0;
    line(out, "    {:>5} {:>9} {:>10}  {}{}", number++,
         countText(cost ? cost->flops() : 0), bytesText(bytes),
         operationText(*i, variant),
         i->location() && i->location()->size() != 0
             ? fmt::format("  ({})", i->location()->str())
             : "");
  }
}

void printAlternatives(Text &out, const Variant &variant,
                       const Program &program) {
  if (!program.alternatives())
    return;
  for (const Alternative *alternative : *program.alternatives()) {
    const std::string chip =
        alternative->requires_() ? alternative->requires_()->str() : "";
    const bool alone = chip.ends_with('a'); // no other chip has it
    line(out, "    or, instead of {} to {}{}:", alternative->first(),
         alternative->first() + alternative->count() - 1,
         chip.empty()
             ? ""
             : fmt::format(", on {}{}", chip, alone ? "" : " or newer"));
    for (const Instruction *i : *alternative->instructions())
      line(out, "    {:>26}  {}", "", operationText(*i, variant));
  }
}

void printBranches(Text &out, const Program &program) {
  if (!program.branches())
    return;
  for (const Branch *branch : *program.branches()) {
    const bool last = branch->end() == program.instructions()->size();
    line(out, "    {} to {} may go on beside those behind them, up to {}",
         branch->first(), branch->first() + branch->count() - 1,
         last ? "the end" : fmt::format("instruction {}", branch->end()));
  }
}

void printBindings(
    Text &out, const char *kind, const Program &program,
    const flatbuffers::Vector<flatbuffers::Offset<Binding>> &bindings) {
  for (const Binding *binding : bindings) {
    const auto &b = *program.buffers()->Get(binding->buffer());
    line(out, "    {:<6} {:<12} {} (buffer {})", kind, binding->name()->str(),
         shapeText(*b.shape(), b.dtype()), binding->buffer());
  }
}

void printProgram(Text &out, const Variant &variant, const Program &program,
                  bool full) {
  line(out, "  program {}: batch {}, {} instructions, {} buffers",
       program.name()->str(), program.batch(), program.instructions()->size(),
       program.buffers()->size());
  printBindings(out, "input", program, *program.inputs());
  printBindings(out, "output", program, *program.outputs());
  printCosts(out, program);
  if (!full)
    return;
  printBuffers(out, program);
  printInstructions(out, variant, program);
  printAlternatives(out, variant, program);
  printBranches(out, program);
}

/// What one launch of a kernel costs, and how many there are in all programs.
struct KernelUse {
  uint32_t launches = 0;
  uint64_t flops = 0, bytes = 0;
};

std::vector<KernelUse> kernelUses(const Variant &variant) {
  std::vector<KernelUse> uses(variant.kernels()->size());
  auto count = [&](const auto &instructions) {
    for (const Instruction *i : instructions)
      if (const Launch *launch = i->operation_as_Launch()) {
        KernelUse &use = uses.at(launch->kernel());
        ++use.launches;
        if (const Cost *cost = i->cost()) {
          use.flops = cost->flops();
          use.bytes = cost->bytes_read() + cost->bytes_written();
        }
      }
  };
  for (const Program *program : *variant.programs()) {
    count(*program->instructions());
    if (program->alternatives())
      for (const Alternative *alternative : *program->alternatives())
        count(*alternative->instructions());
  }
  return uses;
}

void printKernels(Text &out, const Variant &variant) {
  std::vector<KernelUse> uses = kernelUses(variant);
  line(out, "  kernels, each launch as predicted:");
  line(out, "    {:>8} {:>9} {:>10}  name", "launches", "FLOP", "bytes");
  for (uint32_t k = 0; k < uses.size(); ++k) {
    const Kernel &kernel = *variant.kernels()->Get(k);
    line(out, "    {:>8} {:>9} {:>10}  {} ({} buffers)  {}", uses[k].launches,
         countText(uses[k].flops), bytesText(uses[k].bytes),
         kernel.name()->str(), kernel.arguments(),
         kernel.description() ? kernel.description()->str() : "");
  }
}

void printVariant(Text &out, const Variant &variant, bool full) {
  const std::string need =
      variant.requires_() ? variant.requires_()->str() : "";
  const bool cuda = variant.kernel_cuda() && variant.kernel_cuda()->size() != 0;
  const std::string host =
      variant.host_bytes() == 0
          ? ""
          : fmt::format(", host memory {}", bytesText(variant.host_bytes()));
  const std::string recomputed =
      variant.recomputed() ? variant.recomputed()->str() : "";
  line(out, "variant {}{}: arena {}{}, {} kernels ({} of {}){}",
       variant.precision()->str(),
       need.empty() ? "" : fmt::format(" (needs {})", need),
       bytesText(variant.arena_bytes() - variant.host_bytes()), host,
       variant.kernels()->size(),
       bytesText((cuda ? variant.kernel_cuda() : variant.kernel_ir())->size()),
       cuda ? "CUDA C++" : "LLVM IR",
       recomputed.empty() ? "" : fmt::format(", recomputes {}", recomputed));
  printVariables(out, variant, full);
  for (const Program *program : *variant.programs())
    printProgram(out, variant, *program, full);
  printKernels(out, variant);
}

} // namespace

std::string printPlan(const plan::fb::Plan &plan, PlanDetail detail) {
  if (detail == PlanDetail::Spec)
    return plan.spec_text()->str();
  Text out;
  printSettings(out, plan);
  for (const Variant *variant : *plan.variants())
    printVariant(out, *variant, detail == PlanDetail::Full);
  return fmt::to_string(out);
}

bool printPlanFile(const std::string &path, PlanDetail detail,
                   std::string &text) noexcept {
  try {
    text = printPlan(PlanFile::open(path).plan(), detail);
    return true;
  } catch (const std::exception &error) {
    text = error.what();
    return false;
  }
}

} // namespace pfc::rt
