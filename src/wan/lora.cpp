// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/lora.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/wan/names.hpp>

namespace action_images {

namespace {

constexpr const char* where = "wan::Lora";
constexpr std::string_view kohya = "lora_unet_";

enum class Part { down, up, alpha, weight_difference, bias_difference, magnitude };

// What the end of a name says that a tensor is.
struct Ending {
  std::string_view text;
  Part part;
};
constexpr std::array<Ending, 17> endings = {{
    {".lora_A.weight", Part::down},
    {".lora_A.default.weight", Part::down},
    {".lora_down.weight", Part::down},
    {".lora.down.weight", Part::down},
    {"_lora.down.weight", Part::down},
    {".lora_B.weight", Part::up},
    {".lora_B.default.weight", Part::up},
    {".lora_up.weight", Part::up},
    {".lora.up.weight", Part::up},
    {"_lora.up.weight", Part::up},
    {".alpha", Part::alpha},
    {".diff", Part::weight_difference},
    {".diff_b", Part::bias_difference},
    {".dora_scale", Part::magnitude},
    {".lora_magnitude_vector", Part::magnitude},
    {".lora_magnitude_vector.weight", Part::magnitude},
    {".lora_magnitude_vector.default.weight", Part::magnitude},
}};

// Names in one line, the first of them.
std::string list(const char* title, const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  if (names.empty()) return {};
  std::string text = text_of(title, " (", names.size(), "):");
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += ' ' + printable(names[i], 200);
  return text + (names.size() > most ? " ...; " : "; ");
}

void refuse(const std::string& faults, const char* function, const char* expected) {
  if (faults.empty()) return;
  throw FormatError(expected_text(function, "tensors", expected, faults.substr(0, faults.size() - 2)));
}

std::string with_underscores(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

at::Tensor matrix(const at::Tensor& tensor) { return tensor.detach().cpu().to(at::kFloat).flatten(1); }

}  // namespace

// Sorts the tensors of one file into changes.
class LoraReader {
 public:
  explicit LoraReader(Lora& lora) : lora_(lora) {}

  void read(const TensorMap& tensors) {
    for (const auto& [name, tensor] : tensors) {
      if (!add(name, tensor)) unknown_.push_back(name);
    }
    check_halves();
    const std::string faults = list("unknown", unknown_) + list("of DoRA", magnitudes_) +
                               list("without its other half", halves_) + list("of another shape", misshaped_);
    refuse(faults, where, "the pairs of matrices of a LoRA");
  }

 private:
  bool add(const std::string& name, const at::Tensor& tensor) {
    for (const auto& [text, part] : endings) {
      if (!name.ends_with(text)) continue;
      const std::string module = name.substr(0, name.size() - text.size());
      if (part == Part::magnitude) {
        magnitudes_.push_back(name);
        return true;
      }
      const auto key = key_of(module, part == Part::bias_difference ? "bias" : "weight");
      if (!key) return false;
      Lora::Change& change = lora_.changes_[*key];
      change.name = module;
      return put(change, part, name, tensor);
    }
    return false;
  }

  // Wan's name of a module's parameter; kohya's names with underscores stay so.
  static std::optional<std::string> key_of(const std::string& module, const std::string& parameter) {
    if (module.starts_with(kohya)) return module.substr(kohya.size()) + '_' + parameter;
    return wan_transformer_name(module + '.' + parameter);
  }

  bool put(Lora::Change& change, Part part, const std::string& name, const at::Tensor& tensor) {
    if (part == Part::alpha) {
      const bool number = tensor.numel() == 1 && !change.alpha;
      if (number) change.alpha = tensor.item<double>();
      return number && std::isfinite(*change.alpha);
    }
    at::Tensor& place = part == Part::down ? change.down : part == Part::up ? change.up : change.difference;
    if (place.defined()) return false;
    const bool low_rank = part == Part::down || part == Part::up;
    if ((low_rank && tensor.dim() < 2) || !tensor.is_floating_point()) misshaped_.push_back(name);
    place = tensor;
    return true;
  }

  void check_halves() {
    for (const auto& [key, change] : lora_.changes_) {
      if (change.down.defined() != change.up.defined()) halves_.push_back(change.name);
      if (!change.down.defined() && !change.up.defined() && !change.difference.defined())
        halves_.push_back(change.name);
      const bool pair = change.down.defined() && change.up.defined() && change.down.dim() > 1 && change.up.dim() > 1;
      if (pair && (change.down.size(0) != change.up.size(1) || change.down.size(0) == 0))
        misshaped_.push_back(change.name);
    }
  }

  Lora& lora_;
  std::vector<std::string> unknown_, magnitudes_, halves_, misshaped_;
};

Lora::Lora(const TensorMap& tensors, const Scaling& scaling) : scaling_(scaling) { LoraReader(*this).read(tensors); }

const Lora::Change* Lora::find(const std::string& name) const {
  auto found = changes_.find(name);
  if (found == changes_.end()) found = changes_.find(with_underscores(name));
  return found == changes_.end() ? nullptr : &found->second;
}

bool Lora::changes(const std::string& name) const { return find(name) != nullptr; }

void Lora::check_fit(const TensorMap& tensors) const {
  std::vector<std::string> unmatched, misshaped;
  std::size_t matched = 0;
  std::map<const Change*, bool> found;
  for (const auto& [name, tensor] : tensors) {
    const Change* const change = find(name);
    if (change == nullptr) continue;
    found[change] = true;
    ++matched;
    const bool pair = change->down.defined();
    const bool rows = !pair || (tensor.dim() > 1 && change->up.size(0) == tensor.size(0));
    const bool all = !pair || (rows && change->up.flatten(1).size(1) == change->down.size(0) &&
                               change->up.size(0) * (change->down.numel() / change->down.size(0)) == tensor.numel());
    const bool same = !change->difference.defined() || change->difference.sizes() == tensor.sizes();
    if (!all || !same || !tensor.is_floating_point()) {
      misshaped.push_back(text_of(change->name, " for ", name, ' ', shape_text(tensor.sizes())));
    }
  }
  for (const auto& [key, change] : changes_) {
    if (found.count(&change) == 0) unmatched.push_back(change.name);
  }
  refuse(list("unmatched", unmatched) + list("mis-shaped", misshaped), "wan::Lora::check_fit",
         "parameters of the transformer");
}

at::Tensor Lora::change(const Change& change) const {
  at::Tensor sum;
  if (change.down.defined()) {
    const double rank = static_cast<double>(change.down.size(0));
    const double alpha = change.alpha.value_or(scaling_.alpha.value_or(rank));
    const bool root = scaling_.rank_stabilised && (change.alpha || scaling_.alpha);
    sum = matrix(change.up).mm(matrix(change.down)).mul_(alpha / (root ? std::sqrt(rank) : rank));
  }
  if (!change.difference.defined()) return sum;
  const at::Tensor difference = change.difference.detach().cpu().to(at::kFloat);
  return sum.defined() ? sum.view(difference.sizes()).add(difference) : difference;
}

at::Tensor Lora::merged(const std::string& name, const at::Tensor& parameter, double scale) const {
  const Change* const found = find(name);
  if (found == nullptr || scale == 0.0) return parameter;
  const at::Tensor sum = change(*found).view(parameter.sizes()).to(parameter.device());
  return parameter.detach().to(at::kFloat).add(sum, scale).to(parameter.scalar_type());
}

TensorMap merge_lora(TensorMap tensors, const Lora& lora, double scale) {
  check(std::isfinite(scale), "wan::merge_lora", "scale", "a finite number", scale);
  lora.check_fit(tensors);
  for (auto& [name, tensor] : tensors) {
    if (lora.changes(name)) tensor = lora.merged(name, tensor, scale);
  }
  return tensors;
}

}  // namespace action_images
