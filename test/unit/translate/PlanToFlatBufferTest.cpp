//===- PlanToFlatBufferTest.cpp - Every field of a plan, by hand ----------===//
#include "dialects/plan/translate/PlanToFlatBuffer.h"

#include "mlir/Parser/Parser.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/RankInteger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fb = pfc::plan::fb;
using namespace pfc::plan;

namespace {

/// One program with every kind of instruction on three ranks; 7 rows of class
/// centers, so that rank 0 has 3 and the others 2.
constexpr const char *source = R"mlir(
module attributes {plan.arena_bytes = 4096 : i64,
                   plan.kernel_ir = "; no code"} {
  shard.grid @ranks(shape = 3)
  plan.variable @conv.weight parameter init <normal, 0.5, 0.25> at 0
      {exported, state_dict = #pfc.export<view = [2, 1, 1, 4]
       perm = [0, 3, 1, 2] shape = [2, 4, 1, 1]>} : memref<2x1x1x4xf32>
  plan.variable @head.momentum optimizer_state init <constant, 0.0, 0.0>
      rows 7 at 64 : memref<3x4xf32>
  plan.kernel @first arguments 1 description "one"
  plan.kernel @second arguments 2 description "cast, scale"
  plan.program @train_step batch 2 {
    %images = plan.input "images" at 128 : memref<2x3x3x4xi8>
    %w = plan.state @conv.weight : memref<2x1x1x4xf32>
    %c = plan.rank_constant base 1 per_rank 2 threshold 3 below 4
        per_capped_rank 5 at 256 : memref<1xi64>
    %x = plan.alloc at 512 : memref<2x3x3x4xf32> loc("stem")
    %y = plan.alloc at 1024 : memref<2x2x2x2xf32>
    %v = plan.view %y : memref<2x2x2x2xf32> to memref<2x8xf32>
    %p = plan.alloc at 1536 : memref<8x8xf32>
    %all = plan.alloc at 2048 : memref<6x8xf32>
    plan.launch @kernels::@second(%images, %x) extent 2 writes [1]
        {cost = #plan.cost<flops = 1, read = 2, written = 3, sent = 4>}
        : memref<2x3x3x4xi8>, memref<2x3x3x4xf32> loc("stem.cast")
    plan.conv forward %x, %w, %y stride 2 padding 0
        : memref<2x3x3x4xf32>, memref<2x1x1x4xf32>, memref<2x2x2x2xf32>
        loc(fused["conv", "bias"])
    plan.matmul %v, %v, %p {transpose_lhs}
        : memref<2x8xf32>, memref<2x8xf32>, memref<8x8xf32>
    %t = plan.collective all_gather %v, %all : memref<2x8xf32>, memref<6x8xf32>
    plan.copy %x, %x : memref<2x3x3x4xf32>, memref<2x3x3x4xf32>
    plan.wait %t
    %q = plan.alloc at 1792 : memref<16xf32>
    %s = plan.span %p, %q : memref<8x8xf32>, memref<16xf32> to memref<80xf32>
        loc("bucket")
    plan.collective all_reduce_sum %s, %s : memref<80xf32>, memref<80xf32>
    plan.output "products", %p : memref<8x8xf32>
  }
}
)mlir";

class PlanToFlatBufferTest : public testing::Test {
protected:
  PlanToFlatBufferTest() {
    context.loadDialect<PlanDialect>();
    header.name = "job";
    header.compilerVersion = "1.2.3";
    header.specText = "abc";
    header.settings.backbone = "r18";
    header.settings.embedding_size = 8;
    header.settings.input_height = header.settings.input_width = 3;
    header.settings.input_channels = 4;
    header.settings.classes = 7;
    header.settings.batch_per_rank = 2;
    header.settings.verification = {"a.bin", "b.bin"};
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse(const char *text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }

  /// The plan of `source` as bf16 for AMX, then fp32.
  const fb::Plan &translateSource() {
    module = parse(source);
    auto result = translateToFlatBuffer(
        {{*module, "bf16", "amx_bf16"}, {*module, "fp32", ""}}, header);
    EXPECT_TRUE(mlir::succeeded(result));
    bytes = *result;
    return pfc::rt::verifyPlan(
        reinterpret_cast<const std::byte *>(bytes.data()), bytes.size(),
        "test plan");
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  PlanHeader header;
  std::string bytes;
};

std::vector<int64_t> values(const flatbuffers::Vector<int64_t> *vector) {
  return {vector->begin(), vector->end()};
}

} // namespace

TEST_F(PlanToFlatBufferTest, Header) {
  const fb::Plan &plan = translateSource();
  EXPECT_EQ(plan.format_version(), 1u);
  EXPECT_EQ(plan.name()->str(), "job");
  EXPECT_EQ(plan.compiler_version()->str(), "1.2.3");
  EXPECT_EQ(plan.spec_text()->str(), "abc");
  // FIPS 180-4's example.
  EXPECT_EQ(plan.spec_hash()->str(), "ba7816bf8f01cfea414140de5dae2223"
                                     "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(plan.world_size(), 3);
  EXPECT_EQ(plan.device()->str(), "cpu");
  EXPECT_EQ(plan.settings()->backbone()->str(), "r18");
  EXPECT_EQ(plan.settings()->verification()->Get(1)->str(), "b.bin");
  ASSERT_EQ(plan.variants()->size(), 2u);
  EXPECT_EQ(plan.variants()->Get(0)->precision()->str(), "bf16");
  EXPECT_EQ(plan.variants()->Get(0)->requires_()->str(), "amx_bf16");
  EXPECT_EQ(plan.variants()->Get(1)->precision()->str(), "fp32");
  EXPECT_EQ(plan.variants()->Get(1)->arena_bytes(), 4096u);
  EXPECT_EQ(plan.variants()->Get(1)->kernel_ir()->str(), "; no code");
}

TEST_F(PlanToFlatBufferTest, Variables) {
  const auto &variables = *translateSource().variants()->Get(0)->variables();
  ASSERT_EQ(variables.size(), 2u);
  const fb::Variable &conv = *variables[0];
  EXPECT_EQ(conv.name()->str(), "conv.weight");
  EXPECT_EQ(conv.dtype(), fb::DType_F32);
  EXPECT_EQ(values(conv.shape()), (std::vector<int64_t>{2, 1, 1, 4}));
  EXPECT_EQ(conv.role(), fb::Role_Parameter);
  EXPECT_EQ(conv.init()->kind(), fb::InitKind_Normal);
  EXPECT_EQ(conv.init()->a(), 0.5f);
  EXPECT_EQ(conv.init()->b(), 0.25f);
  EXPECT_EQ(conv.shard(), nullptr);
  EXPECT_EQ(conv.offset(), 0u);
  EXPECT_TRUE(conv.exported());
  EXPECT_EQ(values(conv.export_shape()), (std::vector<int64_t>{2, 4, 1, 1}));
  EXPECT_EQ(conv.export_perm()->Get(1), 3);

  const fb::Variable &head = *variables[1];
  EXPECT_EQ(head.role(), fb::Role_OptimizerState);
  EXPECT_EQ(head.offset(), 64u);
  EXPECT_FALSE(head.exported());
  ASSERT_NE(head.shard(), nullptr);
  EXPECT_EQ(head.shard()->rows(), 7);
  // 7 = 3 + 2 + 2.
  int64_t firsts[] = {0, 3, 5}, counts[] = {3, 2, 2};
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(pfc::rt::rankInteger(*head.shard()->first(), rank), firsts[rank]);
    EXPECT_EQ(pfc::rt::rankInteger(*head.shard()->count(), rank), counts[rank]);
  }
}

TEST_F(PlanToFlatBufferTest, BuffersAndBindings) {
  const fb::Variant &variant = *translateSource().variants()->Get(0);
  EXPECT_EQ(variant.kernels()->Get(1)->description()->str(), "cast, scale");
  const fb::Program &program = *variant.programs()->Get(0);
  EXPECT_EQ(program.name()->str(), "train_step");
  EXPECT_EQ(program.batch(), 2);
  const auto &buffers = *program.buffers();
  ASSERT_EQ(buffers.size(), 10u); // images w c x y v p all q s
  uint64_t offsets[] = {128, 0, 256, 512, 1024, 1024, 1536, 2048, 1792, 1536};
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(buffers[i]->offset(), offsets[i]) << i;
  EXPECT_EQ(buffers[6]->parts(), nullptr);
  EXPECT_EQ(buffers[9]->name()->str(), "bucket");
  EXPECT_EQ(values(buffers[9]->shape()), (std::vector<int64_t>{80}));
  ASSERT_EQ(buffers[9]->parts()->size(), 2u);
  EXPECT_EQ(buffers[9]->parts()->Get(0), 6u);
  EXPECT_EQ(buffers[9]->parts()->Get(1), 8u);
  EXPECT_EQ(buffers[0]->dtype(), fb::DType_U8);
  EXPECT_EQ(buffers[0]->name()->str(), "images");
  EXPECT_EQ(buffers[1]->name()->str(), "conv.weight");
  EXPECT_EQ(buffers[2]->dtype(), fb::DType_I64);
  EXPECT_EQ(buffers[3]->name()->str(), "stem");
  EXPECT_EQ(values(buffers[5]->shape()), (std::vector<int64_t>{2, 8}));
  ASSERT_EQ(program.inputs()->size(), 1u);
  EXPECT_EQ(program.inputs()->Get(0)->name()->str(), "images");
  EXPECT_EQ(program.inputs()->Get(0)->buffer(), 0u);
  ASSERT_EQ(program.outputs()->size(), 1u);
  EXPECT_EQ(program.outputs()->Get(0)->name()->str(), "products");
  EXPECT_EQ(program.outputs()->Get(0)->buffer(), 6u);
  ASSERT_EQ(program.constants()->size(), 1u);
  EXPECT_EQ(program.constants()->Get(0)->buffer(), 2u);
  // On rank 2: 1 + 2·2 + 4 + 5·2.
  EXPECT_EQ(pfc::rt::rankInteger(*program.constants()->Get(0)->value(), 2), 19);
}

TEST_F(PlanToFlatBufferTest, Instructions) {
  const auto &instructions =
      *translateSource().variants()->Get(0)->programs()->Get(0)->instructions();
  ASSERT_EQ(instructions.size(), 7u);
  const fb::Launch &launch = *instructions[0]->operation_as_Launch();
  EXPECT_EQ(launch.kernel(), 1u);
  EXPECT_EQ(launch.arguments()->Get(0), 0u);
  EXPECT_EQ(launch.arguments()->Get(1), 3u);
  EXPECT_EQ(launch.extent(), 2);
  EXPECT_EQ(instructions[0]->location()->str(), "stem.cast");
  EXPECT_EQ(instructions[0]->cost()->flops(), 1u);
  EXPECT_EQ(instructions[0]->cost()->bytes_read(), 2u);
  EXPECT_EQ(instructions[0]->cost()->bytes_written(), 3u);
  EXPECT_EQ(instructions[0]->cost()->bytes_sent(), 4u);

  const fb::Conv &conv = *instructions[1]->operation_as_Conv();
  EXPECT_EQ(instructions[1]->location()->str(), "conv, bias");
  EXPECT_EQ(instructions[1]->cost(), nullptr);
  EXPECT_EQ(conv.kind(), fb::ConvKind_Forward);
  EXPECT_EQ(conv.batch(), 2);
  EXPECT_EQ(conv.in_height(), 3);
  EXPECT_EQ(conv.in_channels(), 4);
  EXPECT_EQ(conv.out_channels(), 2);
  EXPECT_EQ(conv.kernel(), 1);
  EXPECT_EQ(conv.stride(), 2);
  EXPECT_EQ(conv.padding(), 0);
  EXPECT_EQ(conv.result(), 4u);

  const fb::Matmul &matmul = *instructions[2]->operation_as_Matmul();
  EXPECT_EQ(matmul.m(), 8);
  EXPECT_EQ(matmul.n(), 8);
  EXPECT_EQ(matmul.k(), 2);
  EXPECT_EQ(matmul.batch(), 1);
  EXPECT_TRUE(matmul.transpose_lhs());
  EXPECT_FALSE(matmul.transpose_rhs());

  const fb::Collective &gather = *instructions[3]->operation_as_Collective();
  EXPECT_EQ(gather.kind(), fb::CollectiveKind_AllGather);
  EXPECT_EQ(gather.source(), 5u);
  EXPECT_EQ(gather.target(), 7u);
  const fb::Copy &copy = *instructions[4]->operation_as_Copy();
  EXPECT_EQ(copy.source(), 3u);
  EXPECT_EQ(copy.target(), 3u);
  EXPECT_EQ(instructions[5]->operation_as_Wait()->transfer(), 3u);
  EXPECT_EQ(instructions[6]->operation_as_Collective()->source(), 9u);
}

/// A batch is of format 4: a program that ignored it would make one product.
TEST_F(PlanToFlatBufferTest, ABatchOfProducts) {
  for (auto [matrices, format] : {std::pair{"6", 4u}, {"1", 1u}}) {
    std::string text = R"mlir(
module attributes {plan.arena_bytes = 2048 : i64, plan.kernel_ir = "; none"} {
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<Gx4x3xf32>
    %y = plan.alloc at 512 : memref<Gx4x5xf32>
    %z = plan.alloc at 1024 : memref<Gx3x5xf32>
    plan.matmul %x, %y, %z {transpose_lhs}
        : memref<Gx4x3xf32>, memref<Gx4x5xf32>, memref<Gx3x5xf32>
  }
})mlir";
    for (size_t at; (at = text.find('G')) != std::string::npos;)
      text.replace(at, 1, matrices);
    module = parse(text.c_str());
    ASSERT_TRUE(module);
    auto bytes = translateToFlatBuffer({{*module, "fp32", ""}}, header);
    ASSERT_TRUE(mlir::succeeded(bytes));
    const fb::Plan &plan =
        pfc::rt::verifyPlan(reinterpret_cast<const std::byte *>(bytes->data()),
                            bytes->size(), "test plan");
    EXPECT_EQ(plan.format_version(), format);
    const fb::Matmul &matmul = *plan.variants()
                                    ->Get(0)
                                    ->programs()
                                    ->Get(0)
                                    ->instructions()
                                    ->Get(0)
                                    ->operation_as_Matmul();
    EXPECT_EQ(matmul.batch(), std::stoi(matrices));
    EXPECT_EQ(matmul.m(), 3);
    EXPECT_EQ(matmul.n(), 5);
    EXPECT_EQ(matmul.k(), 4);
  }
}

TEST_F(PlanToFlatBufferTest, KernelsForCuda) {
  module = parse("module attributes {plan.arena_bytes = 0 : i64, "
                 "plan.kernel_cuda = \"// none\"} {"
                 "plan.kernel @k arguments 2 maps [#plan.tensor_map<argument = "
                 "1, rows = 128, columns = 32>] numbers [i32, f32] threads 256 "
                 "description \"prelu\"\n"
                 "plan.program @p batch 1 {"
                 "%x = plan.alloc at 0 : memref<4x8xf32>\n"
                 "plan.launch @kernels::@k(%x, %x) extent 98 writes [1] "
                 "numbers [7 : i32, -0.5 : f32] "
                 ": memref<4x8xf32>, memref<4x8xf32> } }");
  ASSERT_TRUE(module);
  header.device = "cuda";
  auto bytes = translateToFlatBuffer({{*module, "bf16", "sm_80"}}, header);
  ASSERT_TRUE(mlir::succeeded(bytes));
  const fb::Plan &plan = *fb::GetPlan(bytes->data());
  EXPECT_EQ(plan.device()->str(), "cuda");
  const fb::Variant &variant = *plan.variants()->Get(0);
  EXPECT_EQ(variant.requires_()->str(), "sm_80");
  EXPECT_EQ(variant.kernel_ir()->str(), "");
  EXPECT_EQ(variant.kernel_cuda()->str(), "// none");
  EXPECT_EQ(variant.kernels()->Get(0)->threads(), 256u);
  EXPECT_THAT(*variant.kernels()->Get(0)->numbers(),
              testing::ElementsAre(fb::DType_I32, fb::DType_F32));
  ASSERT_EQ(variant.kernels()->Get(0)->tensor_maps()->size(), 1u);
  const fb::TensorMap &map = *variant.kernels()->Get(0)->tensor_maps()->Get(0);
  EXPECT_EQ(map.argument(), 1u);
  EXPECT_EQ(map.rows(), 128u);
  EXPECT_EQ(map.columns(), 32u);
  const fb::Launch &launch = *variant.programs()
                                  ->Get(0)
                                  ->instructions()
                                  ->Get(0)
                                  ->operation_as_Launch();
  EXPECT_EQ(launch.extent(), 98);
  EXPECT_THAT(*launch.numbers(), testing::ElementsAre(7, 0xbf000000));
}

/// The first form is among the instructions, the other beside them; what one
/// form alone writes is no result.
TEST_F(PlanToFlatBufferTest, Alternatives) {
  module = parse(R"mlir(
module attributes {plan.arena_bytes = 256 : i64, plan.kernel_cuda = "// none"} {
  plan.kernel @k arguments 2 threads 256 shared 98304 description "both"
  plan.program @p batch 1 {
    %w = plan.input "w" at 0 : memref<16xf32>
    %x = plan.alloc at 64 : memref<16xf32>
    %y = plan.alloc at 128 : memref<16xf32>
    %z = plan.alloc at 192 : memref<16xf32>
    plan.copy %w, %z : memref<16xf32>, memref<16xf32>
    plan.either(%w, %x, %y) writes [1, 2] requires ["", "sm_80"]
        : memref<16xf32>, memref<16xf32>, memref<16xf32> {
      plan.copy %w, %x : memref<16xf32>, memref<16xf32>
      plan.copy %x, %y : memref<16xf32>, memref<16xf32>
    }, {
      plan.launch @k(%w, %y) extent 1 writes [1]
          : memref<16xf32>, memref<16xf32> loc("head")
    }
    plan.copy %y, %z : memref<16xf32>, memref<16xf32>
  }
})mlir");
  ASSERT_TRUE(module);
  header.device = "cuda";
  auto bytes = translateToFlatBuffer({{*module, "bf16", "sm_80"}}, header);
  ASSERT_TRUE(mlir::succeeded(bytes));
  const fb::Program &program =
      *fb::GetPlan(bytes->data())->variants()->Get(0)->programs()->Get(0);
  ASSERT_EQ(program.instructions()->size(), 4u);
  EXPECT_EQ(program.instructions()->Get(2)->operation_as_Copy()->target(), 2u);
  const fb::Variant &variant = *fb::GetPlan(bytes->data())->variants()->Get(0);
  EXPECT_EQ(variant.kernels()->Get(0)->shared(), 98304u);
  ASSERT_EQ(program.alternatives()->size(), 1u);
  const fb::Alternative &alternative = *program.alternatives()->Get(0);
  EXPECT_EQ(alternative.first(), 1u);
  EXPECT_EQ(alternative.count(), 2u);
  EXPECT_EQ(alternative.requires_()->str(), "sm_80");
  EXPECT_THAT(*alternative.results(), testing::ElementsAre(2));
  ASSERT_EQ(alternative.instructions()->size(), 1u);
  const fb::Instruction &launch = *alternative.instructions()->Get(0);
  EXPECT_EQ(launch.location()->str(), "head");
  EXPECT_THAT(*launch.operation_as_Launch()->arguments(),
              testing::ElementsAre(0, 2));
}

// A branch's instructions are among the others; what waits for it is none.
TEST_F(PlanToFlatBufferTest, Branches) {
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
module attributes {plan.arena_bytes = 512 : i64, plan.kernel_cuda = "text"} {
  plan.variable @w parameter init <constant, 0.0, 0.0> at 0 : memref<16xf32>
  plan.program @step batch 1 {
    %x = plan.input "x" at 64 : memref<16xf32>
    %w = plan.state @w : memref<16xf32>
    %y = plan.alloc at 128 : memref<16xf32>
    %z = plan.alloc at 192 : memref<16xf32>
    plan.copy %x, %z : memref<16xf32>, memref<16xf32>
    %t = plan.beside(%x, %y, %w) writes [1, 2]
        : memref<16xf32>, memref<16xf32>, memref<16xf32> {
      plan.copy %x, %y : memref<16xf32>, memref<16xf32>
      plan.copy %y, %w : memref<16xf32>, memref<16xf32>
    }
    plan.copy %x, %z : memref<16xf32>, memref<16xf32>
    plan.wait %t
    plan.copy %z, %y : memref<16xf32>, memref<16xf32>
  }
})mlir");
  ASSERT_TRUE(module);
  header.device = "cuda";
  auto bytes = translateToFlatBuffer({{*module, "fp32", ""}}, header);
  ASSERT_TRUE(mlir::succeeded(bytes));
  const fb::Program &program =
      *fb::GetPlan(bytes->data())->variants()->Get(0)->programs()->Get(0);
  ASSERT_EQ(program.instructions()->size(), 5u);
  EXPECT_EQ(program.instructions()->Get(2)->operation_as_Copy()->target(), 1u);
  ASSERT_EQ(program.branches()->size(), 1u);
  const fb::Branch &branch = *program.branches()->Get(0);
  EXPECT_EQ(branch.first(), 1u);
  EXPECT_EQ(branch.count(), 2u);
  EXPECT_EQ(branch.end(), 4u);
  EXPECT_THAT(*branch.writes(), testing::ElementsAre(2, 1));
}

TEST_F(PlanToFlatBufferTest, AMissingPassIsNamed) {
  struct {
    const char *text, *message;
  } const cases[] = {
      {"module {}", "a plan file needs plan-assign-memory"},
      {"module attributes {plan.arena_bytes = 0 : i64} {}",
       "a plan file needs codegen-llvm or codegen-cuda"},
      {"module attributes {plan.arena_bytes = 64 : i64, plan.kernel_ir = \"\"}"
       "{ plan.program @p batch 1 { %a = plan.alloc : memref<4xf32> } }",
       "'plan.alloc' op has no offset: a plan file needs plan-assign-memory"},
  };
  for (const auto &test : cases) {
    std::string message;
    mlir::ScopedDiagnosticHandler handler(&context,
                                          [&](mlir::Diagnostic &diagnostic) {
                                            message = diagnostic.str();
                                            return mlir::success();
                                          });
    module = parse(test.text);
    ASSERT_TRUE(module);
    EXPECT_TRUE(
        mlir::failed(translateToFlatBuffer({{*module, "fp32", ""}}, header)));
    EXPECT_EQ(message, test.message);
  }
}
