// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/load.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/tensor/file_fingerprint.hpp>

namespace action_images {

namespace {

constexpr const char* where = "vggt::load_vggt";
constexpr std::int64_t published_depth = 24;
constexpr std::uint64_t longest_config = 1 << 20;  // [byte]

// The sizes of a tensor that must be there with so many axes.
at::IntArrayRef sizes_of(const TensorMap& tensors, const std::string& name, std::int64_t axes) {
  const auto found = tensors.find(name);
  check<FormatError>(found != tensors.end() && found->second.defined(), where, name,
                     "VGGT's tensors under their published names", "no tensor of that name");
  const bool fits = found->second.dim() == axes && found->second.numel() > 0;
  check<FormatError>(fits, where, name, text_of(axes, " axes"), shape_text(found->second.sizes()));
  return found->second.sizes();
}

std::int64_t count_blocks(const TensorMap& tensors, const std::string& prefix) {
  std::int64_t blocks = 0;
  while (tensors.count(text_of(prefix, blocks, ".norm1.weight")) > 0) ++blocks;
  return blocks;
}

std::array<std::int64_t, 4> taps_of(std::int64_t depth) {
  if (depth == published_depth) return VggtConfig().taps;
  std::array<std::int64_t, 4> taps{};
  for (std::int64_t i = 0; i < 4; ++i)
    taps[static_cast<std::size_t>(i)] = std::max<std::int64_t>((i + 1) * depth / 4 - 1, 0);
  return taps;
}

std::int64_t side_of_table(std::int64_t rows) {
  const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(rows - 1))));
  check<FormatError>(side * side == rows - 1, where, "aggregator.patch_embed.pos_embed", "1 + a square number of rows",
                     rows);
  return side;
}

std::int64_t divided(std::int64_t width, std::int64_t part, const char* name) {
  check<FormatError>(width % part == 0, where, name, text_of("a divisor of ", width), part);
  return width / part;
}

VggtConfig config_of_shapes(const TensorMap& tensors) {
  VggtConfig config;
  const auto patch = sizes_of(tensors, "aggregator.patch_embed.patch_embed.proj.weight", 4);
  config.embed = patch[0];
  config.patch = patch[3];
  config.img_size = side_of_table(sizes_of(tensors, "aggregator.patch_embed.pos_embed", 3)[1]) * config.patch;
  config.reg = sizes_of(tensors, "aggregator.register_token", 4)[2];
  config.dino_depth = count_blocks(tensors, "aggregator.patch_embed.blocks.");
  config.depth = count_blocks(tensors, "aggregator.frame_blocks.");
  const char* const norm = "aggregator.frame_blocks.0.attn.q_norm.weight";
  config.heads = divided(config.embed, sizes_of(tensors, norm, 1)[0], norm);
  config.cam_depth = count_blocks(tensors, "camera_head.trunk.");
  config.cam_heads = config.heads;
  config.features = sizes_of(tensors, "depth_head.scratch.layer1_rn.weight", 4)[0];
  for (std::size_t i = 0; i < 4; ++i) {
    config.out_channels[i] = sizes_of(tensors, text_of("depth_head.projects.", i, ".weight"), 4)[0];
  }
  config.taps = taps_of(config.depth);
  return config;
}

// What a config.json beside the weights says in our words; published ones have other keys, of what shapes tell.
nlohmann::json config_beside(const std::filesystem::path& weights) {
  const auto file = (std::filesystem::is_directory(weights) ? weights : weights.parent_path()) / "config.json";
  nlohmann::json known = nlohmann::json::object();
  if (!std::filesystem::is_regular_file(file)) return known;
  const auto object =
      nlohmann::json::parse(read_file(file, longest_config, where), nullptr, /*allow_exceptions=*/false);
  check<FormatError>(object.is_object(), where, file.string(), "an object of JSON", "something else");
  for (const char* key : {"cam_heads", "taps"}) {
    if (object.contains(key)) known[key] = object[key];
  }
  return known;
}

bool is_trunk(std::string_view name) { return name.starts_with("aggregator."); }

// The tensors where and as the network wants them; those that are there already are not copied.
TensorMap placed(const MappedWeights& weights, TensorMap tensors, const VggtLoadOptions& options) {
  LoadProgress progress;
  for (const auto& [name, tensor] : tensors) progress.total += tensor.nbytes();
  const auto advance = [&](std::uint64_t bytes) {
    progress.done += bytes;
    if (options.progress && !options.progress(progress))
      throw Interrupted("[vggt::load_vggt] stopped by the progress callback");
  };
  for (auto& [name, tensor] : tensors) {
    const at::ScalarType dtype = is_trunk(name) ? options.dtype : at::kFloat;
    const bool ready = tensor.scalar_type() == dtype && tensor.device() == options.device;
    if (ready) {
      advance(tensor.nbytes());
    } else {
      tensor = weights.copy(tensor, dtype, options.device, advance);
    }
  }
  return tensors;
}

void check_options(const VggtLoadOptions& options) {
  const bool floating = options.dtype == at::kFloat || options.dtype == at::kBFloat16 || options.dtype == at::kHalf;
  check(floating, where, "dtype", "float32, bfloat16 or float16", at::toString(options.dtype));
  const bool there = options.device.is_cpu() || (options.device.is_cuda() && at::hasCUDA());
  check(there, where, "device", "the CPU or a CUDA device of this machine", options.device.str());
}

}  // namespace

VggtConfig vggt_config_from_tensors(const TensorMap& tensors, const nlohmann::json& known) {
  nlohmann::json fields = vggt_config_json(config_of_shapes(tensors));
  for (const char* key : {"cam_heads", "taps"}) {
    if (known.contains(key)) fields[key] = known[key];
  }
  try {
    return vggt_config(fields);
  } catch (const ValueError& error) {  // shapes that no network has
    throw FormatError(error.what());
  }
}

VggtConfig vggt_config_from_tensors(const TensorMap& tensors) {
  return vggt_config_from_tensors(tensors, nlohmann::json::object());
}

std::filesystem::path vggt_weights_path(const std::filesystem::path& path) {
  check<FormatError>(std::filesystem::exists(path), where, path.string(), "a file of weights, or a folder with one",
                     "nothing there");
  for (const char* name : {"model.safetensors", "model.pt", "vggt_1B_commercial.pt"}) {
    if (std::filesystem::is_regular_file(path / name)) return path / name;
  }
  return path;
}

VggtConfig vggt_config_of(const std::filesystem::path& path, const VggtLoadOptions& options) {
  if (options.config) return *options.config;
  const std::filesystem::path file = vggt_weights_path(path);
  return vggt_config_from_tensors(MappedWeights(file).tensors(), config_beside(file));
}

std::string vggt_identity(const std::filesystem::path& path, const VggtLoadOptions& options) {
  const std::filesystem::path file = vggt_weights_path(path);
  const MappedWeights weights(file);
  std::string identity;
  for (const auto& part : weights.files()) {
    const auto written = std::filesystem::last_write_time(part).time_since_epoch().count();
    identity += text_of(file_fingerprint(part), ' ', written, '\n');
  }
  const nlohmann::json config = options.config ? vggt_config_json(*options.config) : config_beside(file);
  return text_of(identity, config.dump(), '\n', at::toString(options.dtype), ' ', options.device.str());
}

Vggt load_vggt(const std::filesystem::path& path, const VggtLoadOptions& options) {
  check_options(options);
  const std::filesystem::path file = vggt_weights_path(path);
  const MappedWeights weights(file);
  TensorMap tensors = vggt_tensors(weights.tensors());
  for (const auto& [name, tensor] : tensors) {
    check<FormatError>(tensor.is_floating_point(), where, name, "floating-point numbers",
                       at::toString(tensor.scalar_type()));
  }
  const VggtConfig config = options.config ? *options.config : vggt_config_from_tensors(tensors, config_beside(file));
  Vggt(config, Parameters(tensors));  // says what does not fit before anything is copied
  return Vggt(config, Parameters(placed(weights, std::move(tensors), options)));
}

}  // namespace action_images
