// Attention programs as text, with the lines that tests vary.
#pragma once
#include <string>

namespace flashlight::test {

struct AttentionText {
  std::string inputs;                      // more of them, one per line
  std::string score = "s[b,h,i,j] * 0.3";  // over b, h, i, j; s is the contraction
  std::string type = "f32";
  std::string rows = "S", keys = "S";
  int dim = 8, value_dim = 8;

  std::string str() const {
    const std::string all = "[b:B, h:2, i:" + rows + ", j:" + keys + "]";
    const std::string real = type == "f64" ? "f64" : "f32";
    const std::string d = std::to_string(dim), c = std::to_string(value_dim);
    return "symbol B = 2\nsymbol S = 45\nsymbol J = 70\ninput q : " + type + "[B, 2, " + rows +
           ", " + d + "]\ninput k : " + type + "[B, 2, " + keys + ", " + d +
           "]\ninput v : " + type + "[B, 2, " + keys + ", " + c + "]\n" + inputs + "compute s" +
           all + " : " + real + " = sum[d:" + d + "] q[b,h,i,d]*k[b,h,j,d]\ncompute x" + all +
           " : " + real + " = " + score + "\ncompute m[b:B, h:2, i:" + rows + "] : " + real +
           " = max[j:" + keys + "] x[b,h,i,j]\ncompute e" + all + " : " + real +
           " = exp(x[b,h,i,j] - m[b,h,i])\n" + "compute l[b:B, h:2, i:" + rows + "] : " + real +
           " = sum[j:" + keys + "] e[b,h,i,j]\n" + "compute p" + all + " : " + real +
           " = e[b,h,i,j] / l[b,h,i]\ncompute o[b:B, h:2, i:" + rows + ", c:" + c + "] : " + type +
           " = sum[j:" + keys + "] p[b,h,i,j]*v[b,h,j,c]\noutput o\n";
  }
};

}  // namespace flashlight::test
