#include "Published.h"

#include "frontend/spec/TomlText.h"
#include "llvm/ADT/StringSwitch.h"

using namespace pfc;
using namespace pfc::simulate;

static constexpr char publishedText[] =
#include "published.inc"
    ;

/// The rate that the field samples at.
static constexpr double sampledRate = 0.1;

static PublishedRow readRow(const toml::table &table, int64_t number,
                            bool oneClass) {
  PublishedRow row;
  row.backbone = table["backbone"].value_or("");
  row.fitted = table["row"].value_or(number) % 2 == 1;
  row.memory = table["memory"].value<double>();
  row.images = table["images"].value<double>();
  row.job.method = llvm::StringSwitch<Method>(table["method"].value_or(""))
                       .Case("data", Method::Data)
                       .Case("model", Method::Model)
                       .Default(Method::Sampled);
  row.job.half = table["half"].value_or(true);
  row.job.ranks = table["ranks"].value_or(int64_t{1});
  row.job.wholeBatch = table["batch"].value_or(int64_t{0});
  row.job.classes = table["classes"].value_or(int64_t{0});
  row.job.sampleRate = sampledRate;
  row.rank = table["rank"].value<int64_t>();
  if (oneClass) {
    row.job.mostOwned = row.job.wholeBatch;
    row.job.owned = row.rank == 0 ? row.job.wholeBatch : 0;
  }
  return row;
}

std::vector<PublishedTable> pfc::simulate::publishedTables() {
  const TomlText text = parseToml(publishedText);
  std::vector<PublishedTable> tables;
  for (const toml::node &node : *text.table["table"].as_array()) {
    const toml::table &from = *node.as_table();
    PublishedTable table;
    table.title = from["title"].value_or("");
    table.source = from["source"].value_or("");
    table.framework = from["framework"].value_or("");
    table.machine = from["machine"].value_or("");
    const bool oneClass = from["one_class"].value_or(false);
    int64_t number = 0;
    for (const toml::node &row : *from["rows"].as_array())
      table.rows.push_back(readRow(*row.as_table(), ++number, oneClass));
    tables.push_back(std::move(table));
  }
  return tables;
}
