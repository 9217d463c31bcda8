//===- Published.h - Tables that others published ---------------*- C++ -*-===//
#ifndef TOOLS_PFCC_SIMULATE_PUBLISHED_H
#define TOOLS_PFCC_SIMULATE_PUBLISHED_H

#include "Peer.h"

namespace pfc::simulate {

struct PublishedRow {
  std::string backbone;
  PeerJob job;
  bool fitted = false;                  ///< an odd row: not a test
  std::optional<int64_t> rank;          ///< of the memory, if it was said
  std::optional<double> memory, images; ///< MiB a rank; images/s
};

struct PublishedTable {
  std::string title, source, framework, machine;
  std::vector<PublishedRow> rows;
};

/// Those of published.toml.
std::vector<PublishedTable> publishedTables();

} // namespace pfc::simulate

#endif // TOOLS_PFCC_SIMULATE_PUBLISHED_H
