// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include <action_images/core/check.hpp>

#include "process_group_impl.hpp"

namespace action_images {

struct Mailbox::Channel {
  int rank = 0;
  int size = 1;
  ProcessGroup::Impl::Store store;  // none: alone
  std::int64_t messages = 0;
  std::vector<std::string> read_by_all;  // keys of broadcasts that are deleted when everybody has gone on

  // Runs an operation on the store; its failures become DistributedErrors.
  template <typename Operation>
  auto on_store(const std::string& key, const Operation& operation) {
    try {
      return operation();
    } catch (const std::exception& error) {
      const std::string reason = error.what();
      throw DistributedError(text_of("[dist::Mailbox] ", key, " did not come to rank ", rank, " of ", size, ": ",
                                     reason.substr(0, reason.find('\n'))));
    }
  }
};

Mailbox::Mailbox(const ProcessGroup& group, const std::string& name) : channel_(std::make_unique<Channel>()) {
  ProcessGroup::Impl& impl = group.impl();
  channel_->rank = impl.rank;
  channel_->size = impl.size;
  if (impl.alone()) return;
  const auto connection = channel_->on_store(name, [&] { return impl.connect(impl.timeout); });
  channel_->store =
      c10::make_intrusive<c10d::PrefixStore>(text_of("mailbox/", impl.mailboxes++, '/', name), connection);
}

Mailbox::~Mailbox() = default;
Mailbox::Mailbox(Mailbox&&) noexcept = default;

std::vector<std::string> Mailbox::gather(const std::string& text) {
  Channel& channel = *channel_;
  if (channel.store == nullptr) return {text};
  const std::string prefix = std::to_string(channel.messages++) + '/';
  const auto key = [&prefix](int rank) { return prefix + std::to_string(rank); };
  if (channel.rank != 0) {
    channel.on_store(key(channel.rank), [&] { channel.store->set(key(channel.rank), text); });
    return {};
  }
  std::vector<std::string> texts{text};
  for (int rank = 1; rank < channel.size; ++rank) {
    texts.push_back(channel.on_store(key(rank), [&] { return channel.store->get_to_str(key(rank)); }));
    channel.on_store(key(rank), [&] { channel.store->deleteKey(key(rank)); });
  }
  for (const std::string& old : std::exchange(channel.read_by_all, {})) {
    channel.on_store(old, [&] { channel.store->deleteKey(old); });
  }
  return texts;
}

std::string Mailbox::broadcast(const std::string& text) {
  Channel& channel = *channel_;
  if (channel.store == nullptr) return text;
  const std::string key = std::to_string(channel.messages++);
  if (channel.rank != 0) return channel.on_store(key, [&] { return channel.store->get_to_str(key); });
  channel.on_store(key, [&] { channel.store->set(key, text); });
  channel.read_by_all.push_back(key);
  return text;
}

}  // namespace action_images
