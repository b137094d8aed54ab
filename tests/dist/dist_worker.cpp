// SPDX-License-Identifier: Apache-2.0
// One process of the jobs of this folder's tests: dist_worker collectives | parity | mismatch | steps HOW. Prints what
// is wrong and exits with 1.
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <thread>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>
#include <action_images/dist/data_parallel.hpp>
#include <action_images/dist/sharding.hpp>
#include <action_images/dist/watchdog.hpp>

#include "parity.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

void require(bool condition, const std::string& sentence) {
  if (!condition) throw std::runtime_error(sentence);
}

void check_collectives(const ProcessGroup& group, at::ScalarType dtype) {
  const int rank = group.rank(), size = group.size();
  const auto options = at::TensorOptions().dtype(dtype);
  at::Tensor tensor = at::full({3}, rank + 1, options);
  group.all_reduce(tensor);
  require(tensor.eq(size * (size + 1) / 2).all().item<bool>(), "all_reduce adds");
  tensor.fill_(2 * rank);
  group.all_reduce(tensor, ReduceOp::mean);
  require(tensor.eq(size - 1).all().item<bool>(), "all_reduce averages");
  tensor.fill_(rank);
  group.all_reduce(tensor, ReduceOp::maximum);
  require(tensor.eq(size - 1).all().item<bool>(), "all_reduce finds the maximum");
  tensor.fill_(rank + 5);
  group.broadcast(tensor, size - 1);
  require(tensor.eq(size + 4).all().item<bool>(), "broadcast gives the root's values");
  at::Tensor part = at::empty({2}, options), whole = at::arange(2 * size, options);
  group.reduce_scatter(part, whole);
  require(part.equal(whole.slice(0, 2 * rank, 2 * rank + 2) * size), "reduce_scatter keeps this rank's part");
  group.all_gather(whole, at::full({2}, rank, options));
  require(whole.equal(at::arange(size, options).repeat_interleave(2)), "all_gather puts parts together by rank");
}

int collectives() {
  const ProcessGroup group = ProcessGroup::from_environment({.backend = "gloo", .timeout = 60});
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16}) check_collectives(group, dtype);
  group.barrier();
  const auto texts = group.gather(std::string(static_cast<std::size_t>(group.rank()), 'x'));
  for (std::size_t rank = 0; rank < texts.size(); ++rank)
    require(texts[rank].size() == rank, "gather keeps every text");
  Mailbox first(group, "a"), second(group, "a");
  for (int round = 0; round < 3; ++round) {
    const auto letters = first.gather(text_of(group.rank(), ' ', round));
    require(letters.size() == (group.rank() == 0 ? static_cast<std::size_t>(group.size()) : 0), "rank 0 gathers");
    for (std::size_t rank = 0; rank < letters.size(); ++rank)
      require(letters[rank] == text_of(rank, ' ', round), "letters come by rank");
    require(second.broadcast(group.rank() == 0 ? text_of("round ", round) : "") == text_of("round ", round),
            "broadcast reaches all");
  }
  // A second group beside the first is another one.
  const ProcessGroup other = ProcessGroup::from_environment({.backend = "gloo", .timeout = 60});
  other.barrier();
  group.barrier();
  return 0;
}

int parity() {
  const ProcessGroup group = ProcessGroup::from_environment({.backend = "gloo", .timeout = 60});
  for (const Mode mode : {Mode::data_parallel, Mode::zero1, Mode::zero2}) {
    for (const int passes : {1, 3}) {
      for (const bool unused : {false, true}) {
        for (const auto& [dtype, tolerance] :
             {std::pair{at::kDouble, 1e-12}, {at::kFloat, 1e-6}, {at::kBFloat16, 0.05}}) {
          const Run run{mode, passes, unused, dtype};
          const std::string fault = difference(train(run, group), train_alone(run, group.size()), tolerance);
          require(fault.empty(), text_of(run, ": ", fault));
        }
      }
    }
  }
  return 0;
}

// Steps that never end, until what the test does; `how` rank 1 goes wrong at step 5 by itself.
int steps(const std::string& how) {
  const ProcessGroup group = ProcessGroup::from_environment({.backend = "gloo", .timeout = 120});
  Watchdog watchdog(group, {.interval = 0.2, .silent_seconds = 2.0, .hang_seconds = 3.0});
  at::Tensor tensor = at::ones({4});
  for (std::int64_t step = 0;; ++step) {
    watchdog.step(step);
    // By step 50, a second after the start, the others have seen signs of life with steps.
    if (step == 5 || step == 50) std::cout << "at step " << step << std::endl;
    if (step == 5 && group.rank() == 1) {
      if (how == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
      if (how == "throw") throw std::runtime_error("bad batch");
      if (how == "leave") return 0;
    }
    if (step == 5 && group.rank() == 1 && how == "busy") {
      const auto excuse = watchdog.busy("validation", 60);
      std::this_thread::sleep_for(std::chrono::seconds(6));
    }
    if (step == 20 && how == "busy") return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    group.all_reduce(tensor, ReduceOp::mean);
    // Work of other kinds may never say itself that it is finished.
    group.reduce_scatter(at::zeros({1}), at::ones({group.size()}));
  }
}

// Processes whose parameters differ.
int mismatch() {
  const ProcessGroup group = ProcessGroup::from_environment({.backend = "gloo", .timeout = 60});
  Parameters parameters;
  parameters.declare("weight", {3, 2 + group.rank()}, Init::ones);
  parameters.requires_grad(true);
  DataParallel(parameters.named(), group);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::map<std::string, std::function<int()>> tasks{
      {"collectives", collectives},
      {"parity", parity},
      {"mismatch", mismatch},
      {"steps", [&] { return steps(count > 2 ? words[2] : ""); }},
  };
  try {
    return tasks.at(count > 1 ? words[1] : "")();
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
