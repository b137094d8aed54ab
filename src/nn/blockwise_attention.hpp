// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace action_images::nn {

/// Whether blockwise_attention() computes these faster than torch: bfloat16 on a CPU that multiplies it, no gradients,
/// and scores large enough to pay for three calls a block. Torch's attention is as slow in bfloat16 as in float32.
bool blockwise_attention_pays(const at::Tensor& q, const at::Tensor& k);

/// softmax(q k^T scale) v by blocks of queries: matrix products in bfloat16, with float32 sums inside of them, and a
/// softmax in float32 of scores that were rounded to bfloat16. The score matrix of one block is in memory at a time.
/// @param q  (B, N, heads, d).   @param k  (B, M, heads, d).   @param v  (B, M, heads, d); all bfloat16.
/// @return (B, N, heads * d).
at::Tensor blockwise_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale);

}  // namespace action_images::nn
