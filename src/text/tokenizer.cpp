// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/tokenizer.hpp>

#include <algorithm>

#include <ATen/ATen.h>
#ifdef ACTION_IMAGES_WITH_SENTENCEPIECE
#include <sentencepiece_processor.h>
#endif

#include <action_images/core/check.hpp>

namespace action_images {

#ifdef ACTION_IMAGES_WITH_SENTENCEPIECE

struct Tokenizer::Impl {
  sentencepiece::SentencePieceProcessor processor;
  TokenizerOptions options;

  std::string prepare(std::string_view prompt) const {
    std::string text = clean_prompt(prompt, options.cleaning);
    const auto lowered = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    if (options.lower_case) std::transform(text.begin(), text.end(), text.begin(), lowered);
    return text;
  }
};

Tokenizer::Tokenizer(const std::filesystem::path& path, const TokenizerOptions& options)
    : impl_(std::make_unique<Impl>()) {
  constexpr auto where = "text::Tokenizer";
  impl_->options = options;
  const auto status = impl_->processor.Load(path.string());
  check<FormatError>(status.ok(), where, "path", "a SentencePiece model", path.string() + ": " + status.ToString());
  check<FormatError>(impl_->processor.eos_id() >= 0 && impl_->processor.pad_id() >= 0, where, "path",
                     "a model with end-of-sentence and padding tokens", path.string());
}

std::vector<int> Tokenizer::tokens(std::string_view prompt) const {
  std::vector<int> ids;
  const auto status = impl_->processor.Encode(impl_->prepare(prompt), &ids);
  check(status.ok(), "text::Tokenizer::encode", "prompt", "text that can be tokenised", status.ToString());
  ids.push_back(impl_->processor.eos_id());
  return ids;
}

TokenizedText Tokenizer::encode(const std::vector<std::string>& prompts, std::int64_t length) const {
  constexpr auto where = "text::Tokenizer::encode";
  check(length >= 1, where, "length", "at least 1", length);
  const auto batch = static_cast<std::int64_t>(prompts.size());
  TokenizedText text{at::full({batch, length}, impl_->processor.pad_id(), at::kLong),
                     at::zeros({batch, length}, at::kLong)};
  for (std::int64_t row = 0; row < batch; ++row) {
    std::vector<int> ids = tokens(prompts[static_cast<std::size_t>(row)]);
    auto count = static_cast<std::int64_t>(ids.size());
    check(count <= length || impl_->options.truncate, where, "prompt",
          text_of("at most ", length, " tokens with the end of sentence"), count);
    if (count > length) {
      ids[static_cast<std::size_t>(length - 1)] = impl_->processor.eos_id();
      count = length;
    }
    std::copy_n(ids.begin(), count, text.ids.mutable_data_ptr<std::int64_t>() + row * length);
    std::fill_n(text.mask.mutable_data_ptr<std::int64_t>() + row * length, count, 1);
  }
  return text;
}

std::vector<std::string> Tokenizer::pieces(std::string_view prompt) const {
  std::vector<std::string> pieces;
  const auto status = impl_->processor.Encode(impl_->prepare(prompt), &pieces);
  check(status.ok(), "text::Tokenizer::pieces", "prompt", "text that can be tokenised", status.ToString());
  return pieces;
}

std::int64_t Tokenizer::vocab() const { return impl_->processor.GetPieceSize(); }

#else

struct Tokenizer::Impl {};

namespace {

[[noreturn]] void refuse() {
  throw ValueError(
      "[text::Tokenizer] the library was built without SentencePiece (install libsentencepiece and rebuild)");
}

}  // namespace

Tokenizer::Tokenizer(const std::filesystem::path&, const TokenizerOptions&) { refuse(); }
std::vector<int> Tokenizer::tokens(std::string_view) const { refuse(); }
TokenizedText Tokenizer::encode(const std::vector<std::string>&, std::int64_t) const { refuse(); }
std::vector<std::string> Tokenizer::pieces(std::string_view) const { refuse(); }
std::int64_t Tokenizer::vocab() const { refuse(); }

#endif

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

TokenizedText Tokenizer::encode(std::string_view prompt, std::int64_t length) const {
  return encode(std::vector<std::string>{std::string(prompt)}, length);
}

}  // namespace action_images
