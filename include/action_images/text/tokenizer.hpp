// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/text/clean_prompt.hpp>

namespace action_images {

struct TokenizerOptions {
  bool lower_case = false;                               ///< turn ASCII capitals into small letters first
  bool truncate = false;                                 ///< cut an over-long prompt (Wan does) instead of refusing it
  PromptCleaning cleaning = PromptCleaning::whitespace;  ///< what happens to a prompt before
};

/// Prompts as a text encoder takes them.
struct TokenizedText {
  at::Tensor ids;   ///< (B, length) int64: the tokens, end of sentence, then padding
  at::Tensor mask;  ///< (B, length) int64: 1 for tokens and end of sentence, 0 for padding
};

/// SentencePiece tokenizer with T5's conventions: end of sentence appended, padded at the right.
class Tokenizer {
 public:
  /// @param path  SentencePiece model file (UMT5: spiece.model).
  /// @throws FormatError if the file cannot be read or has no end-of-sentence or padding token; ValueError if the
  ///         library was built without SentencePiece.
  explicit Tokenizer(const std::filesystem::path& path, const TokenizerOptions& options = {});
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// Token ids of one prompt (B = 1) after clean_prompt(); an empty prompt is the end of sentence alone.
  /// @throws ValueError if the tokens do not fit into length and options.truncate is false.
  TokenizedText encode(std::string_view prompt, std::int64_t length) const;
  /// The same for a batch.
  TokenizedText encode(const std::vector<std::string>& prompts, std::int64_t length) const;

  /// The tokens of a prompt as text, for inspection; no end of sentence.
  std::vector<std::string> pieces(std::string_view prompt) const;

  /// Number of token ids.
  std::int64_t vocab() const;

 private:
  std::vector<int> tokens(std::string_view prompt) const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace action_images
