// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <action_images/text/embedding_cache.hpp>
#include <action_images/text/tokenizer.hpp>
#include <action_images/text/umt5.hpp>

namespace action_images {

struct PromptEncoderOptions {
  std::int64_t length = 512;        ///< rows of an embedding; those behind the prompt's tokens are zero
  TokenizerOptions tokenizer{};     ///< how a prompt is cleaned and cut
  bool clean_instructions = false;  ///< prompts go through clean_instruction() first
  bool keep = true;                 ///< the network stays in memory between calls; otherwise it is loaded for each
  std::filesystem::path cache{};    ///< folder of an EmbeddingCache; empty: none
  std::string fingerprint{};        ///< names the network's and the tokenizer's files and the dtype, for the cache
};

/// Prompts -> states of the text encoder, as a transformer takes them. The network is loaded when a prompt is not
/// cached, and freed afterwards unless it is to be kept. May be used from several threads at once.
class PromptEncoder {
 public:
  using Load = std::function<UMT5Encoder()>;

  /// @param tokenizer  SentencePiece model file.   @param load  makes the network.
  /// @throws FormatError if the tokenizer cannot be read.
  PromptEncoder(const std::filesystem::path& tokenizer, Load load, PromptEncoderOptions options);

  /// States (B, length, dim) on the CPU, in the network's dtype. A prompt's states do not depend on the others.
  /// @throws ValueError if a prompt has too many tokens and is not to be cut; FormatError if the network cannot be
  ///         loaded.
  at::Tensor encode(const std::vector<std::string>& prompts) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const PromptEncoderOptions& options() const { return options_; }

 private:
  std::string cleaned(const std::string& prompt) const;
  std::shared_ptr<const UMT5Encoder> network() const;
  at::Tensor run(const std::vector<std::string>& prompts) const;

  Tokenizer tokenizer_;
  Load load_;
  PromptEncoderOptions options_;
  std::optional<EmbeddingCache> cache_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const UMT5Encoder> kept_;
  mutable std::weak_ptr<const UMT5Encoder> current_;  // of calls at the same time
};

}  // namespace action_images
