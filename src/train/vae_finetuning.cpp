// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/vae_finetuning.hpp>

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/data/clip_loader.hpp>
#include <action_images/tensor/json_fields.hpp>
#include <action_images/tensor/prefix.hpp>
#include <action_images/tensor/safetensors.hpp>
#include <action_images/train/clip_list.hpp>
#include <action_images/train/tasks.hpp>
#include <action_images/world/conditioning.hpp>

namespace action_images {
namespace {

constexpr const char* where = "train::finetune_vae";
constexpr JsonNames<VaePart, 3> part_names{
    {{VaePart::encoder, "encoder"}, {VaePart::decoder, "decoder"}, {VaePart::both, "both"}}};

void check_options(const VaeFinetuningOptions& options) {
  const auto at_least = [](const char* name, std::int64_t value, std::int64_t least) {
    check(value >= least, where, name, text_of(least, " or more"), value);
  };
  at_least("steps", options.steps, 1);
  at_least("batch", options.batch, 1);
  at_least("frames", options.frames, 0);
  at_least("checkpoint_every", options.checkpoint_every, 1);
  check(options.threads >= 1 && options.threads <= 256, where, "threads", "1..256", options.threads);
  const std::map<const char*, double> weights{
      {"l1", options.l1}, {"l2", options.l2}, {"kl", options.kl}, {"perceptual_weight", options.perceptual_weight}};
  double sum = 0.0;
  for (const auto& [name, weight] : weights) {
    check(std::isfinite(weight) && weight >= 0.0, where, name, "0 or more", weight);
    sum += weight;
  }
  check(sum > 0.0, where, "l1, l2, kl, perceptual_weight", "a weight above 0", "none");
  const bool only_kl = options.l1 + options.l2 + options.perceptual_weight == 0.0;
  check(options.part != VaePart::decoder || !only_kl, where, "l1, l2, perceptual_weight",
        "a weight above 0 for a decoder, which kl does not reach", "none");
  check(options.action_share >= 0.0 && options.action_share <= 1.0, where, "action_share", "0..1",
        options.action_share);
  for (const auto& [name, value] : std::map<const char*, double>{{"learning_rate", options.optimizer.learning_rate},
                                                                 {"clip_norm", options.clip_norm}}) {
    check(std::isfinite(value) && value > 0.0, where, name, "a positive number", value);
  }
}

// Whether a parameter of a WanVae or a PatchVae, by its name, belongs to what is trained.
bool is_trained(const std::string& name, VaePart part) {
  const auto begins = [&](std::string_view prefix) { return name.compare(0, prefix.size(), prefix) == 0; };
  const bool encodes = begins("encoder.") || begins("conv1."), decodes = begins("decoder.") || begins("conv2.");
  return (encodes && part != VaePart::decoder) || (decodes && part != VaePart::encoder);
}

std::shared_ptr<const ClipSampler> sampler_of(std::vector<MixtureSource> data, const WorldConfig& config,
                                              const VaeFinetuningOptions& options) {
  WindowOptions window = window_of(config);
  window.views = 1;
  if (options.frames > 0) window.frames = options.frames;
  return std::make_shared<ClipSampler>(std::move(data), ClipSamplerOptions{.window = window, .seed = options.seed});
}

// Videos and action images of random clips, from a step on.
class Videos {
 public:
  Videos(std::shared_ptr<const ClipSampler> sampler, const WorldConfig& config, const VaeFinetuningOptions& options,
         std::int64_t step)
      : config_(config),
        options_(options),
        loader_(std::move(sampler), [first = step * options.batch](std::int64_t place) { return first + place; },
                {.threads = static_cast<int>(options.threads), .count = (options.steps - step) * options.batch}) {}

  // Of the next step: (batch, 3, T, H, W) in [-1, 1]
  at::Tensor batch(at::Generator& generator) {
    std::vector<at::Tensor> videos;
    for (std::int64_t i = 0; i < options_.batch; ++i) {
      const Clip clip = loader_.next().value();
      const bool drawn = draw_uniform(generator) < options_.action_share && clip.actions;
      videos.push_back((drawn ? draw_actions(*clip.actions, clip.rig, config_) : normalized_from_pixels(clip.video))[0]);
    }
    return at::stack(videos);
  }

 private:
  const WorldConfig& config_;
  const VaeFinetuningOptions& options_;
  ClipLoader loader_;
};

// (B, 3, T, H, W) -> (B T, 3, H, W)
at::Tensor pictures_of(const at::Tensor& video) { return video.transpose(1, 2).flatten(0, 1); }

at::Tensor loss_of(const VideoVae& vae, const at::Tensor& video, const VaeFinetuningOptions& options,
                   VaeFinetuningEvent& event) {
  at::Tensor latents;
  {
    const at::AutoGradMode record(options.part != VaePart::decoder);
    latents = vae.encode(video);
  }
  const at::Tensor decoded = vae.decode(latents, /*clamp=*/false);
  at::Tensor total = at::zeros({}, decoded.options());
  const auto add = [&total](double weight, double& told, const auto& part) {
    if (weight == 0.0) return;
    const at::Tensor value = part();
    told = value.template item<double>();
    total = total + weight * value;
  };
  add(options.l1, event.l1, [&] { return at::l1_loss(decoded, video); });
  add(options.l2, event.l2, [&] { return at::mse_loss(decoded, video); });
  add(options.kl, event.kl, [&] { return 0.5 * latents.square().mean(); });
  add(options.perceptual_weight, event.perceptual,
      [&] { return options.perceptual(pictures_of(decoded), pictures_of(video)); });
  event.loss = total.item<double>();
  return total;
}

// Gradients of the trained parameters, taken out, in the parameters' order in memory, as the optimiser needs them.
TensorMap take_gradients(VideoVae& vae) {
  const at::NoGradGuard no_gradients;
  TensorMap gradients;
  for (const auto& [name, parameter] : vae.parameters().named()) {
    if (!parameter.grad().defined()) continue;
    gradients[name] = at::empty_like(parameter).copy_(parameter.grad());
    at::Tensor(parameter).mutable_grad() = at::Tensor();
  }
  return gradients;
}

TensorMap trained_parameters(const VideoVae& vae, VaePart part) {
  TensorMap trained = vae.parameters().state();
  std::erase_if(trained, [part](const auto& entry) { return !is_trained(entry.first, part); });
  return trained;
}

// What must not change between a run and its continuation.
std::string identity(const VideoVae& vae, const VaeFinetuningOptions& options) {
  return text_of(vae.config().dump(), ", part ", name_in(part_names, options.part), ", seed ", options.seed, ", batch ",
                 options.batch, ", frames ", options.frames);
}

void save_checkpoint(const std::filesystem::path& file, const VideoVae& vae, const Optimizer& optimizer,
                     std::int64_t step, const VaeFinetuningOptions& options) {
  TensorMap state = with_prefix(vae.parameters().state(), "vae.");
  state.merge(with_prefix(optimizer.state(), "optimizer."));
  save_safetensors(file, state, {{"step", std::to_string(step)}, {"run", identity(vae, options)}});
}

// The step to go on from, 0 without a checkpoint.
std::int64_t load_checkpoint(const std::filesystem::path& file, VideoVae& vae, Optimizer& optimizer,
                             const VaeFinetuningOptions& options) {
  if (!std::filesystem::exists(file)) return 0;
  const SafetensorsFile checkpoint(file);
  const auto text = [&](const char* key) {
    const auto found = checkpoint.metadata().find(key);
    return found == checkpoint.metadata().end() ? std::string() : found->second;
  };
  check<FormatError>(text("run") == identity(vae, options), where, file.string(), identity(vae, options),
                     text("run").empty() ? "something else" : text("run"));
  const TensorMap state = load_safetensors(file);
  vae.parameters().load(without_prefix(state, "vae."));
  const TensorMap moments = without_prefix(state, "optimizer.");
  for (const auto& [name, moment] : optimizer.state()) {
    const auto found = moments.find(name);
    check<FormatError>(found != moments.end() && found->second.sizes() == moment.sizes(), where, file.string(),
                       text_of("the optimiser's ", name), "none of its shape");
  }
  const std::string step = text("step");
  const bool counts = !step.empty() && step.size() < 19 && step.find_first_not_of("0123456789") == std::string::npos;
  check<FormatError>(counts, where, file.string(), "a number of steps", printable(step));
  optimizer.load(moments);
  return std::stoll(step);
}

}  // namespace

VaeFinetuningOptions vae_finetuning_options(const nlohmann::json& json) {
  VaeFinetuningOptions options;
  JsonFields fields(json, where, "options");
  fields.read_name("part", part_names, options.part);
  fields.read("steps", options.steps);
  fields.read("batch", options.batch);
  fields.read("frames", options.frames);
  fields.read("action_share", options.action_share);
  fields.read("l1", options.l1);
  fields.read("l2", options.l2);
  fields.read("kl", options.kl);
  fields.read("perceptual_weight", options.perceptual_weight);
  fields.read("learning_rate", options.optimizer.learning_rate);
  fields.read("weight_decay", options.optimizer.weight_decay);
  fields.read("clip_norm", options.clip_norm);
  fields.read("seed", options.seed);
  fields.read("checkpoint_every", options.checkpoint_every);
  fields.read("threads", options.threads);
  fields.refuse_others();
  check_options(options);
  return options;
}

bool finetune_vae(VideoVae& vae, const WorldConfig& config, std::vector<MixtureSource> data,
                  const std::filesystem::path& output, const VaeFinetuningOptions& options) {
  check_options(options);
  check(options.perceptual_weight == 0.0 || options.perceptual, where, "perceptual",
        "a function, for a perceptual_weight above 0", "none");
  std::filesystem::create_directories(output);
  const auto sampler = sampler_of(std::move(data), config, options);
  vae.parameters().to(at::kFloat);
  for (const auto& [name, parameter] : vae.parameters().named()) {
    parameter.requires_grad_(is_trained(name, options.part));
  }
  Optimizer optimizer(trained_parameters(vae, options.part), options.optimizer);
  const auto file = output / "checkpoint.safetensors";
  bool go_on = true;
  std::int64_t step = std::min(load_checkpoint(file, vae, optimizer, options), options.steps);
  Videos videos(sampler, config, options, step);
  while (step < options.steps && go_on) {
    at::Generator generator = sample_generator(options.seed, step);
    VaeFinetuningEvent event{.step = step + 1, .steps = options.steps};
    const at::Tensor loss = loss_of(vae, videos.batch(generator), options, event);
    check<NumericalError>(std::isfinite(event.loss), where, "loss", text_of("a finite number at step ", step),
                          event.loss);
    loss.backward();
    TensorMap gradients = take_gradients(vae);
    clip_gradient_norm(gradients, options.clip_norm);
    optimizer.step(gradients, 1.0);
    ++step;
    go_on = !options.progress || options.progress(event);
    if (step % options.checkpoint_every == 0 || step == options.steps || !go_on) {
      save_checkpoint(file, vae, optimizer, step, options);
    }
  }
  vae.parameters().requires_grad(false);
  if (step < options.steps) return false;
  save_safetensors(output / "vae.safetensors", vae.parameters().state(), {{"config", vae.config().dump()}});
  return true;
}

}  // namespace action_images
