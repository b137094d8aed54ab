// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/prompt_encoder.hpp>

#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>
#include <action_images/world/instruction.hpp>

namespace action_images {

PromptEncoder::PromptEncoder(const std::filesystem::path& tokenizer, Load load, PromptEncoderOptions options)
    : tokenizer_(tokenizer, options.tokenizer), load_(std::move(load)), options_(std::move(options)) {
  if (options_.cache.empty()) return;
  const TokenizerOptions& how = options_.tokenizer;
  const std::string source = text_of(options_.fingerprint, how.lower_case ? " lower" : "", how.truncate ? " cut" : "");
  cache_.emplace(options_.cache, EmbeddingSource{source, how.cleaning, options_.length});
}

std::string PromptEncoder::cleaned(const std::string& prompt) const {
  return options_.clean_instructions ? clean_instruction(prompt) : prompt;
}

std::shared_ptr<const UMT5Encoder> PromptEncoder::network() const {
  const std::lock_guard<std::mutex> one_at_a_time(mutex_);
  if (auto current = current_.lock()) return current;
  auto network = std::make_shared<const UMT5Encoder>(load_());
  current_ = network;
  if (options_.keep) kept_ = network;
  return network;
}

at::Tensor PromptEncoder::run(const std::vector<std::string>& prompts) const {
  std::vector<TokenizedText> texts;
  for (const std::string& prompt : prompts) texts.push_back(tokenizer_.encode(prompt, options_.length));
  const auto network = this->network();
  const auto device = network->parameters().named().front().second.device();
  std::vector<at::Tensor> states;
  // One by one: a row of a batch may differ in its last bits from the same row alone.
  for (const TokenizedText& text : texts) {
    states.push_back(network->encode(text.ids.to(device), text.mask.to(device)).to(at::kCPU));
  }
  return at::cat(states);
}

at::Tensor PromptEncoder::encode(const std::vector<std::string>& prompts) const {
  const at::NoGradGuard no_gradients;
  check(!prompts.empty(), "world::PromptEncoder::encode", "prompts", "at least one", "none");
  std::vector<std::string> clean;
  for (const std::string& prompt : prompts) clean.push_back(cleaned(prompt));
  return cache_ ? cache_->embed(clean, [this](const auto& missing) { return run(missing); }) : run(clean);
}

}  // namespace action_images
