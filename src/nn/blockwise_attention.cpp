// SPDX-License-Identifier: Apache-2.0
#include "blockwise_attention.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace action_images::nn {

namespace {

constexpr std::int64_t block_bytes = 12 << 20;  // of scores; measured: more than that gains nothing
constexpr std::int64_t least_scores = 1 << 14;  // of a head

bool multiplies_bfloat16() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool supported = __builtin_cpu_supports("avx512bf16");
  return supported;
#else
  return false;
#endif
}

// Queries of a block, a multiple of 32.
std::int64_t block_rows(std::int64_t heads, std::int64_t keys) {
  const std::int64_t row_bytes = heads * keys * static_cast<std::int64_t>(sizeof(at::BFloat16));
  return std::max<std::int64_t>(block_bytes / row_bytes / 32, 2) * 32;
}

}  // namespace

bool blockwise_attention_pays(const at::Tensor& q, const at::Tensor& k) {
  return q.device().is_cpu() && q.scalar_type() == at::kBFloat16 && k.scalar_type() == at::kBFloat16 &&
         !at::GradMode::is_enabled() && q.size(1) * k.size(1) >= least_scores && multiplies_bfloat16();
}

at::Tensor blockwise_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) {
  const std::int64_t queries = q.size(1), heads = q.size(2), width = q.size(3), keys = k.size(1);
  const std::int64_t rows = std::min(block_rows(heads, keys), queries);
  at::Tensor out = at::empty(q.sizes(), q.options());
  const at::Tensor scores = at::empty({heads, rows, keys}, q.options());
  const at::Tensor parts = at::empty({heads, rows, width}, q.options());
  for (std::int64_t sample = 0; sample < q.size(0); ++sample) {
    const auto by_head = [&](const at::Tensor& x) { return x[sample].transpose(0, 1).contiguous(); };
    const at::Tensor queries_of = by_head(q), keys_of = by_head(k).transpose(1, 2), values_of = by_head(v);
    for (std::int64_t first = 0; first < queries; first += rows) {
      const std::int64_t count = std::min(rows, queries - first);
      at::Tensor block = scores.narrow(1, 0, count), part = parts.narrow(1, 0, count);
      if (count < rows) block = at::empty({heads, count, keys}, q.options()), part = at::empty_like(part);
      at::baddbmm_out(block, block, queries_of.narrow(1, first, count), keys_of, /*beta=*/0.0, /*alpha=*/scale);
      at::_softmax_out(block, block, -1, /*half_to_float=*/false);
      at::bmm_out(part, block, values_of);
      out[sample].narrow(0, first, count).copy_(part.transpose(0, 1));
    }
  }
  return out.flatten(2);
}

}  // namespace action_images::nn
