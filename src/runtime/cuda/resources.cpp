#include "runtime/cuda/resources.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace flashlight::runtime::cuda {
namespace {

/** The number that stands before `unit` in the line, or 0. */
int number_before(const std::string& line, const std::string& unit) {
  const size_t at = line.find(unit);
  if (at == std::string::npos || at == 0) return 0;
  size_t begin = line.find_last_of(" ,", at - 1);
  begin = begin == std::string::npos ? 0 : begin + 1;
  return std::atoi(line.substr(begin, at - begin).c_str());
}

void raise(int& figure, int seen) { figure = std::max(figure, seen); }

}  // namespace

Resources parse_resources(const std::string& log) {
  Resources out;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("(C75") != std::string::npos) out.wgmma_losses.push_back(line);
    raise(out.stack, number_before(line, " bytes stack frame"));
    raise(out.spill_stores, number_before(line, " bytes spill stores"));
    raise(out.spill_loads, number_before(line, " bytes spill loads"));
    if (line.find("Used ") == std::string::npos) continue;
    raise(out.registers, number_before(line, " registers"));
    raise(out.shared, number_before(line, " bytes smem"));
    raise(out.barriers, number_before(line, " barriers"));
  }
  return out;
}

std::string print(const Resources& r) {
  std::string out = std::to_string(r.registers) + " registers, " + std::to_string(r.spills()) +
                    " bytes spilled, " + std::to_string(r.stack) + " bytes of stack, " +
                    std::to_string(r.barriers) + " barriers";
  if (r.shared != 0) out += ", " + std::to_string(r.shared) + " bytes of static shared memory";
  if (r.serialized()) out += ", wgmma serialised";
  return out;
}

}  // namespace flashlight::runtime::cuda
