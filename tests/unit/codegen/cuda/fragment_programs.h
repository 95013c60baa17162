// Attention as program text, for the paths that compute in fragments: two heads of queries, sizes
// that are symbols, any input type.
#pragma once
#include <string>
#include <vector>

namespace flashlight::test {

/// S rows and S keys (or J of them, `keys`); the last dimensions are constants.
struct FragmentProgram {
  std::string name;
  std::string inputs = "";                   // more of them; "T" is the input type
  std::string score = "s[h,i,j] * 0.125";    // of softmax
  std::string weight = "e[h,i,j] / l[h,i]";  // of value j for row i; without e and l: no softmax
  std::string gate = "a[h,i,c]";             // from the sum of values to the output
  std::string outputs = "output o\n";        // statements and outputs behind o
  std::string keys = "S";
  std::string kv_head = "h";  // of queries' head h
  int kv_heads = 2;
  int dim = 64, value_dim = 64;

  bool softmax() const { return weight.find("e[") != std::string::npos; }
  std::string str(const std::string& type) const {
    const std::string d = std::to_string(dim), c = std::to_string(value_dim),
                      kh = std::to_string(kv_heads), all = "[h:2, i:S, j:" + keys + "]",
                      rows = "[h:2, i:S]";
    std::string out = "symbol S = 100\nsymbol J = 70\ninput q : T[2, S, " + d + "]\ninput k : T[" +
                      kh + ", " + keys + ", " + d + "]\ninput v : T[" + kh + ", " + keys + ", " +
                      c + "]\n" + inputs + "compute s" + all + " : f32 = sum[d:" + d +
                      "] q[h,i,d]*k[" + kv_head + ",j,d]\n";
    if (softmax())
      out += "compute x" + all + " : f32 = " + score + "\ncompute m" + rows +
             " : f32 = max[j:" + keys + "] x[h,i,j]\ncompute e" + all +
             " : f32 = exp(x[h,i,j] - m[h,i])\ncompute l" + rows + " : f32 = sum[j:" + keys +
             "] e[h,i,j]\n";
    out += "compute a[h:2, i:S, c:" + c + "] : f32 = sum[j:" + keys + "] (" + weight + ")*v[" +
           kv_head + ",j,c]\ncompute o[h:2, i:S, c:" + c + "] : T = " + gate + "\n" + outputs;
    return typed(out, type);
  }
  static std::string typed(std::string text, const std::string& type) {
    for (size_t at = 0; (at = text.find(" T", at)) != std::string::npos; at += type.size())
      text.replace(at + 1, 1, type);
    return text;
  }
};

/// Two maps of scores, one sum of values.
inline FragmentProgram two_maps() {
  FragmentProgram p{.name = "two_maps"};
  p.inputs =
      "input q2 : T[2, S, 64]\ninput k2 : T[2, S, 64]\ninput w : T[2]\n"
      "compute s2[h:2, i:S, j:S] : f32 = sum[d:64] q2[h,i,d]*k2[h,j,d]\n"
      "compute m2[h:2, i:S] : f32 = max[j:S] s2[h,i,j]*0.125\n"
      "compute e2[h:2, i:S, j:S] : f32 = exp(s2[h,i,j]*0.125 - m2[h,i])\n"
      "compute l2[h:2, i:S] : f32 = sum[j:S] e2[h,i,j]\n";
  p.weight = "e[h,i,j] / l[h,i] - w[h] * (e2[h,i,j] / l2[h,i])";
  return p;
}

/// Softmax along the rows: what it divides by is a kernel of its own.
inline FragmentProgram over_queries() {
  FragmentProgram p{.name = "over_queries"};
  p.inputs =
      "compute t[h:2, i:S, j:S] : f32 = sum[d:64] q[h,i,d]*k[h,j,d]\n"
      "compute m2[h:2, j:S] : f32 = max[i:S] t[h,i,j]*0.125\n"
      "compute l2[h:2, j:S] : f32 = sum[i:S] exp(t[h,i,j]*0.125 - m2[h,j])\n";
  p.weight = "exp(t[h,i,j]*0.125 - m2[h,j]) / l2[h,j]";
  return p;
}

inline const std::vector<FragmentProgram>& fragment_programs() {
  const std::string s = "s[h,i,j] * 0.125";
  static const std::vector<FragmentProgram> all = {
      {.name = "full"},
      {.name = "causal", .score = "where(j <= i, " + s + ", -inf)"},
      {.name = "window", .score = "where(and(j <= i, i - j < 50), " + s + ", -inf)"},
      {.name = "prefix", .score = "where(or(j <= i, j < 20), " + s + ", -inf)"},
      {.name = "alibi",
       .inputs = "input slope : T[2]\n",
       .score = "where(j <= i, " + s + " + slope[h] * f32(j - i), -inf)"},
      {.name = "softcap", .score = "tanh(s[h,i,j] * 0.00625) * 20.0"},
      {.name = "document",
       .inputs = "input id : i64[S]\n",
       .score = "where(and(id[i] == id[j], j <= i), " + s + ", -inf)"},
      {.name = "grouped", .kv_head = "h//2", .kv_heads = 1},
      {.name = "additive_mask", .inputs = "input b : T[S, S]\n", .score = s + " + b[i,j]"},
      {.name = "pair_bias",  // one line of columns, one tile of elements, a gate
       .inputs = "input mb : T[2, 1, S]\ninput b : T[2, S, S]\ninput g : T[2, S, 64]\n",
       .score = s + " + mb[h,0,j] + b[h,i,j]",
       .gate = "a[h,i,c] * sigmoid(g[h,i,c])"},
      {.name = "two_biases",  // under a mask, one of them scaled and one subtracted
       .inputs = "input mb : T[2, 1, S]\ninput b : T[2, S, S]\n",
       .score = "where(j <= i, b[h,i,j] * 0.5 - mb[h,0,j] + " + s + ", -inf)"},
      {.name = "boolean_mask",
       .inputs = "input b : bool[2, S, S]\n",
       .score = "where(b[h,i,j], " + s + ", -inf)"},
      {.name = "relative_bias",
       .inputs = "input b : T[2, 401]\n",
       .score = s + " + b[h, min(max(j - i, -200), 200) + 200]"},
      {.name = "rectified", .weight = "max(" + s + ", 0.0)"},
      {.name = "sigmoid", .weight = "sigmoid(" + s + " - 1.0)"},
      {.name = "log_sum_exp",
       .outputs = "compute z[h:2, i:S] : f32 = m[h,i] + log(l[h,i])\noutput o\noutput z\n"},
      {.name = "log_sum_exp_alone",
       .outputs = "compute z[h:2, i:S] : f32 = m[h,i] + log(l[h,i])\noutput z\n"},
      {.name = "finite_mask", .score = s + " + where(j <= i, 0.0, -1000000000.0)"},
      {.name = "retention",
       .inputs = "input g : f32[2]\n",
       .weight = "where(j <= i, s[h,i,j] * exp(g[h] * f32(i - j)), 0.0)"},
      {.name = "linear", .weight = "where(j <= i, s[h,i,j], 0.0)"},
      {.name = "cross", .keys = "J"},
      {.name = "strictly_before", .score = "where(j < i, " + s + ", -inf)"},
      {.name = "gate", .inputs = "input g : T[2, S, 64]\n", .gate = "a[h,i,c] * sigmoid(g[h,i,c])"},
      two_maps(),
      over_queries(),
      {.name = "chunked", .score = "where(and(i // 48 == j // 48, j <= i), " + s + ", -inf)"}};
  return all;
}

inline const FragmentProgram& fragment_program(const std::string& name) {
  for (const FragmentProgram& p : fragment_programs())
    if (p.name == name) return p;
  throw std::out_of_range(name);
}

}  // namespace flashlight::test
