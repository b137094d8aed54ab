// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/clip_dataset.hpp>

#include <algorithm>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/safetensors.hpp>

namespace action_images {
namespace {

at::Tensor shard_tensor(const SafetensorsFile& file, const std::string& path, const char* name, at::ScalarType dtype,
                        std::int64_t axes) {
  const at::Tensor tensor = file.tensor(name);
  if (tensor.scalar_type() != dtype || tensor.dim() != axes) {
    throw FormatError(expected_text("data::ClipDataset", path + ": " + name, text_of(axes, " axes of ", at::toString(dtype)),
                                    text_of(shape_text(tensor.sizes()), " of ", at::toString(tensor.scalar_type()))));
  }
  return tensor;
}

std::vector<std::string> shard_texts(const SafetensorsFile& file, const std::string& path) {
  const auto& metadata = file.metadata();
  const auto found = metadata.find("texts");
  const auto texts = nlohmann::json::parse(found == metadata.end() ? "" : found->second, nullptr, false);
  if (!texts.is_array()) {
    throw FormatError(expected_text("data::ClipDataset", path, "a JSON list of texts in the metadata", "none"));
  }
  return texts.get<std::vector<std::string>>();
}

}  // namespace

Trajectory ClipShard::trajectory(std::int64_t clip) const {
  const at::Tensor rows = actions[clip].to(at::kDouble).contiguous();
  return trajectory_from_matrix(Eigen::Map<const ActionMatrix>(rows.data_ptr<double>(), rows.size(0), 7));
}

Rig ClipShard::rig(std::int64_t clip) const {
  using RowMatrix3 = Eigen::Matrix<double, 3, 3, Eigen::RowMajor>;
  using RowMatrix4 = Eigen::Matrix<double, 4, 4, Eigen::RowMajor>;
  const at::Tensor k = intrinsics[clip].to(at::kDouble).contiguous();
  const at::Tensor e = world_from_camera[clip].to(at::kDouble).contiguous();
  std::vector<Camera> cameras;
  for (std::int64_t view = 0; view < k.size(0); ++view) {
    cameras.emplace_back(Eigen::Map<const RowMatrix3>(k.data_ptr<double>() + 9 * view),
                         Eigen::Map<const RowMatrix4>(e.data_ptr<double>() + 16 * view),
                         static_cast<int>(video.size(4)), static_cast<int>(video.size(3)));
  }
  return Rig(std::move(cameras));
}

ClipDataset::ClipDataset(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("shard-", 0) == 0 && entry.path().extension() == ".safetensors") shards_.push_back(entry.path());
  }
  std::sort(shards_.begin(), shards_.end());
  if (shards_.empty()) {
    throw FormatError(expected_text("data::ClipDataset", "folder", "a folder with shard-*.safetensors", folder.string()));
  }
}

ClipShard ClipDataset::shard(std::size_t index) const {
  const SafetensorsFile file(shards_.at(index));
  const std::string path = shards_[index].string();
  ClipShard shard{shard_tensor(file, path, "video", at::kByte, 6), shard_tensor(file, path, "actions", at::kFloat, 3),
                  shard_tensor(file, path, "intrinsics", at::kFloat, 4),
                  shard_tensor(file, path, "world_from_camera", at::kFloat, 4), shard_texts(file, path)};
  const auto count = shard.size();
  const bool consistent = shard.actions.size(0) == count && shard.intrinsics.size(0) == count &&
                          shard.world_from_camera.size(0) == count && static_cast<std::int64_t>(shard.texts.size()) == count;
  if (!consistent) throw FormatError(expected_text("data::ClipDataset", path, "equally many of every tensor and text", "others"));
  return shard;
}

}  // namespace action_images
