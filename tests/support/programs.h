// Text programs that several tests use, and random inputs for any program.
#pragma once
#include <random>
#include <string>

#include "ir/interpret.h"
#include "ir/program.h"

namespace flashlight::test {

/// Softmax attention as PyTorch spells it: heads in a flat dimension, keepdim statistics, one
/// batched product per contraction, the mask as index arithmetic, heads merged at the end.
inline const char* kCausalAttention = R"(
symbol B = 2
symbol S = 9
input q : f32[B, S, 12]
input k : f32[B, S, 12]
input v : f32[B, S, 12]
compute qh[b:B, h:3, i:S, d:4] : f32 = q[b, i, h*4+d]
compute kh[b:B, h:3, i:S, d:4] : f32 = k[b, i, h*4+d]
compute vh[b:B, h:3, i:S, d:4] : f32 = v[b, i, h*4+d]
compute qm[x:B*3, i:S, d:4] : f32 = qh[x//3, x%3, i, d]
compute km[x:B*3, i:S, d:4] : f32 = kh[x//3, x%3, i, d]
compute s[x:B*3, i:S, j:S] : f32 = sum[d:4] qm[x,i,d]*km[x,j,d]
compute s4[b:B, h:3, i:S, j:S] : f32 = s[b*3+h, i, j] * 0.5
compute mask[i:S, j:S] : bool = j <= i
compute sm[b:B, h:3, i:S, j:S] : f32 = where(mask[i,j], s4[b,h,i,j], -inf)
compute m[b:B, h:3, i:S, o:1] : f32 = max[j:S] sm[b,h,i,j]
compute e[b:B, h:3, i:S, j:S] : f32 = exp(sm[b,h,i,j] - m[b,h,i,0])
compute l[b:B, h:3, i:S, o:1] : f32 = sum[j:S] e[b,h,i,j]
compute p[b:B, h:3, i:S, j:S] : f32 = e[b,h,i,j] / l[b,h,i,0]
compute pm[x:B*3, i:S, j:S] : f32 = p[x//3, x%3, i, j]
compute vm[x:B*3, i:S, d:4] : f32 = vh[x//3, x%3, i, d]
compute o[x:B*3, i:S, d:4] : f32 = sum[j:S] pm[x,i,j]*vm[x,j,d]
compute ot[b:B, i:S, h:3, d:4] : f32 = o[b*3+h, i, d]
compute om[b:B, i:S, f:12] : f32 = ot[b, i, f//4, f%4]
output om
)";

/// P[i, j] = softmax of the scores along `over`: "j" (keys), "i" (queries) or "h" (heads).
inline std::string softmax_over(const std::string& over) {
  std::string stat = over == "j"   ? "b:1, h:3, i:7, j:1"
                     : over == "i" ? "b:1, h:3, i:1, j:11"
                                   : "b:1, h:1, i:7, j:11";
  std::string at = over == "j" ? "b,h,i,0" : over == "i" ? "b,h,0,j" : "b,0,i,j";
  auto reduce = [&](const std::string& name, const std::string& op, std::string of) {
    std::string axis = over + over + ":" + (over == "j" ? "11" : over == "i" ? "7" : "3");
    std::string index = over == "j" ? "b,h,i,jj" : over == "i" ? "b,h,ii,j" : "b,hh,i,j";
    return "compute " + name + "[" + stat + "] : f32 = " + op + "[" + axis + "] " + of + "[" +
           index + "]\n";
  };
  return "input q : f32[1, 3, 7, 4]\ninput k : f32[1, 3, 11, 4]\ninput v : f32[1, 3, 11, 5]\n"
         "compute s[b:1, h:3, i:7, j:11] : f32 = sum[d:4] q[b,h,i,d]*k[b,h,j,d]\n" +
         reduce("m", "max", "s") + "compute e[b:1, h:3, i:7, j:11] : f32 = exp(s[b,h,i,j] - m[" +
         at + "])\n" + reduce("l", "sum", "e") +
         "compute p[b:1, h:3, i:7, j:11] : f32 = e[b,h,i,j] / l[" + at +
         "]\n"
         "compute o[b:1, h:3, i:7, c:5] : f32 = sum[j:11] p[b,h,i,j]*v[b,h,j,c]\noutput o\n";
}

inline std::vector<ir::Array> random_inputs(const ir::Program& p, const ir::Bindings& sizes,
                                            unsigned seed = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  std::vector<ir::Array> out;
  for (const ir::Input& i : p.inputs) {
    std::vector<int64_t> shape;
    for (ir::Expr e : i.shape) shape.push_back(ir::evaluate(e, sizes));
    out.push_back(ir::make_array(shape));
    bool boolean = i.dtype == ir::DType::Bool;
    for (double& x : out.back().data)
      x = boolean ? double(normal(generator) > 0) : normal(generator);
  }
  return out;
}

inline double largest_error(const std::vector<ir::Array>& a, const std::vector<ir::Array>& b) {
  double worst = 0;
  for (size_t k = 0; k < a.size(); ++k)
    for (size_t e = 0; e < a[k].data.size(); ++e) {
      double x = a[k].data[e], y = b[k].data[e];
      if (std::isnan(x) && std::isnan(y)) continue;
      worst = std::max(worst, x == y ? 0 : std::abs(x - y) / (1 + std::abs(y)));
      if (std::isnan(x) != std::isnan(y)) return INFINITY;
    }
  return worst;
}

}  // namespace flashlight::test
