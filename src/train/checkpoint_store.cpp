// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/checkpoint_store.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <set>
#include <thread>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "checkpoint_folder.hpp"

namespace action_images {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* where = "train::CheckpointStore";

// What one process writes, in host memory.
struct Share {
  std::int64_t step;
  std::map<std::string, TensorPiece> pieces;
  json state, rank_state;
  std::optional<double> metric;
};

at::Tensor on_host(const at::Tensor& tensor, bool copy) {
  const at::NoGradGuard no_gradients;
  const at::Tensor detached = tensor.detach();
  return copy && detached.is_cpu() ? detached.clone(at::MemoryFormat::Contiguous) : detached.cpu().contiguous();
}

// Tensors that every process holds are written by one each, in turn.
Share share_of(const CheckpointContents& contents, const ProcessGroup& group, bool copy) {
  Share share{contents.step, {}, contents.state, contents.rank_state, contents.metric};
  int turn = 0;
  for (const auto& [name, tensor] : contents.tensors) {
    check(tensor.defined(), where, name, "a tensor", "an undefined one");
    check(contents.pieces.count(name) == 0, where, name, "either a whole tensor or a piece", "both");
    if (turn++ % group.size() == group.rank()) share.pieces[name] = {on_host(tensor, copy), 0, tensor.sizes().vec()};
  }
  for (const auto& [name, piece] : contents.pieces) {
    check_shape(piece.values.defined() && piece.values.dim() == 1, where, name, "1-D values of a piece",
                piece.values.defined() ? piece.values.sizes() : at::IntArrayRef());
    share.pieces[name] = {on_host(piece.values, copy), piece.start, piece.shape};
  }
  return share;
}

// Writes a share; says which files there are and what is in them.
json write_share(const fs::path& folder, const Share& share, int rank, std::uint64_t shard_bytes) {
  json said{{"files", json::object()}, {"pieces", json::array()}, {"rank_state", share.rank_state}};
  if (share.pieces.empty()) return said;
  std::map<std::string, TensorSource> sources;
  for (const auto& [name, piece] : share.pieces) {
    sources[name] = {piece.values.scalar_type(), piece.values.sizes().vec(),
                     [&values = piece.values] { return values; }};
  }
  char stem[32];
  std::snprintf(stem, sizeof(stem), "rank-%05d", rank);
  for (const fs::path& file :
       write_safetensors(folder / (std::string(stem) + ".safetensors"), sources, {}, shard_bytes)) {
    const ListedFile entry = listed(file);
    said["files"][file.filename().string()] = {{"bytes", entry.bytes}, {"crc32", entry.crc32}};
    if (file.extension() != ".safetensors") continue;
    for (const std::string& name : SafetensorsFile(file).names()) {
      const TensorPiece& piece = share.pieces.at(name);
      said["pieces"].push_back({{"name", name},
                                {"file", file.filename().string()},
                                {"start", piece.start},
                                {"stop", piece.start + piece.values.numel()},
                                {"shape", piece.shape}});
    }
  }
  return said;
}

// The manifest from what all ranks said.
json manifest_of(const Share& share, const std::vector<json>& said) {
  json files = json::object(), tensors = json::object();
  for (const json& rank : said) {
    files.update(rank["files"]);
    for (const json& piece : rank["pieces"]) {
      json& tensor = tensors[piece["name"].get<std::string>()];
      if (tensor.is_null()) tensor = {{"shape", piece["shape"]}, {"pieces", json::array()}};
      tensor["pieces"].push_back({{"file", piece["file"]}, {"start", piece["start"]}, {"stop", piece["stop"]}});
    }
  }
  for (auto& [name, tensor] : tensors.items()) {
    auto& pieces = tensor["pieces"].get_ref<json::array_t&>();
    std::sort(pieces.begin(), pieces.end(), [](const json& a, const json& b) { return a["start"] < b["start"]; });
  }
  return {{"format", "action-images-checkpoint"},
          {"version", 1},
          {"step", share.step},
          {"ranks", said.size()},
          {"metric", share.metric ? json(*share.metric) : json()},
          {"files", files},
          {"tensors", tensors}};
}

std::string state_text(const Share& share, const std::vector<json>& said) {
  json ranks = json::array();
  for (const json& rank : said) ranks.push_back(rank["rank_state"]);
  return json{{"state", share.state}, {"ranks", ranks}}.dump(1) + "\n";
}

// Runs a task; returns what went wrong, empty if nothing did.
template <typename Task>
std::string error_of(const Task& task) {
  try {
    task();
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

struct CheckpointStore::Impl {
  fs::path folder;
  ProcessGroup group;
  CheckpointStoreOptions options;
  Mailbox mailbox;
  bool tidy = false;  // leftovers are removed
  std::thread writer;
  std::exception_ptr error;

  void write(const Share& share);
  void prepare(const fs::path& partial);
  void complete(const fs::path& partial, const Share& share, const std::vector<json>& said);
  void prune(std::int64_t newest);
  void agree(const std::string& fault);
  void notice(const std::string& text) const;
};

void CheckpointStore::Impl::notice(const std::string& text) const {
  if (options.notice) {
    options.notice(text);
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
}

// Throws in every process if rank 0 says that something is wrong.
void CheckpointStore::Impl::agree(const std::string& fault) {
  const std::string common = mailbox.broadcast(fault);
  if (!common.empty()) throw FormatError(common);
}

void CheckpointStore::Impl::write(const Share& share) {
  const fs::path partial = partial_folder(folder, share.step);
  agree(group.rank() == 0 ? error_of([&] { prepare(partial); }) : std::string());
  json own;
  const std::string own_error = error_of([&] { own = write_share(partial, share, group.rank(), options.shard_bytes); });
  if (!own_error.empty()) own = {{"error", own_error}};
  const std::vector<std::string> texts = mailbox.gather(own.dump());
  std::string fault;
  if (group.rank() == 0) {
    fault = error_of([&] {
      std::vector<json> said;
      for (const std::string& text : texts) said.push_back(json::parse(text));
      complete(partial, share, said);
    });
  }
  agree(fault);
}

void CheckpointStore::Impl::prepare(const fs::path& partial) {
  fs::create_directories(folder);
  if (!std::exchange(tidy, true)) remove_leftovers(folder);
  fs::remove_all(partial);
  fs::create_directory(partial);
}

void CheckpointStore::Impl::complete(const fs::path& partial, const Share& share, const std::vector<json>& said) {
  try {
    for (std::size_t rank = 0; rank < said.size(); ++rank) {
      check<FormatError>(!said[rank].contains("error"), where, text_of("rank ", rank), "a written share",
                         said[rank].value("error", ""));
    }
    write_file(partial / "state.json", state_text(share, said), where);
    json manifest = manifest_of(share, said);
    const ListedFile state = listed(partial / "state.json");
    manifest["files"]["state.json"] = {{"bytes", state.bytes}, {"crc32", state.crc32}};
    write_manifest(partial, manifest);
    const SavedCheckpoint opened(partial);  // all pieces are there and fit
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    throw;
  }
  publish(partial, folder / ("checkpoint-" + std::to_string(share.step)));
  const std::string fault = error_of([&] { prune(share.step); });
  if (!fault.empty()) notice(fault);
}

// Keeps the last and the best up to a step; those of higher steps, of a run that went on from an older one, are left.
void CheckpointStore::Impl::prune(std::int64_t newest) {
  if (options.keep_last == 0) return;
  std::vector<std::pair<double, std::int64_t>> ranked;
  std::vector<std::pair<std::int64_t, fs::path>> older;
  std::set<std::int64_t> kept;
  for (const auto& [step, path] : checkpoint_folders(folder)) {
    if (step > newest) continue;
    older.emplace_back(step, path);
    json metric;
    const std::string fault = error_of([&, &path = path] { metric = read_manifest(path).at("metric"); });
    if (!fault.empty()) continue;  // damaged: counts for nothing, and goes
    if (static_cast<std::int64_t>(kept.size()) < options.keep_last) kept.insert(step);
    if (metric.is_number())
      ranked.emplace_back(options.lower_is_better ? metric.get<double>() : -metric.get<double>(), -step);
  }
  std::sort(ranked.begin(), ranked.end());
  const auto best = std::min(ranked.size(), static_cast<std::size_t>(options.keep_best));
  for (std::size_t i = 0; i < best; ++i) kept.insert(-ranked[i].second);
  for (const auto& [step, path] : older) {
    if (kept.count(step) == 0) remove_checkpoint(path);
  }
}

CheckpointStore::CheckpointStore(const fs::path& folder, const ProcessGroup& group,
                                 const CheckpointStoreOptions& options) {
  check(options.keep_last >= 0 && options.keep_best >= 0, where, "keep_last, keep_best", "at least 0",
        text_of(options.keep_last, ", ", options.keep_best));
  check(options.shard_bytes > 0, where, "shard_bytes", "at least 1", options.shard_bytes);
  impl_.reset(new Impl{.folder = folder,
                       .group = group,
                       .options = options,
                       .mailbox = Mailbox(group, "checkpoints"),
                       .tidy = false,
                       .writer = {},
                       .error = {}});
}

CheckpointStore::~CheckpointStore() {
  const std::string fault = error_of([this] { wait(); });
  if (!fault.empty()) impl_->notice(fault);
}

void CheckpointStore::save(const CheckpointContents& contents) {
  check(contents.step >= 0, where, "step", "at least 0", contents.step);
  wait();
  Share share = share_of(contents, impl_->group, impl_->options.asynchronous);
  if (!impl_->options.asynchronous) {
    impl_->write(share);
    return;
  }
  impl_->writer = std::thread([impl = impl_.get(), share = std::move(share)] {
    try {
      impl->write(share);
    } catch (...) {
      impl->error = std::current_exception();
    }
  });
}

void CheckpointStore::wait() {
  if (impl_->writer.joinable()) impl_->writer.join();
  if (impl_->error) std::rethrow_exception(std::exchange(impl_->error, nullptr));
}

std::optional<SavedCheckpoint> CheckpointStore::newest() {
  wait();
  const auto share = static_cast<std::size_t>(impl_->group.rank()),
             shares = static_cast<std::size_t>(impl_->group.size());
  const auto candidates =
      share == 0 ? checkpoint_folders(impl_->folder) : std::vector<std::pair<std::int64_t, fs::path>>();
  for (std::size_t number = 0;; ++number) {
    const bool more = number < candidates.size();
    const std::string name =
        impl_->mailbox.broadcast(more ? candidates[number].second.filename().string() : std::string());
    if (name.empty()) return std::nullopt;
    const fs::path path = impl_->folder / name;
    std::string fault = fault_of(path, share, shares);
    std::optional<SavedCheckpoint> opened;
    if (fault.empty()) fault = error_of([&] { opened.emplace(path); });
    for (const std::string& other : impl_->mailbox.gather(fault)) {
      if (fault.empty()) fault = other;
    }
    fault = impl_->mailbox.broadcast(fault);
    if (fault.empty()) return opened;
    if (share == 0) impl_->notice(text_of("passing over ", path.string(), ": ", fault));
  }
}

}  // namespace action_images
