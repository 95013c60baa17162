// Contractions as calls of gemm.h.
#pragma once
#include "codegen/cpu/plan.h"

namespace flashlight::codegen::cpu {

/// A tile of values at its first element, and what one step along each axis adds.
struct Operand {
  std::string base;
  std::map<Expr, Stride> strides;
  bool panelled = false;  // along its last axis
  bool padded = true;     // whole register blocks may be read
  Stride stride(Expr axis) const;
};

/// A statement whose body is one load of memory with indices affine in its axes, as it lies there.
std::optional<Operand> operand_in_memory(const tile::Statement& s, const Plan& plan,
                                         const Scope& scope);

/// check.cpp: of the indices of such a statement that come from memory.
void print_checks(Writer& out, const Plan& plan, const Scope& scope, const tile::Statement& s);

/// "text * stride"
std::string product(const std::string& text, const Stride& stride);

/// How the accumulator starts: overwritten, kept, or scaled per row first.
struct Accumulate {
  bool keep = false;
  std::optional<Array> scale;
};

/// False where the layout of an operand or of the result asks for plain loops instead.
/// `direct`: operands that are read in memory as they lie, by name.
bool print_contraction(Writer& out, const Plan& plan, const Scope& scope,
                       const std::map<std::string, const tile::Statement*>& direct,
                       const tile::Contraction& c, const Accumulate& how);

/// The body of the same reduction for plain loops.
Expr contraction_body(const tile::Contraction& c, const Scope& scope, ir::Type type);

}  // namespace flashlight::codegen::cpu
