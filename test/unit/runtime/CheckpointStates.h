//===- CheckpointStates.h - The state of a whole job ------------*- C++ -*-===//
//
// All ranks of a job in one process, only to hold, save and load state.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_TEST_UNIT_RUNTIME_CHECKPOINTSTATES_H
#define PFC_TEST_UNIT_RUNTIME_CHECKPOINTSTATES_H

#include "TrainTest.h"
#include "runtime/base/Error.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/checkpoint/Checkpoint.h"

#include <algorithm>
#include <cstring>
#include <fstream>

namespace pfc::rt::test {

namespace fs = std::filesystem;

/// One of `size` ranks, alone: only to hold state.
class LoneRank : public Communicator {
public:
  LoneRank(int own, int size) : own(own), size(size) {}
  int rank() const override { return own; }
  int worldSize() const override { return size; }
  int localRanks() const override { return 1; }
  int localRank() const override { return 0; }
  void allReduceSum(BufferView, BufferView) override { barrier(); }
  void allGather(BufferView, BufferView) override { barrier(); }
  void reduceScatterSum(BufferView, BufferView) override { barrier(); }
  void broadcast(void *, size_t, int) override { barrier(); }
  void barrier() override { fail("there is no other rank"); }
  void abort(const std::string &why) override { throw Error(why); }

private:
  int own, size;
};

/// The state of a job of `size` ranks, in this process.
class States {
public:
  States(int size, int64_t rows) : test(stateOnly(size, rows)) {
    const plan::fb::Plan &plan = test.finish();
    variant = plan.variants()->Get(0);
    for (int rank = 0; rank < size; ++rank) {
      ranks.push_back(std::make_unique<LoneRank>(rank, size));
      devices.push_back(openDevice("cpu", {1}));
      executors.push_back(std::make_unique<Executor>(
          plan, *variant, *devices.back(), *ranks.back()));
    }
  }

  void initialize(uint64_t seed) {
    for (auto &executor : executors)
      executor->initializeState(seed);
  }

  /// Every byte another one than a load will leave there.
  void poison() {
    for (auto &executor : executors)
      for (const auto *variable : *variant->variables()) {
        std::string name = variable->name()->str();
        std::vector<std::byte> bytes = executor->readVariable(name);
        std::fill(bytes.begin(), bytes.end(), std::byte{0xA5});
        executor->writeVariable(name, bytes.data(), bytes.size());
      }
  }

  /// As the ranks' Checkpointers do.
  void save(const fs::path &path, int64_t step) {
    fs::create_directories(path);
    ModelFolder folder(path.string());
    Manifest manifest;
    manifest.step = step;
    for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
      Snapshot snapshot(*variant, StateScope::All, rank);
      snapshot.take(*executors[rank], step);
      if (rank == 0) {
        snapshot.writeBackbone(folder.backbone());
        manifest.files = {describeFile(path, "backbone.safetensors")};
      }
      std::string shard =
          folder.classCenters(rank, static_cast<int>(ranks.size()));
      snapshot.writeClassCenters(shard);
      ClassRange range = *classRange(*variant, rank);
      manifest.shards.push_back({describeFile(path, fs::path(shard).filename()),
                                 range.first, range.count});
    }
    std::ofstream(path / "manifest.json") << formatManifest(manifest);
  }

  /// With the plan, which tools need.
  void saveWithPlan(const fs::path &path, int64_t step, uint64_t seed) {
    save(path, step);
    Manifest manifest = Checkpoint(path.string()).manifest();
    manifest.seed = seed;
    manifest.precision = "fp32";
    std::vector<std::byte> bytes = test.pack();
    std::ofstream(path / "train.plan", std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    manifest.files.push_back(describeFile(path, "train.plan"));
    std::ofstream(path / "manifest.json") << formatManifest(manifest);
  }

  void load(const fs::path &path) {
    for (size_t rank = 0; rank < ranks.size(); ++rank)
      Checkpoint(path.string())
          .load(*variant, static_cast<int>(rank), *executors[rank]);
  }

  /// Row `row` of a sharded variable, wherever it is.
  std::vector<float> row(const std::string &name, int64_t row) const {
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
      ClassRange range = *classRange(*variant, static_cast<int>(rank));
      if (row < range.first || row >= range.first + range.count)
        continue;
      std::vector<std::byte> bytes = executors[rank]->readVariable(name);
      std::vector<float> values(embeddingSize);
      std::memcpy(values.data(),
                  bytes.data() + static_cast<uint64_t>(row - range.first) *
                                     embeddingSize * sizeof(float),
                  embeddingSize * sizeof(float));
      return values;
    }
    fail("no rank has row {}", row);
  }

  std::string start(const InitialWeights &from) {
    std::string taken;
    for (size_t rank = 0; rank < ranks.size(); ++rank)
      taken = loadInitialWeights(from, *variant, static_cast<int>(rank),
                                 /*seed=*/1, *executors[rank]);
    return taken;
  }

  std::vector<std::byte> replicated(const std::string &name) const {
    return executors.back()->readVariable(name);
  }

  /// Every variable of every rank.
  std::vector<std::vector<std::byte>> contents() const {
    std::vector<std::vector<std::byte>> all;
    for (const auto &executor : executors)
      for (const auto *variable : *variant->variables())
        all.push_back(executor->readVariable(variable->name()->str()));
    return all;
  }

private:
  static TestPlan stateOnly(int size, int64_t rows) {
    TestPlan test = makeTrainPlan(size, rows);
    test.variant().programs.clear();
    test.variant().kernels.clear();
    test.variant().kernel_ir.clear();
    for (auto &variable : test.variant().variables) {
      variable->init->kind = plan::fb::InitKind_Normal;
      variable->init->b = 1;
    }
    return test;
  }

  TestPlan test;
  const plan::fb::Variant *variant = nullptr;
  std::vector<std::unique_ptr<LoneRank>> ranks;
  std::vector<std::unique_ptr<Device>> devices;
  std::vector<std::unique_ptr<Executor>> executors;
};

} // namespace pfc::rt::test

#endif // PFC_TEST_UNIT_RUNTIME_CHECKPOINTSTATES_H
