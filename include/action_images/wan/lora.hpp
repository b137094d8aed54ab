// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

/// Low-rank changes of a transformer's weights, to be merged into them (Hu et al., arXiv 2106.09685):
///
///     W <- W + scale s B A,   s = alpha / rank  (rank-stabilised: alpha / sqrt(rank);  1 without an alpha)
///
/// Names are those of PEFT and diffusers ("transformer.blocks.0.attn1.to_q.lora_A.weight", "base_model.model. ..."), of
/// the published networks ("diffusion_model.blocks.0.self_attn.q.lora_down.weight" with "... .alpha") and of kohya
/// ("lora_unet_blocks_0_self_attn_q.lora_up.weight"); "... .diff" and "... .diff_b" are added to a weight and a bias as
/// they are.
class Lora {
 public:
  struct Scaling {
    std::optional<double> alpha = {};  ///< of modules that hold none themselves
    bool rank_stabilised = false;
  };

  /// @throws FormatError that lists all names that are no part of a LoRA, and all matrices without their other half;
  ///         DoRA's magnitudes are refused by name.
  explicit Lora(const TensorMap& tensors, const Scaling& scaling);
  explicit Lora(const TensorMap& tensors) : Lora(tensors, Scaling()) {}

  /// Reads a file of weights, or PEFT's folder; alpha also from diffusers' metadata in the file's header, or from
  /// PEFT's adapter_config.json beside it.
  /// @throws FormatError as load_tensors and the constructor, or if the configuration has ranks or alphas by module.
  static Lora load(const std::filesystem::path& path);

  /// @throws FormatError that lists all parameters that it changes and `tensors`, under Wan's names, do not have, and
  ///         all of another shape.
  void check_fit(const TensorMap& tensors) const;

  /// Whether a parameter, by Wan's name, is changed. @throws nothing.
  bool changes(const std::string& name) const;

  /// The changed parameter in its own dtype, computed in float32, with its shape; `scale` 0 leaves it as it is.
  at::Tensor merged(const std::string& name, const at::Tensor& parameter, double scale = 1.0) const;

 private:
  friend class LoraReader;

  struct Change {
    at::Tensor down, up;    ///< A (rank, in ...) and B (out, rank ...)
    at::Tensor difference;  ///< or the whole change
    std::optional<double> alpha;
    std::string name;  ///< as in the file, for messages
  };

  const Change* find(const std::string& name) const;
  at::Tensor change(const Change& change) const;

  std::map<std::string, Change> changes_;  ///< by Wan's name of the parameter; kohya's with '_' for '.'
  Scaling scaling_;
};

/// The tensors, under Wan's names, with a LoRA merged into them; those that it changes are new ones.
/// @throws FormatError as Lora::check_fit; ValueError unless the scale is finite.
TensorMap merge_lora(TensorMap tensors, const Lora& lora, double scale = 1.0);

}  // namespace action_images
