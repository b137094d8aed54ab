// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/config.hpp>

#include <action_images/tensor/json_fields.hpp>

#include "sampler_json.hpp"

namespace action_images {
namespace {

using nlohmann::json;

constexpr JsonNames<Prediction, 3> prediction_names{{{Prediction::velocity, "velocity"},
                                                 {Prediction::sample, "sample"},
                                                 {Prediction::sample_residual, "sample_residual"}}};
constexpr JsonNames<UnknownFirstAction, 2> unknown_first_action_names{
    {{UnknownFirstAction::empty, "empty"}, {UnknownFirstAction::generate, "generate"}}};
constexpr JsonNames<TimePositions, 2> time_position_names{
    {{TimePositions::packed, "packed"}, {TimePositions::joint, "joint"}}};
constexpr JsonNames<RayAxes, 2> camera_axes_names{
    {{RayAxes::opencv, "opencv"}, {RayAxes::mirrored, "mirrored"}}};
constexpr JsonNames<CameraReference, 2> camera_reference_names{
    {{CameraReference::first_view, "first_view"}, {CameraReference::world, "world"}}};
constexpr JsonNames<Convention, 2> convention_names{{{Convention::paper, "paper"}, {Convention::release, "release"}}};

void check_range(bool condition, const char* key, const char* expected, double got) {
  if (!condition) throw FormatError(expected_text("world::config", key, expected, text_of(got)));
}

void check_ranges(const WorldConfig& config) {
  check_range(config.views >= 0 && config.views <= 16, "views", "0..16", static_cast<double>(config.views));
  check_range(config.frames % 4 == 1 && config.frames >= 1 && config.frames <= 1025, "frames", "4k + 1, at most 1025",
              static_cast<double>(config.frames));
  for (const auto size : {config.height, config.width}) {
    check_range(size >= 8 && size <= 8192, "height, width", "8..8192", static_cast<double>(size));
  }
  check_range(config.steps >= 1 && config.steps <= 10000, "sampling.steps", "1..10000", config.steps);
  check_range(config.shift > 0, "sampling.shift", "a positive number", config.shift);
  check_range(config.moment_scale > 0, "moment_scale", "a positive number", config.moment_scale);
  check_range(config.text_length >= 1 && config.text_length <= 4096, "tokenizer.length", "1..4096",
              static_cast<double>(config.text_length));
}

void read_sampling(const json& object, WorldConfig& config) {
  JsonFields fields(object, "world::config", "sampling");
  fields.read("shift", config.shift);
  fields.read("steps", config.steps);
  fields.read("guidance", config.guidance);
  fields.read("negative_prompt", config.negative_prompt);
  read_sampler(fields, config.sampler);
  fields.refuse_others();
}

void read_codec(const json& object, WorldConfig& config) {
  JsonFields fields(object, "world::config", "codec");
  fields.read_name("convention", convention_names, config.codec.convention);
  double sigma = config.codec.sigma.value_or(0.0);
  fields.read("sigma", sigma);
  if (sigma > 0) config.codec.sigma = sigma;
  fields.read("axis_length", config.codec.axis_length);
  fields.refuse_others();
}

void read_tokenizer(const json& object, WorldConfig& config) {
  JsonFields fields(object, "world::config", "tokenizer");
  fields.read("length", config.text_length);
  fields.read("lower_case", config.lower_case);
  fields.read("clean_instructions", config.clean_instructions);
  fields.read("truncate", config.truncate);
  fields.read("empty_prompts", config.empty_prompts);
  fields.refuse_others();
}

}  // namespace

WorldConfig world_config_from_json(const json& object) {
  WorldConfig config;
  JsonFields fields(object, "world::config", "config");
  std::string format = "action-images-model";
  int version = 1;
  fields.read("format", format);
  fields.read("version", version);
  if (format != "action-images-model" || version != 1) {
    throw FormatError(expected_text("world::config", "format", "action-images-model version 1", text_of(format, ' ', version)));
  }
  fields.read("name", config.name);
  fields.read("views", config.views);
  fields.read("frames", config.frames);
  fields.read("height", config.height);
  fields.read("width", config.width);
  fields.read_name("prediction", prediction_names, config.prediction);
  fields.read_name("unknown_first_action", unknown_first_action_names, config.unknown_first_action);
  fields.read_name("time_positions", time_position_names, config.time_positions);
  fields.read("condition_channels", config.condition_channels);
  fields.read("moment_scale", config.moment_scale);
  fields.read_name("camera_axes", camera_axes_names, config.camera_axes);
  fields.read_name("camera_reference", camera_reference_names, config.camera_reference);
  if (const auto* found = fields.find("sampling")) read_sampling(*found, config);
  if (const auto* found = fields.find("codec")) read_codec(*found, config);
  if (const auto* found = fields.find("tokenizer")) read_tokenizer(*found, config);
  if (const auto* found = fields.find("transformer")) config.transformer = wan_config(*found);
  if (const auto* found = fields.find("text_encoder")) config.text = umt5_config(*found);
  fields.read("vae", config.vae);
  fields.refuse_others();
  check_ranges(config);
  return config;
}

json json_from(const WorldConfig& config) {
  json codec{{"convention", name_in(convention_names, config.codec.convention)}, {"axis_length", config.codec.axis_length}};
  if (config.codec.sigma) codec["sigma"] = *config.codec.sigma;
  json sampling = json_from(config.sampler);
  sampling.update({{"shift", config.shift},
                   {"steps", config.steps},
                   {"guidance", config.guidance},
                   {"negative_prompt", config.negative_prompt}});
  return {
      {"format", "action-images-model"},
      {"version", 1},
      {"name", config.name},
      {"views", config.views},
      {"frames", config.frames},
      {"height", config.height},
      {"width", config.width},
      {"prediction", name_in(prediction_names, config.prediction)},
      {"unknown_first_action", name_in(unknown_first_action_names, config.unknown_first_action)},
      {"time_positions", name_in(time_position_names, config.time_positions)},
      {"condition_channels", config.condition_channels},
      {"moment_scale", config.moment_scale},
      {"camera_axes", name_in(camera_axes_names, config.camera_axes)},
      {"camera_reference", name_in(camera_reference_names, config.camera_reference)},
      {"sampling", sampling},
      {"codec", codec},
      {"tokenizer", {{"length", config.text_length},
        {"lower_case", config.lower_case},
        {"clean_instructions", config.clean_instructions},
        {"truncate", config.truncate},
        {"empty_prompts", config.empty_prompts}}},
      {"transformer", wan_config_json(config.transformer)},
      {"text_encoder", umt5_config_json(config.text)},
      {"vae", config.vae},
  };
}

}  // namespace action_images
