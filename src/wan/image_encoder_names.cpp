// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <action_images/core/check.hpp>
#include <action_images/wan/image_encoder.hpp>

namespace action_images {

namespace {

constexpr auto where = "wan::wan_image_encoder_tensors";

using Renamed = std::pair<std::string_view, std::string_view>;

// transformers' names below "vision_model." (which may be left out) and, of a layer, below "encoder.layers.N."
constexpr Renamed outside_layers[] = {
    {"embeddings.class_embedding", "cls_embedding"},
    {"embeddings.position_embedding.weight", "pos_embedding"},
    {"embeddings.patch_embedding.weight", "patch_embedding.weight"},
    {"pre_layrnorm.weight", "pre_norm.weight"},
    {"pre_layrnorm.bias", "pre_norm.bias"},
};
constexpr Renamed inside_layer[] = {
    {"layer_norm1.", "norm1."}, {"self_attn.out_proj.", "attn.proj."},
    {"layer_norm2.", "norm2."}, {"mlp.fc1.", "mlp.0."},
    {"mlp.fc2.", "mlp.2."},
};

bool remove_prefix(std::string_view& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  return true;
}

// The number that a name begins with, as in "12.norm1.weight", which is taken off with its dot.
std::optional<std::int64_t> remove_index(std::string_view& name) {
  std::int64_t index = 0;
  const auto [end, error] = std::from_chars(name.begin(), name.end(), index);
  if (error != std::errc() || end == name.end() || *end != '.') return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(end - name.begin()) + 1);
  return index;
}

// Collects the tensors of one checkpoint under the published names.
class Collection {
 public:
  explicit Collection(const WanImageEncoderConfig& config) : config_(config) {}

  void add(const std::string& full_name, const at::Tensor& tensor) {
    std::string_view name = full_name;
    remove_prefix(name, "model.");
    if (name.starts_with("textual.") || name == "log_scale") return;
    if (name.starts_with("visual.")) {
      if (!is_unused(name)) put(std::string(name), tensor);
    } else {
      remove_prefix(name, "vision_model.");
      add_of_transformers(full_name, name, tensor);
    }
  }

  TensorMap take() && {
    for (auto& [name, parts] : joined_) {
      for (const at::Tensor& part : parts) {
        check<FormatError>(part.defined(), where, name, "q, k and v", "less than these three");
        const bool equal = part.dim() > 0 && part.sizes() == parts[0].sizes();
        check<FormatError>(equal, where, name, "q, k and v of one shape", shape_text(part.sizes()));
      }
      put(name, at::cat(parts, 0));
    }
    return std::move(tensors_);
  }

 private:
  void put(const std::string& name, const at::Tensor& tensor) {
    const bool fresh = tensors_.emplace(name, tensor).second;
    check<FormatError>(fresh, where, name, "one tensor of this meaning", "two");
  }

  bool is_unused(std::string_view name) const {
    if (name == "visual.head" || name.starts_with("visual.post_norm.")) return true;
    return remove_prefix(name, "visual.transformer.") && remove_index(name) == config_.num_layers - 1;
  }

  void add_of_transformers(const std::string& full_name, std::string_view name, const at::Tensor& tensor) {
    if (name.starts_with("post_layernorm.") || name == "embeddings.position_ids" ||
        name == "visual_projection.weight") {
      return;
    }
    for (const auto& [theirs, published] : outside_layers) {
      if (name != theirs) continue;
      const bool bare = published.find('.') == std::string_view::npos;  // (dim) or (tokens, dim): (1, tokens, dim)
      put(text_of("visual.", published),
          bare && tensor.numel() > 1 ? tensor.reshape({1, -1, tensor.size(-1)}) : tensor);
      return;
    }
    const bool in_layer = remove_prefix(name, "encoder.layers.");
    const auto layer = in_layer ? remove_index(name) : std::nullopt;
    if (layer == config_.num_layers - 1) return;
    if (!layer || !add_of_layer(text_of("visual.transformer.", *layer, '.'), name, tensor)) {
      put(full_name, tensor);
    }
  }

  bool add_of_layer(const std::string& layer, std::string_view name, const at::Tensor& tensor) {
    for (const auto& [theirs, published] : inside_layer) {
      std::string_view rest = name;
      if (!remove_prefix(rest, theirs)) continue;
      put(text_of(layer, published, rest), tensor);
      return true;
    }
    for (const std::size_t part : {0, 1, 2}) {
      std::string_view rest = name;
      if (!remove_prefix(rest, text_of("self_attn.", "qkv"[part], "_proj."))) continue;
      joined_[text_of(layer, "attn.to_qkv.", rest)][part] = tensor;
      return true;
    }
    return false;
  }

  const WanImageEncoderConfig& config_;
  TensorMap tensors_;
  std::map<std::string, std::array<at::Tensor, 3>> joined_;  // q, k, v of a layer
};

}  // namespace

TensorMap wan_image_encoder_tensors(const TensorMap& tensors, const WanImageEncoderConfig& config) {
  Collection collection(config);
  for (const auto& [name, tensor] : tensors) collection.add(name, tensor);
  return std::move(collection).take();
}

}  // namespace action_images
