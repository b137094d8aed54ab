// SPDX-License-Identifier: Apache-2.0
#include <action_images/text/embedding_cache.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <c10/util/hash.h>

#include <action_images/core/check.hpp>
#include <action_images/tensor/safetensors.hpp>

namespace action_images {

namespace {

constexpr auto where = "text::EmbeddingCache";
constexpr auto tensor_name = "states";

std::string checksum(const at::Tensor& tensor) {
  const at::Tensor values = tensor.contiguous();
  const auto* const bytes = static_cast<const char*>(values.const_data_ptr());
  return c10::sha1(text_of(values.scalar_type(), ' ', shape_text(values.sizes()), '\n') +
                   std::string(bytes, values.nbytes()))
      .str();
}

// Rows up to the last one that is not zero.
at::Tensor without_padding(const at::Tensor& states) {
  const at::Tensor used = states.ne(0).any(1).nonzero();
  return states.narrow(0, 0, used.size(0) == 0 ? 0 : used.max().item<std::int64_t>() + 1);
}

// The embedding in a file of that content. @throws FormatError if the file is damaged.
at::Tensor read_states(const std::filesystem::path& path, const std::string& content, std::int64_t length) {
  const SafetensorsFile file(path);
  const auto text = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string("nothing") : found->second;
  };
  check<FormatError>(text("content") == content, where, path.string(), "the embedding of " + content, text("content"));
  check<FormatError>(file.contains(tensor_name), where, path.string(), "the tensor states", "none");
  const at::Tensor rows = file.tensor(tensor_name).clone();
  const bool fits = rows.dim() == 2 && rows.size(0) <= length && rows.is_floating_point();
  check<FormatError>(fits, where, path.string(), text_of("floating-point states (up to ", length, ", dim)"),
                     shape_text(rows.sizes()));
  check<FormatError>(text("checksum") == checksum(rows), where, path.string(),
                     "numbers of checksum " + text("checksum"), "others");
  return at::constant_pad_nd(rows, {0, 0, 0, length - rows.size(0)});
}

}  // namespace

EmbeddingCache::EmbeddingCache(std::filesystem::path folder, EmbeddingSource source, Notice notice)
    : folder_(std::move(folder)), source_(std::move(source)), notice_(std::move(notice)) {
  check(source_.length >= 1, where, "length", "at least 1", source_.length);
  if (!notice_) notice_ = [](const std::string& text) { std::cerr << text << '\n'; };
}

std::string EmbeddingCache::content_of(const std::string& prompt) const {
  return text_of(source_.encoder, '\n', prompt_cleaning_name(source_.cleaning), '\n', source_.length, '\n',
                 clean_prompt(prompt, source_.cleaning));
}

std::filesystem::path EmbeddingCache::path(const std::string& prompt) const {
  return folder_ / (c10::sha1(content_of(prompt)).str() + ".safetensors");
}

std::optional<at::Tensor> EmbeddingCache::find(const std::string& prompt) const {
  const std::filesystem::path file = path(prompt);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::nullopt;
  try {
    return read_states(file, content_of(prompt), source_.length);
  } catch (const ValueError& damage) {
    notice_(text_of("a damaged prompt embedding is computed again: ", damage.what()));
    return std::nullopt;
  }
}

void EmbeddingCache::store(const std::string& prompt, const at::Tensor& states) const {
  check_shape(states.dim() == 2 && states.size(0) == source_.length, where, "states",
              text_of('(', source_.length, ", dim)"), states.sizes());
  check(states.is_floating_point(), where, "states", "a floating-point dtype", states.scalar_type());
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  check<FormatError>(!error, where, folder_.string(), "a folder that can be made", error.message());
  const at::Tensor rows = without_padding(states.detach().cpu()).contiguous();
  save_safetensors(path(prompt), {{tensor_name, rows}},
                   {{"content", content_of(prompt)}, {"checksum", checksum(rows)}});
}

at::Tensor EmbeddingCache::embed(const std::vector<std::string>& prompts, const Encode& encode) const {
  std::map<std::filesystem::path, at::Tensor> states;
  std::vector<std::string> missing;
  for (const std::string& prompt : prompts) {
    const auto [entry, first] = states.try_emplace(path(prompt));
    if (!first) continue;
    entry->second = find(prompt).value_or(at::Tensor());
    if (!entry->second.defined()) missing.push_back(prompt);
  }
  const at::Tensor fresh = missing.empty() ? at::Tensor() : encode(missing).detach().cpu();
  const auto count = static_cast<std::int64_t>(missing.size());
  const bool fits = count == 0 || (fresh.dim() == 3 && fresh.size(0) == count && fresh.size(1) == source_.length);
  check_shape(fits, "text::EmbeddingCache::embed", "encode", text_of('(', count, ", ", source_.length, ", dim)"),
              count == 0 ? at::IntArrayRef() : fresh.sizes());
  for (std::int64_t row = 0; row < count; ++row) {
    const std::string& prompt = missing[static_cast<std::size_t>(row)];
    states[path(prompt)] = fresh[row];
    try {
      store(prompt, fresh[row]);
    } catch (const ValueError& fault) {
      notice_(text_of("a prompt embedding is not kept: ", fault.what()));
    }
  }
  std::vector<at::Tensor> rows;
  for (const std::string& prompt : prompts) {
    rows.push_back(states[path(prompt)]);
    const bool alike = rows.back().sizes() == rows[0].sizes() && rows.back().scalar_type() == rows[0].scalar_type();
    check(alike, "text::EmbeddingCache::embed", "encoder", "a name of one encoder", "embeddings of two");
  }
  return rows.empty() ? at::empty({0, source_.length, 0}) : at::stack(rows);
}

}  // namespace action_images
