// SPDX-License-Identifier: Apache-2.0
#include <action_images/nn/parameters.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

constexpr const char* where = "nn::Parameters";

// The standard deviation, or for xavier the bound, of a weight seen as a matrix (shape[0], the rest).
double spread(const at::Tensor& parameter, Init init) {
  const double rows = parameter.dim() > 0 ? static_cast<double>(parameter.size(0)) : 1.0;
  const double columns = static_cast<double>(parameter.numel()) / std::max(rows, 1.0);
  switch (init) {
    case Init::normal_002:
      return 0.02;
    case Init::normal_width:
      return 1.0 / std::sqrt(static_cast<double>(parameter.size(-1)));
    case Init::xavier:
      return std::sqrt(6.0 / (rows + columns));
    case Init::kaiming:
      return std::sqrt(2.0 / columns);
    default:
      return 0.0;
  }
}

bool is_random(Init init) { return init != Init::zeros && init != Init::ones && init != Init::identity; }

at::Tensor constant(at::IntArrayRef shape, Init init, at::ScalarType dtype) {
  const auto options = at::TensorOptions(dtype);
  if (init == Init::ones) return at::ones(shape, options);
  if (init != Init::identity) return at::zeros(shape, options);
  check_shape(shape.size() == 2 && shape[0] == shape[1], "nn::Parameters::declare", "shape", "a square matrix", shape);
  return at::eye(shape[0], options);
}

at::Tensor fresh(const at::Tensor& parameter, Init init, const at::Generator& generator) {
  if (!is_random(init)) return constant(parameter.sizes(), init, at::kFloat);
  const double range = spread(parameter, init);
  at::Tensor values = at::empty(parameter.sizes(), at::kFloat);
  return init == Init::xavier ? values.uniform_(-range, range, generator) : values.normal_(0.0, range, generator);
}

// Replaces what a handle holds; its gradient would have the wrong type.
void replace(at::Tensor& parameter, const at::Tensor& values) {
  parameter.mutable_grad() = at::Tensor();
  parameter.set_data(values);
}

// "missing (30): a b c ...": the number of all, and the first names.
void list(std::ostringstream& text, const char* title, const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  if (names.empty()) return;
  text << (text.tellp() > 0 ? "; " : "") << title << " (" << names.size() << "):";
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text << ' ' << printable(names[i], 200);
  if (names.size() > most) text << " ...";
}

}  // namespace

at::Tensor Parameters::declare(const std::string& name, at::IntArrayRef shape, Init init) {
  const auto same_name = [&](const auto& entry) { return entry.first == name; };
  check(std::none_of(named_.begin(), named_.end(), same_name), "nn::Parameters::declare", "name", "a new name", name);
  named_.emplace_back(name, existing_ ? adopt(name, shape) : constant(shape, init, dtype_));
  inits_.push_back(init);
  return named_.back().second;
}

// A tensor that does not fit is refused by finish(), with all others; until then zeros without memory stand for it.
at::Tensor Parameters::adopt(const std::string& name, at::IntArrayRef shape) const {
  const auto found = existing_->find(name);
  const bool fits = found != existing_->end() && found->second.defined() && found->second.sizes() == shape;
  return fits ? found->second : at::zeros({}).expand(shape);
}

void Parameters::finish() const {
  if (existing_) check_fit(*existing_, "nn::Parameters::finish");
}

const at::Tensor& Parameters::at(const std::string& name) const {
  const auto found = std::find_if(named_.begin(), named_.end(), [&](const auto& entry) { return entry.first == name; });
  check(found != named_.end(), "nn::Parameters::at", "name", "the name of a parameter", name);
  return found->second;
}

TensorMap Parameters::state() const {
  TensorMap state;
  for (const auto& [name, parameter] : named_) state.emplace(name, parameter.detach());
  return state;
}

void Parameters::check_fit(const TensorMap& tensors, std::string_view where) const {
  std::vector<std::string> missing, unexpected, misshaped;
  std::set<std::string_view> declared;
  for (const auto& [name, parameter] : named_) {
    declared.insert(name);
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      missing.push_back(name);
    } else if (!found->second.defined() || found->second.sizes() != parameter.sizes()) {
      const auto got = found->second.defined() ? shape_text(found->second.sizes()) : std::string("undefined");
      misshaped.push_back(text_of(name, " expected ", shape_text(parameter.sizes()), " got ", got));
    }
  }
  for (const auto& [name, tensor] : tensors) {
    if (declared.count(name) == 0) unexpected.push_back(name);
  }
  std::ostringstream faults;
  list(faults, "missing", missing);
  list(faults, "unexpected", unexpected);
  list(faults, "mis-shaped", misshaped);
  check<FormatError>(faults.str().empty(), where, "tensors", "the network's names and shapes", faults.str());
}

void Parameters::load(const TensorMap& tensors) {
  check_fit(tensors, "nn::Parameters::load");
  for (auto& [name, parameter] : named_) parameter.detach().copy_(tensors.at(name).detach());
}

void Parameters::initialize(std::uint64_t seed) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (std::size_t i = 0; i < named_.size(); ++i) {
    at::Tensor& parameter = named_[i].second;
    parameter.detach().copy_(fresh(parameter, inits_[i], generator));
  }
}

void Parameters::to(at::ScalarType dtype) {
  check(at::isFloatingType(dtype), where, "dtype", "a floating-point type", at::toString(dtype));
  dtype_ = dtype;
  for (auto& [name, parameter] : named_) {
    if (parameter.is_floating_point() && parameter.scalar_type() != dtype) {
      replace(parameter, parameter.detach().to(dtype));
    }
  }
}

void Parameters::to(at::Device device) {
  for (auto& [name, parameter] : named_) {
    if (parameter.device() != device) replace(parameter, parameter.detach().to(device));
  }
}

void Parameters::requires_grad(bool on) {
  for (auto& [name, parameter] : named_) parameter.requires_grad_(on);
}

std::int64_t Parameters::count() const {
  std::int64_t count = 0;
  for (const auto& [name, parameter] : named_) count += parameter.numel();
  return count;
}

}  // namespace action_images
