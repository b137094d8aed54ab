// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

/// Layers of Wan's VAE, as functions of (parameters, inputs, memory). Features are (B, T, H, W, C), contiguous, which
/// is torch's channels_last_3d with the axes in the order of memory.
namespace action_images::wan_vae {

/// What one encoder or decoder remembers of a clip's chunks: for every causal layer, in the order of the calls, the
/// last frames of its input. Before the first frame all is zero.
class Memory {
 public:
  /// Begins the next chunk.
  void begin_chunk() {
    first_ = !begun_;
    begun_ = true;
    next_ = 0;
  }

  /// Whether this chunk is the clip's first frame.
  bool first() const { return first_; }

  /// The frames that the next causal layer kept (B, 0 to 2, H, W, C); undefined: none.
  at::Tensor& next() {
    if (next_ == frames_.size()) frames_.emplace_back();
    return frames_[next_++];
  }

 private:
  std::vector<at::Tensor> frames_;
  std::size_t next_ = 0;
  bool begun_ = false, first_ = true;
};

struct Convolution {
  at::Tensor weight;  ///< (out, in, time, height, width) or (out, in, height, width)
  at::Tensor bias;    ///< (out)
};

/// 3 frames x 3 x 3 (or 3 x 1 x 1) pixels, the same size out as in: frame t sees t - 2, t - 1 and t.
at::Tensor causal_convolution(const Convolution& layer, const at::Tensor& x, Memory& memory);

/// A matrix on the channels: kernels of size 1.
at::Tensor pointwise(const Convolution& layer, const at::Tensor& x);

/// x / |x| sqrt(C) gamma over the channels.
at::Tensor normalized(const at::Tensor& gamma, const at::Tensor& x);

/// SiLU of normalized().
at::Tensor activated(const at::Tensor& gamma, const at::Tensor& x);

struct ResidualBlock {
  at::Tensor norm1, norm2;
  Convolution conv1, conv2;
  Convolution shortcut;  ///< undefined where in = out
};

/// x + conv2(act(conv1(act(x)))).
at::Tensor residual_block(const ResidualBlock& block, at::Tensor x, Memory& memory);

struct AttentionBlock {
  at::Tensor norm;
  Convolution qkv, proj;
};

/// Adds the attention of one head among the pixels of each frame.
at::Tensor attention_block(const AttentionBlock& block, at::Tensor x);

/// Halves or doubles height and width, and time too if there is a temporal convolution.
struct Resample {
  Convolution spatial;
  Convolution temporal;  ///< undefined: space only
};

at::Tensor downsample(const Resample& layer, at::Tensor x, Memory& memory);
at::Tensor upsample(const Resample& layer, at::Tensor x, Memory& memory);

/// Factors of a stage's parameter-free shortcut.
struct Shortcut {
  std::int64_t time = 1, space = 1;
  std::int64_t channels = 0;  ///< out
};

/// Means over blocks of time x space x space and over neighbouring channels: (B, T, H, W, C) -> (B, T/time, ...). A
/// clip's first frame is a block with zeros before it.
at::Tensor average_down(const Shortcut& shortcut, const at::Tensor& x);

/// Adds x, every channel repeated in blocks of time x space x space, to y; the clip's first frame gives one frame.
at::Tensor add_duplicated(const Shortcut& shortcut, at::Tensor y, const at::Tensor& x, bool first);

/// (B, C, T, H, W) -> (B, T, H/p, W/p, C p p), channels in the order (c, column, row), and back.
at::Tensor features_from_video(const at::Tensor& video, std::int64_t patch);
at::Tensor video_from_features(const at::Tensor& features, std::int64_t patch);

}  // namespace action_images::wan_vae
