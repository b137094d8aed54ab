// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/tensor/file_fingerprint.hpp>
#include <action_images/text/clean_prompt.hpp>

namespace action_images {

/// Everything that the embedding of a prompt depends on, beside the prompt.
struct EmbeddingSource {
  std::string encoder;  ///< names the weights, the tokenizer and the dtype: a preset's name, file_fingerprint()s, ...
  PromptCleaning cleaning = PromptCleaning::whitespace;
  std::int64_t length = 512;  ///< rows of an embedding, padding included
};

/// Prompt embeddings on disk, by content: a file's name is the SHA-1 of the source and of the cleaned prompt, so a
/// changed prompt, encoder or length is another file. Files are safetensors, appear complete or not at all, and carry a
/// checksum; several processes may share a folder.
///
/// With embed() a text encoder need not be in memory while the video model is, and not at all when all is cached:
///
///     const at::Tensor text = cache.embed({prompt, negative}, [&](const auto& missing) {
///       const UMT5Encoder encoder = load();  // gone when this returns
///       return encode(encoder, missing);
///     });
class EmbeddingCache {
 public:
  /// Embeddings (B, length, dim) of B prompts as they were given, not yet cleaned.
  using Encode = std::function<at::Tensor(const std::vector<std::string>& prompts)>;
  using Notice = std::function<void(const std::string&)>;

  /// @param folder  made when the first embedding is stored.
  /// @param notice  is told about files that are damaged or cannot be written; standard error if empty.
  EmbeddingCache(std::filesystem::path folder, EmbeddingSource source, Notice notice = {});

  /// Embeddings (B, length, dim) on the CPU, in the order of the prompts. `encode` is called at most once, with the
  /// different prompts that are missing or damaged; its results are stored.
  /// @throws ShapeError if encode returns another shape; ValueError if what is stored is of another width or dtype;
  ///         whatever encode throws. A file that cannot be written is a notice.
  at::Tensor embed(const std::vector<std::string>& prompts, const Encode& encode) const;

  /// The stored embedding (length, dim); none, with a notice if its file is damaged, if there is none.
  std::optional<at::Tensor> find(const std::string& prompt) const;

  /// @param states  (length, dim), floating point; zero rows at the end take no room.
  /// @throws ShapeError on another shape; FormatError if the file cannot be written.
  void store(const std::string& prompt, const at::Tensor& states) const;

  /// Where the embedding of a prompt lies or would lie.
  std::filesystem::path path(const std::string& prompt) const;

 private:
  std::string content_of(const std::string& prompt) const;

  std::filesystem::path folder_;
  EmbeddingSource source_;
  Notice notice_;
};

}  // namespace action_images
