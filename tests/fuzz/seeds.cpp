// SPDX-License-Identifier: Apache-2.0
// Writes what the fuzz targets start from: fuzz_seeds <folder>; always the same files, in <folder>/<target>/.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <action_images/codec_io.hpp>

#include "../tensor/torch_archive.hpp"

using namespace action_images;

namespace {

Camera camera_at(double x, Distortion distortion = {}) {
  Eigen::Matrix3d intrinsics;
  intrinsics << -71.5, 0, 32, 0, -71.5, 24, 0, 0, 1;
  Eigen::Matrix4d pose = Eigen::Matrix4d::Identity();
  pose(0, 3) = x;
  return {intrinsics, pose, 64, 48, std::move(distortion)};
}

/// Files of one target, numbered.
class Seeds {
 public:
  explicit Seeds(const std::filesystem::path& folder) : folder_(folder) {
    std::filesystem::create_directories(folder_);
  }

  void add(std::string_view text) { write_file(folder_ / text_of("seed_", count_++), text, "fuzz::seeds"); }

 private:
  std::filesystem::path folder_;
  int count_ = 0;
};

std::string camera_params(const Rig& rig) {
  nlohmann::ordered_json frames;
  for (std::size_t t = 0; t < rig.frames(); ++t) {
    frames["000" + std::to_string(t)] = {
        {"intrinsics", detail::json_from_matrix(rig.camera(0, t).intrinsics())},
        {"extrinsics", detail::json_from_matrix(rig.camera(0, t).world_from_camera().matrix())}};
  }
  return frames.dump();
}

// A safetensors file: the header's length, the header, the data.
std::string safetensors(const std::string& header, const std::string& data) {
  return torch_archive::Bytes().add(std::uint64_t{header.size()}).add(header).add(data).text();
}

void write_weights(const std::filesystem::path& folder) {
  const std::string eight_bytes(8, '\1');
  Seeds files(folder / "safetensors");
  files.add(safetensors(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", eight_bytes));
  files.add(safetensors(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"BOOL","shape":[2,2],"data_offsets":[4,8]},
    "b":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"c":{"dtype":"U8","shape":[2,1],"data_offsets":[2,4]}})",
                        eight_bytes));
  files.add(safetensors(R"({"x":{"dtype":"I64","shape":[0,5],"data_offsets":[0,0]}})", ""));

  const std::string pickle = torch_archive::pickle_of_two_floats();
  const std::string nested = std::string("\x80\2}") + torch_archive::text_instruction("state_dict") +
                             pickle.substr(2, pickle.size() - 3) + "s.";
  Seeds archives(folder / "torch_file"), pickles(folder / "torch_pickle");
  for (const std::string& text : {pickle, nested}) {
    archives.add(torch_archive::archive_of(text, eight_bytes));
    pickles.add(text);
  }
}

// An object with an array of numpy, and a list that shares a text.
void write_pickles(const std::filesystem::path& folder) {
  using torch_archive::text_instruction;
  const std::string dtype = "cnumpy\ndtype\n" + text_instruction("f8") + "\x89\x88\x87R(K\3" + text_instruction("<") +
                            "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" + std::string(1, '\0') + "tb";
  const std::string array = "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK" + std::string(1, '\0') +
                            "\x85" "C\1b\x87R(K\1K\1\x85" + dtype + "\x89" "C\10" "12345678tb";
  Seeds pickles(folder / "pickle_data");
  pickles.add("\x80\4" "crlbench.demo\nDemo\n)\x81}" + text_instruction("pose") + array + "sb.");
  pickles.add("\x80\2]q\1(" + text_instruction("open the drawer") + "q\2h\2N\x88K\5e.");
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "corpus";
  const Camera fisheye = camera_at(0.5, {LensModel::fisheye, {0.1, 0.01, 0, 0}});
  const Rig still({camera_at(0), camera_at(0.5, {LensModel::brown_conrady, {0.1, 0.01, 0, 0, 0.2}})});
  const Rig moving = Rig::moving({{camera_at(0), camera_at(0.1), camera_at(0.25)}, {fisheye}});

  write_weights(folder);
  write_pickles(folder);

  Seeds rigs(folder / "rig_file");
  rigs.add(text_from_rig(still));
  rigs.add(text_from_rig(moving));
  rigs.add(
      R"({"version": 1, "views": [{"width": 8, "height": 8, "axes": "ros", "intrinsics": [[9, 0, 4], [0, 9, 4], [0, 0, 1]],
    "world_from_camera": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}]})");
  rigs.add(camera_params(moving));

  Seeds params(folder / "camera_params");
  params.add(camera_params(moving));
  params.add(camera_params(still));

  Seeds trajectories(folder / "trajectory_file");
  const Trajectory actions{{{0.1, -0.2, 0.3}, {3.1, -1.5, 0.5}, 1.0}, {{1e-9, 2, 1.0 / 3}, {0, 0.25, -3}, 0.5}};
  for (const ActionFormat format :
       {ActionFormat::euler, ActionFormat::quaternion, ActionFormat::rotation_6d, ActionFormat::matrix}) {
    trajectories.add(csv_from_trajectory(actions, format));
  }
  trajectories.add(csv_from_trajectory(actions, ActionFormat::quaternion, GripperValue::closed));
  trajectories.add("1,2,3,0,0,0,1\r\n1,2,3,0,0,0,1e-3\r\n");
  trajectories.add("frame,\"x\",y,z,ex,ey,ez,openness,time\n0, 1, +2,3,0,0,0,1,0.5\n\n");
}
