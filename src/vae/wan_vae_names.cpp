// SPDX-License-Identifier: Apache-2.0
#include <action_images/vae/wan_vae_names.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <utility>

#include <action_images/core/check.hpp>

namespace action_images {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// How diffusers numbers the layers of a checkpoint; Wan counts the resamplers among the residual blocks.
struct Layout {
  bool nested = false;                                       // 2.2: by stage and layer, not in one row
  std::map<std::string, std::int64_t, std::less<>> resnets;  // residual blocks by stage, such as "decoder.up_blocks.0"
};

const std::regex stage_resnet(R"(((?:en|de)coder\.(?:down|up)_blocks\.(\d{1,6}))\.resnets\.(\d{1,6})\.(.+))");
const std::regex stage_resample(
    R"(((?:en|de)coder\.(?:down|up)_blocks\.(\d{1,6}))\.(?:downsampler|upsampler|upsamplers\.0)\.(.+))");
const std::regex stage_layer(R"(encoder\.down_blocks\.(\d{1,6})\.(.+))");  // 2.1's encoder: all layers in one row

Layout layout_of(const TensorMap& tensors) {
  Layout layout;
  std::smatch match;
  for (const auto& entry : tensors) {
    const std::string& name = entry.first;
    if (!std::regex_match(name, match, stage_resnet)) continue;
    if (name.starts_with("encoder.")) layout.nested = true;
    std::int64_t& count = layout.resnets[match[1].str()];
    count = std::max<std::int64_t>(count, std::stoll(match[3].str()) + 1);
  }
  return layout;
}

// The name of a residual block's parameter inside the block; others stay.
std::string inner_name(const std::string& name) {
  static const Pairs heads = {{"norm1.", "residual.0."},
                              {"conv1.", "residual.2."},
                              {"norm2.", "residual.3."},
                              {"conv2.", "residual.6."},
                              {"conv_shortcut.", "shortcut."}};
  for (const auto& [theirs, ours] : heads) {
    if (name.starts_with(theirs)) return ours + name.substr(theirs.size());
  }
  return name;
}

// Layer `index` of a stage.
std::string layer_name(const Layout& layout, bool encoder, std::int64_t stage, std::int64_t index) {
  const std::string list = encoder ? "downsamples" : "upsamples", coder = encoder ? "encoder." : "decoder.";
  if (layout.nested) return coder + list + '.' + std::to_string(stage) + '.' + list + '.' + std::to_string(index);
  std::int64_t before = 0;  // each stage before has its residual blocks and a resampler
  for (const auto& [name, count] : layout.resnets) {
    const std::int64_t other = std::stoll(name.substr(name.rfind('.') + 1));
    if (name.starts_with(coder) && other < stage) before += count + 1;
  }
  return coder + list + '.' + std::to_string(before + index);
}

std::string published_name(const std::string& name, const Layout& layout) {
  std::smatch match;
  const bool encoder = name.starts_with("encoder.");
  if (std::regex_match(name, match, stage_resnet)) {
    return layer_name(layout, encoder, std::stoll(match[2]), std::stoll(match[3])) + '.' + inner_name(match[4]);
  }
  if (std::regex_match(name, match, stage_resample)) {
    const auto found = layout.resnets.find(match[1].str());
    const std::int64_t index = found == layout.resnets.end() ? 0 : found->second;
    return layer_name(layout, encoder, std::stoll(match[2]), index) + '.' + match[3].str();
  }
  if (std::regex_match(name, match, stage_layer)) {
    return "encoder.downsamples." + match[1].str() + '.' + inner_name(match[2]);
  }
  static const Pairs heads = {{"mid_block.resnets.0.", "middle.0."},
                              {"mid_block.attentions.0.", "middle.1."},
                              {"mid_block.resnets.1.", "middle.2."},
                              {"conv_in.", "conv1."},
                              {"norm_out.", "head.0."},
                              {"conv_out.", "head.2."}};
  for (const std::string coder : {"encoder.", "decoder."}) {
    for (const auto& [theirs, ours] : heads) {
      const std::string head = coder + theirs;
      if (name.starts_with(head)) return coder + ours + inner_name(name.substr(head.size()));
    }
  }
  if (name.starts_with("quant_conv.")) return "conv1." + name.substr(11);
  if (name.starts_with("post_quant_conv.")) return "conv2." + name.substr(16);
  return name;
}

}  // namespace

TensorMap wan_vae_from_diffusers(const TensorMap& tensors) {
  const Layout layout = layout_of(tensors);
  TensorMap published;
  for (const auto& [name, tensor] : tensors) {
    const std::string ours = published_name(name, layout);
    check<FormatError>(published.emplace(ours, tensor).second, "vae::wan_vae_from_diffusers", "tensors",
                       "one tensor of each name", text_of("two that become ", ours));
  }
  return published;
}

}  // namespace action_images
