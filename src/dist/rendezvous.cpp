// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <optional>

#include <ATen/Context.h>
#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <action_images/core/check.hpp>

#include "process_group_impl.hpp"

namespace action_images {

namespace {

constexpr const char* where = "dist::ProcessGroup";
using Impl = ProcessGroup::Impl;
using std::chrono::milliseconds;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

std::string required(const char* name) {
  const auto value = variable(name);
  check(value.has_value(), where, name, "a value in the environment, as torchrun sets it", "none");
  return *value;
}

int number(const char* name, int least, int most) {
  const std::string text = required(name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  check(whole && value >= least && value <= most, where, name, text_of("a number from ", least, " to ", most),
        printable(text));
  return value;
}

// Where the store is, and who serves it.
struct Rendezvous {
  int rank = number("RANK", 0, number("WORLD_SIZE", 1, 1 << 20) - 1);
  int size = number("WORLD_SIZE", 1, 1 << 20);
  std::string host = required("MASTER_ADDR");
  int port = number("MASTER_PORT", 1, 65535);
  // torchrun's own process serves the store then, and a job that it starts again finds the old attempt's keys there.
  bool served_by_launcher = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
};

// How often torchrun has started the job again.
std::string attempt() { return variable("TORCHELASTIC_RESTART_COUNT").value_or("0"); }

Impl::Store tcp_store(const std::string& host, int port, bool serve, milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(port);
  options.isServer = serve;
  options.waitWorkers = false;
  options.multiTenant = true;
  options.timeout = timeout;
  return c10::make_intrusive<c10d::TCPStore>(host, options);
}

// Groups that one process makes one after the other do not see each other's keys.
std::string next_prefix() {
  static std::atomic<int> groups{0};
  return text_of("action_images/attempt_", attempt(), "/group_", groups++);
}

void add_backends(Impl& impl, const std::string& wanted, const Impl::Store& store) {
  using Type = c10d::ProcessGroup::BackendType;
  const bool nccl = wanted == "nccl" || (wanted == "auto" && built_with_nccl() && at::hasCUDA());
  const bool gloo = wanted == "gloo" || (wanted == "auto" && (built_with_gloo() || !nccl));
  const auto below = [&store](const char* name) -> Impl::Store {
    return c10::make_intrusive<c10d::PrefixStore>(name, store);
  };
  if (gloo) {
    impl.group->setBackend(at::kCPU, Type::GLOO, gloo_backend(below("gloo"), impl.rank, impl.size, impl.timeout));
    if (!nccl && at::hasCUDA()) impl.group->setBackend(at::kCUDA, Type::GLOO, impl.group->getBackend(at::kCPU));
  }
  if (nccl) {
    impl.group->setBackend(at::kCUDA, Type::NCCL, nccl_backend(below("nccl"), impl.rank, impl.size, impl.timeout));
  }
  impl.group->setDefaultBackend(gloo ? Type::GLOO : Type::NCCL);
  impl.backend = gloo && nccl ? "cpu:gloo,cuda:nccl" : gloo ? "gloo" : "nccl";
}

Impl::Store without_prefixes(const Impl::Store& store) {
  Impl::Store inner = store;
  while (auto* prefixed = dynamic_cast<c10d::PrefixStore*>(inner.get())) inner = prefixed->getUnderlyingStore();
  return inner;
}

}  // namespace

ProcessGroup ProcessGroup::from_environment(const GroupOptions& options) {
  const bool known = options.backend == "auto" || options.backend == "gloo" || options.backend == "nccl";
  check(known, where, "backend", "auto, gloo or nccl", printable(options.backend));
  check(options.timeout > 0 && options.timeout < 1e6, where, "timeout", "seconds in (0, 1e6)", options.timeout);
  if (!variable("WORLD_SIZE") || number("WORLD_SIZE", 1, 1 << 20) == 1) return alone();
  const Rendezvous rendezvous;
  auto impl = std::make_shared<Impl>();
  impl->rank = rendezvous.rank;
  impl->size = rendezvous.size;
  impl->timeout = milliseconds(static_cast<std::int64_t>(options.timeout * 1000));
  const std::string prefix = next_prefix();
  try {
    const bool serve = rendezvous.rank == 0 && !rendezvous.served_by_launcher;
    const Impl::Store served = tcp_store(rendezvous.host, rendezvous.port, serve, impl->timeout);
    impl->connect = [rendezvous, prefix, served](milliseconds timeout) -> Impl::Store {
      return c10::make_intrusive<c10d::PrefixStore>(prefix,
                                                    tcp_store(rendezvous.host, rendezvous.port, false, timeout));
    };
    const Impl::Store store = c10::make_intrusive<c10d::PrefixStore>(prefix, served);
    impl->group = c10::make_intrusive<c10d::ProcessGroup>(store, impl->rank, impl->size);
    add_backends(*impl, options.backend, store);
  } catch (const ValueError&) {
    throw;
  } catch (const std::exception& error) {
    const std::string reason = error.what();
    throw DistributedError(text_of('[', where, "] rank ", rendezvous.rank, " of ", rendezvous.size,
                                   " did not meet the others at ", rendezvous.host, ':', rendezvous.port, ": ",
                                   reason.substr(0, reason.find('\n'))));
  }
  return ProcessGroup(std::move(impl));
}

ProcessGroup ProcessGroup::adopt(const std::string& name) {
  auto impl = std::make_shared<Impl>();
  try {
    impl->group = c10d::resolve_process_group(name);
  } catch (const std::exception&) {
    throw ValueError(
        expected_text(where, "name", "that of a group which torch.distributed has made", '"' + printable(name) + '"'));
  }
  impl->rank = impl->group->getRank();
  impl->size = impl->group->getSize();
  impl->backend = impl->group->getBackendName();
  impl->timeout = std::chrono::minutes(10);
  static std::atomic<int> adoptions{0};
  const std::string prefix = text_of("action_images/attempt_", attempt(), '/', name, "/adopted_", adoptions++);
  const Impl::Store own = impl->group->getStore();
  impl->connect = [own, prefix](milliseconds timeout) -> Impl::Store {
    const Impl::Store inner = without_prefixes(own);
    const auto* tcp = dynamic_cast<const c10d::TCPStore*>(inner.get());
    const Impl::Store connection = tcp != nullptr ? tcp_store(tcp->getHost(), tcp->getPort(), false, timeout) : own;
    return c10::make_intrusive<c10d::PrefixStore>(prefix, connection);
  };
  return ProcessGroup(std::move(impl));
}

}  // namespace action_images
