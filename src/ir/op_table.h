// The rows of ops.def as data. Private to src/ir.
#pragma once
#include "ir/node.h"

namespace flashlight::ir {

enum class Rule : uint8_t { Same, Compare, Logic, Float };

struct OpRow {
  const char* text;
  int arity;
  Rule rule;
};

/// Of an op that has a row; the others (Const ... Cast) are an InternalError.
const OpRow& op_row(Op op);

}  // namespace flashlight::ir
