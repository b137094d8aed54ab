// SPDX-License-Identifier: Apache-2.0
#include "network.hpp"

#include <memory>
#include <optional>
#include <utility>

#include <pybind11/functional.h>
#include <pybind11/stl/filesystem.h>

#include <action_images/text/embedding_cache.hpp>
#include <action_images/text/tokenizer.hpp>
#include <action_images/text/umt5.hpp>
#include <action_images/text/umt5_names.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* encoder_doc = R"(The encoder of UMT5, the text encoder of Wan 2.1 and 2.2.

config has the keys vocab, dim, dim_attn, dim_ffn, num_heads, num_layers, num_buckets, shared_pos, all optional, and
"preset": "umt5-xxl". Parameters carry Wan's names. Given `tensors`, the network computes with them: they are not
copied, and gradients reach them.)";

constexpr const char* call_doc = R"(Hidden states (B, L, dim) of token ids (B, L) int64, zero where mask (B, L) is.)";

constexpr const char* load_doc = R"(Copies tensors into the parameters; names are Wan's or those of transformers'
UMT5EncoderModel. Raises ValueError listing every name that does not fit.)";

constexpr const char* cleaning_doc = R"(A prompt as Wan's tokenizer cleans it.

cleaning: "whitespace" (glyphs repaired as by ftfy, HTML entities decoded, every run of white space one space, none at
the ends), "lower" (the same in small letters), "canonicalize" (the same, underscores are spaces, no ASCII punctuation but
keep_punctuation, which stays where it is found), or "none".)";

std::pair<at::Tensor, at::Tensor> tokenize(const Tokenizer& self, const std::vector<std::string>& prompts,
                                           std::int64_t length) {
  TokenizedText text = self.encode(prompts, length);
  return {text.ids, text.mask};
}

void bind_encoder(py::module_& module) {
  py::class_<UMT5Encoder> encoder(module, "UMT5Encoder", encoder_doc);
  encoder
      .def(py::init([](const py::dict& config, const std::optional<TensorMap>& tensors) {
             return std::make_unique<UMT5Encoder>(umt5_config(binding::json_from(config)),
                                                  tensors ? Parameters(*tensors) : Parameters());
           }),
           py::arg("config") = py::dict(), py::arg("tensors") = py::none())
      .def_property_readonly(
          "config", [](const UMT5Encoder& self) { return binding::dict_from(umt5_config_json(self.config())); })
      .def(
          "__call__",
          [](const UMT5Encoder& self, const at::Tensor& ids, const std::optional<at::Tensor>& mask) {
            return self.encode(ids, mask.value_or(at::Tensor()));
          },
          py::arg("ids"), py::arg("mask") = py::none(), py::call_guard<py::gil_scoped_release>(), call_doc)
      .def(
          "load_state_dict",  // comes before the one of all networks, which takes Wan's names only
          [](UMT5Encoder& self, const TensorMap& tensors) { self.parameters().load(umt5_tensors(tensors)); },
          py::arg("tensors"), load_doc);
  binding::def_parameters(encoder);
}

constexpr const char* cache_doc =
    R"(Prompt embeddings on disk, named by the SHA-1 of encoder, cleaning, length and prompt.

encoder: names the weights, the tokenizer and the dtype. length: rows of an embedding, padding included. A file that is
damaged is computed again, and one that cannot be written is not kept, both with a RuntimeWarning.)";

constexpr const char* embed_doc =
    R"(Embeddings (B, length, dim) of prompts. encode(prompts) -> (B, length, dim) is called
at most once, with the prompts that are missing; load the text encoder there, and it is gone when the video model
comes.)";

void warn(const std::string& text) {
  const py::gil_scoped_acquire acquired;
  if (PyErr_WarnEx(PyExc_RuntimeWarning, text.c_str(), 2) != 0) throw py::error_already_set();
}

void bind_cache(py::module_& module) {
  py::class_<EmbeddingCache>(module, "EmbeddingCache", cache_doc)
      .def(py::init([](const std::filesystem::path& folder, const std::string& encoder, std::int64_t length,
                       const std::string& cleaning) {
             return std::make_unique<EmbeddingCache>(folder,
                                                     EmbeddingSource{encoder, prompt_cleaning(cleaning), length}, warn);
           }),
           py::arg("folder"), py::arg("encoder"), py::arg("length") = 512, py::arg("cleaning") = "whitespace")
      .def("embed", &EmbeddingCache::embed, py::arg("prompts"), py::arg("encode"),
           py::call_guard<py::gil_scoped_release>(), embed_doc)
      .def("find", &EmbeddingCache::find, py::arg("prompt"), "The stored embedding (length, dim), or None.")
      .def("store", &EmbeddingCache::store, py::arg("prompt"), py::arg("states"), "Keeps an embedding (length, dim).")
      .def("path", &EmbeddingCache::path, py::arg("prompt"), "Where the embedding of a prompt lies or would lie.");
  module.def("file_fingerprint", &file_fingerprint, py::arg("path"), py::call_guard<py::gil_scoped_release>(),
             "Names a file's contents quickly: SHA-1 of its size and of blocks spread over it.");
}

}  // namespace

void bind_text(py::module_& module) {
  bind_encoder(module);
  bind_cache(module);
  module.def(
      "clean_prompt",
      [](const std::string& prompt, const std::string& cleaning, const std::string& keep_punctuation) {
        return clean_prompt(prompt, prompt_cleaning(cleaning), keep_punctuation);
      },
      py::arg("prompt"), py::arg("cleaning") = "whitespace", py::arg("keep_punctuation") = "", cleaning_doc);
  py::class_<Tokenizer>(module, "Tokenizer", R"(SentencePiece tokenizer with T5's conventions: end of sentence, padding.

path: SentencePiece model file. lower_case: capitals A-Z become small first. truncate: cut over-long prompts instead of
raising ValueError. cleaning: of prompts, as in clean_prompt().)")
      .def(
          py::init([](const std::filesystem::path& path, bool lower_case, bool truncate, const std::string& cleaning) {
            return std::make_unique<Tokenizer>(path, TokenizerOptions{lower_case, truncate, prompt_cleaning(cleaning)});
          }),
          py::arg("path"), py::arg("lower_case") = false, py::arg("truncate") = false,
          py::arg("cleaning") = "whitespace")
      .def(
          "encode",
          [](const Tokenizer& self, const std::string& prompt, std::int64_t length) {
            return tokenize(self, {prompt}, length);
          },
          py::arg("prompt"), py::arg("length"), "ids and mask, (1, length) int64 each.")
      .def("encode", &tokenize, py::arg("prompts"), py::arg("length"),
           "ids and mask of a batch, (B, length) int64 each.")
      .def("pieces", &Tokenizer::pieces, py::arg("prompt"), "The tokens of a prompt as text.")
      .def_property_readonly("vocab", &Tokenizer::vocab, "Number of token ids.");
}
