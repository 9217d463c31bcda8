#include "runtime/train/checkpoint/ClassMap.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace pfc::rt {
namespace {

/// No class is more: sums of two don't overflow.
constexpr int64_t largest = int64_t{1} << 52;

class Parser {
public:
  explicit Parser(const std::string &path) : path(path) {}

  std::vector<ClassRun> run(std::string_view text) {
    while (!text.empty()) {
      ++line;
      size_t end = std::min(text.find('\n'), text.size());
      readLine(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    require(!runs.empty(), "{}: a class map without a class", path);
    return ordered();
  }

private:
  template <typename... Args>
  [[noreturn]] void error(fmt::format_string<Args...> format, Args &&...args) {
    fail("{}:{}: {}", path, line,
         fmt::format(format, std::forward<Args>(args)...));
  }

  static std::string_view word(std::string_view &text) {
    constexpr std::string_view blanks = " \t\r";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    std::string_view found = text.substr(0, text.find_first_of(blanks));
    text.remove_prefix(found.size());
    return found;
  }

  std::optional<int64_t> number(std::string_view text) {
    int64_t value = 0;
    const char *end = text.data() + text.size();
    auto [stop, code] = std::from_chars(text.data(), end, value);
    if (code != std::errc() || stop != end || value < 0 || value >= largest)
      return std::nullopt;
    return value;
  }

  void readLine(std::string_view text) {
    text = text.substr(0, text.find('#'));
    std::string_view classes = word(text), from = word(text);
    if (classes.empty())
      return;
    if (from.empty() || !word(text).empty())
      error(
          "not two words: NEW OLD, NEW new, FIRST-LAST OLD or FIRST-LAST new");
    ClassRun run = readClasses(classes);
    if (from != "new") {
      std::optional<int64_t> old = number(from);
      if (!old)
        error("'{:.40}' is neither an old class nor 'new'", from);
      run.from = *old;
    }
    runs.push_back(run);
  }

  ClassRun readClasses(std::string_view text) {
    size_t dash = std::min(text.find('-'), text.size());
    std::optional<int64_t> first = number(text.substr(0, dash));
    std::optional<int64_t> last =
        dash == text.size() ? first : number(text.substr(dash + 1));
    if (!first || !last)
      error("'{:.40}' is neither a class nor FIRST-LAST", text);
    if (*last < *first)
      error("classes {} end before they begin", text);
    return {*first, *last - *first + 1};
  }

  /// By class, with what follows each other joined.
  std::vector<ClassRun> ordered() {
    std::sort(
        runs.begin(), runs.end(),
        [](const ClassRun &a, const ClassRun &b) { return a.first < b.first; });
    std::vector<ClassRun> joined;
    int64_t next = 0;
    for (const ClassRun &run : runs) {
      require(run.first <= next, "{}: class {} has no line", path, next);
      require(run.first == next, "{}: class {} has two lines", path, run.first);
      next = run.end();
      if (!joined.empty() && continues(joined.back(), run))
        joined.back().count += run.count;
      else
        joined.push_back(run);
    }
    return joined;
  }

  static bool continues(const ClassRun &a, const ClassRun &b) {
    return a.isNew() ? b.isNew() : b.from == a.from + a.count;
  }

  const std::string &path;
  int64_t line = 0;
  std::vector<ClassRun> runs;
};

} // namespace

ClassMap::ClassMap(int64_t classes) : runs{{0, classes, 0}} {}

ClassMap ClassMap::parse(std::string_view text, const std::string &path) {
  ClassMap map;
  map.path = path;
  map.runs = Parser(path).run(text);
  return map;
}

ClassMap ClassMap::read(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), "{}: cannot open the class map", path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  require(!file.bad(), "{}: cannot read the class map", path);
  return parse(text, path);
}

int64_t ClassMap::newClasses() const {
  int64_t count = 0;
  for (const ClassRun &run : runs)
    count += run.isNew() ? run.count : 0;
  return count;
}

void ClassMap::checkOld(int64_t oldClasses) const {
  for (const ClassRun &run : runs)
    require(run.isNew() || run.from + run.count <= oldClasses,
            "{}: class {} starts from class {}, but the weights have {}", path,
            run.end() - 1, run.from + run.count - 1, oldClasses);
}

std::vector<ClassRun> ClassMap::cut(int64_t first, int64_t count) const {
  std::vector<ClassRun> result;
  auto run = std::upper_bound(
      runs.begin(), runs.end(), first,
      [](int64_t value, const ClassRun &each) { return value < each.end(); });
  for (; run != runs.end() && run->first < first + count; ++run) {
    int64_t begin = std::max(run->first, first);
    int64_t end = std::min(run->end(), first + count);
    if (begin < end)
      result.push_back({begin, end - begin,
                        run->isNew() ? -1 : run->from + begin - run->first});
  }
  return result;
}

} // namespace pfc::rt
