// SPDX-License-Identifier: Apache-2.0
#include "network.hpp"

#include <memory>
#include <optional>
#include <utility>

#include <pybind11/stl/filesystem.h>

#include <action_images/text/tokenizer.hpp>
#include <action_images/text/umt5.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* encoder_doc = R"(The encoder of UMT5, the text encoder of Wan 2.1 and 2.2.

config has the keys vocab, dim, dim_attn, dim_ffn, num_heads, num_layers, num_buckets, shared_pos, all optional, and
"preset": "umt5-xxl". Parameters carry Wan's names. Given `tensors`, the network computes with them: they are not copied,
and gradients reach them.)";

constexpr const char* call_doc = R"(Hidden states (B, L, dim) of token ids (B, L) int64, zero where mask (B, L) is.)";

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
          py::arg("ids"), py::arg("mask") = py::none(), py::call_guard<py::gil_scoped_release>(), call_doc);
  binding::def_parameters(encoder);
}

}  // namespace

void bind_text(py::module_& module) {
  bind_encoder(module);
  module.def("clean_prompt", &clean_prompt, py::arg("prompt"),
             "Wan's whitespace cleaning: HTML entities decoded, every run of white space one space, none at the ends.");
  py::class_<Tokenizer>(module, "Tokenizer", R"(SentencePiece tokenizer with T5's conventions: end of sentence, padding.

path: SentencePiece model file. lower_case: capitals A-Z become small first. truncate: cut over-long prompts instead of
raising ValueError.)")
      .def(py::init([](const std::filesystem::path& path, bool lower_case, bool truncate) {
             return std::make_unique<Tokenizer>(path, TokenizerOptions{lower_case, truncate});
           }),
           py::arg("path"), py::arg("lower_case") = false, py::arg("truncate") = false)
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
