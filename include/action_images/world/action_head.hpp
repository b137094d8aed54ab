// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/codec/action.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/nn/blocks.hpp>
#include <action_images/nn/parameters.hpp>
#include <action_images/world/packing.hpp>

namespace action_images {

/// Sizes of an action head.
struct ActionHeadConfig {
  std::int64_t views = 2;            ///< V
  std::int64_t channels = 48;        ///< C of the latents
  std::int64_t temporal_stride = 4;  ///< frames of a latent frame, but the first
  std::int64_t latent_pool = 4;      ///< every latent frame is averaged to this height and width
  std::int64_t hidden = 512;         ///< width of the MLP
  std::int64_t layers = 3;           ///< residual layers of the MLP
  double position_scale = 0.1;       ///< unit of the positions that the MLP gives [m]
};

/// Reads a config with the fields' names as keys; absent keys keep their defaults.
/// @throws FormatError on an unknown key or a value of the wrong type; ValueError on one out of range.
ActionHeadConfig action_head_config(const nlohmann::json& config);
/// All fields as JSON; action_head_config() reads it back.
nlohmann::json action_head_config_json(const ActionHeadConfig& config);

/// What was generated of one clip, and what the codec read in its action images. Nothing is owned.
struct ActionHeadClip {
  const at::Tensor& latents;              ///< (C, N, h, w), in the order of the packing
  const Packing& packing;                 ///< of N latent frames; video and actions of all views
  const Rig& rig;                         ///< V cameras; of T frames if it moves
  const Trajectory& decoded;              ///< T = stride k + 1 actions; NaN where there is none
  const std::vector<double>& confidence;  ///< T, 0..1
};

/// Clips as the MLP sees them, float32. Poses are in the frame of the first view's first camera, in OpenCV's axes, so
/// that it does not matter where the world's origin is, nor which form a camera is written in.
struct ActionHeadInputs {
  /// (B, T_l, V 2 (C pool^2 + 1)): of every view's video and action images, each with a 1; zeros if absent
  at::Tensor latents;
  at::Tensor cameras;  ///< (B, T, V 16): fx / W, fy / H, cx / W, cy / H, rotation by rows, position [m]
  at::Tensor decoded;  ///< (B, T, 11): position [m], rotation's first two columns, openness, confidence
};

/// Poses in that frame.
struct ActionHeadPoses {
  at::Tensor position;  ///< (B, T, 3) [m]
  at::Tensor rotation;  ///< (B, T, 3, 3)
  at::Tensor openness;  ///< (B, T)
};

/// One clip, B = 1. @throws ShapeError or ValueError if it does not fit the config.
ActionHeadInputs action_head_inputs(const ActionHeadClip& clip, const ActionHeadConfig& config);

/// A trajectory in that frame, float32, B = 1. @throws ValueError if an action is not finite.
ActionHeadPoses action_head_poses(const Trajectory& actions, const Rig& rig);

/// The optional action head of the paper (RLBench, in domain): a small MLP on the output latents, the cameras and the
/// decoded actions that regresses the continuous 7-DoF actions.
///
/// All frames share one MLP, which gives what is to be added to the decoded action: an offset, a rotation by its first
/// two columns (continuous, Zhou et al. 2019, arXiv 1812.07035) and an openness. Its last layer starts at zero: an
/// untrained head leaves the decoded actions as they are.
///
/// Parameters: latents.{weight,bias}, state.{weight,bias}, layers.N.{norm,in,out}.{weight,bias}, norm.{weight,bias},
/// out.{weight,bias}.
class ActionHead {
 public:
  /// @throws ValueError if the config does not make a network; FormatError if existing tensors do not fit it.
  explicit ActionHead(const ActionHeadConfig& config = {}, Parameters parameters = Parameters());

  /// Reads a file that save() wrote. @throws FormatError naming what is wrong in it.
  static ActionHead load(const std::filesystem::path& path);
  /// Writes a safetensors file with the config in its metadata; it appears complete or not at all.
  void save(const std::filesystem::path& path) const;

  /// Poses of clips; autograd passes through. The openness is not cut to [0, 1].
  /// @throws ShapeError if the inputs are not of the config's sizes.
  ActionHeadPoses forward(const ActionHeadInputs& inputs) const;

  /// The actions of one clip, in its world; openness within [0, 1].
  /// @throws as action_head_inputs
  Trajectory predict(const ActionHeadClip& clip) const;

  const ActionHeadConfig& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

 private:
  struct Layer {
    nn::NormParameters norm;
    nn::LinearParameters in, out;
  };

  ActionHeadConfig config_;
  Parameters parameters_;
  nn::LinearParameters latents_, state_, out_;
  nn::NormParameters norm_;
  std::vector<Layer> layers_;
};

/// Weights of the parts of action_head_loss.
struct ActionHeadLossWeights {
  double position = 1.0;  ///< Huber's loss, in units of the config's position_scale
  double rotation = 1.0;  ///< squared difference of the matrices' entries
  double openness = 1.0;  ///< squared difference
};

/// Mean over clips and frames, a scalar. @throws ShapeError if the poses' shapes differ.
at::Tensor action_head_loss(const ActionHeadPoses& predicted, const ActionHeadPoses& wanted, double position_scale,
                            const ActionHeadLossWeights& weights = {});

}  // namespace action_images
