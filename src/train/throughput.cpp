// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/throughput.hpp>

#include <algorithm>

#include <sys/resource.h>

namespace action_images {

double training_flops(const WanConfig& config, std::int64_t parameters, std::int64_t tokens, std::int64_t text_tokens) {
  const auto n = static_cast<double>(tokens);
  const double products = 4.0 * static_cast<double>(config.num_layers * config.dim) * n * (n + static_cast<double>(text_tokens));
  return 6.0 * static_cast<double>(parameters) * n + 3.0 * products;
}

void Throughput::add(std::int64_t samples, std::int64_t tokens, double flops, double waited) {
  ++steps_;
  samples_ += samples;
  tokens_ += tokens;
  flops_ += flops;
  waited_ += waited;
}

nlohmann::json Throughput::take(double peak_tflops) {
  const double seconds = std::max(std::chrono::duration<double>(Clock::now() - since_).count(), 1e-9);
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  nlohmann::json json{{"samples_per_second", static_cast<double>(samples_) / seconds},
                      {"tokens_per_second", static_cast<double>(tokens_) / seconds},
                      {"seconds_per_step", seconds / static_cast<double>(std::max<std::int64_t>(steps_, 1))},
                      {"loader_wait", waited_ / seconds},
                      {"memory_gb", static_cast<double>(usage.ru_maxrss) / 1048576.0}};
  if (peak_tflops > 0) json["mfu"] = flops_ / seconds / (peak_tflops * 1e12);
  *this = Throughput();
  return json;
}

std::int64_t tokens_of(const WorldInputs& inputs, const WanConfig& config) {
  const at::Tensor& video = inputs.video;
  const std::int64_t of_frame = (video.size(4) / config.patch_size[1]) * (video.size(5) / config.patch_size[2]);
  return video.size(0) * inputs.packing.size() / config.patch_size[0] * of_frame;
}

}  // namespace action_images
