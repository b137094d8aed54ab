// SPDX-License-Identifier: Apache-2.0
#include <action_images/dist/process_group.hpp>

#include <cstdlib>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

#include "jobs.hpp"
#include "parity.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

void check_job(int processes, const std::string& task) {
  const Folder folder("dist");
  Job job(processes, ACTION_IMAGES_DIST_WORKER, {task}, folder.path);
  for (int rank = 0; rank < processes; ++rank) {
    const int code = job.wait(rank);
    CHECK_MESSAGE(code == 0, "rank " << rank << " of " << processes << ": " << job.all_output(rank));
  }
}

struct Environment {
  std::vector<const char*> names;
  Environment(std::initializer_list<std::pair<const char*, const char*>> variables) {
    for (const auto& [name, value] : variables) {
      ::setenv(name, value, 1);
      names.push_back(name);
    }
  }
  ~Environment() {
    for (const char* name : names) ::unsetenv(name);
  }
};

}  // namespace

TEST_CASE("a process alone is a group of one, in which every collective is the identity") {
  for (const ProcessGroup& group : {ProcessGroup::alone(), ProcessGroup::from_environment()}) {
    CHECK(group.size() == 1);
    CHECK(group.rank() == 0);
    at::Tensor tensor = at::tensor({1.0F, 2.0F});
    const at::Tensor before = tensor.clone();
    group.all_reduce(tensor, ReduceOp::mean);
    group.broadcast(tensor);
    group.barrier();
    CHECK(tensor.equal(before));
    at::Tensor gathered = at::empty({2});
    group.all_gather(gathered, tensor);
    CHECK(gathered.equal(before));
    CHECK(group.gather("text") == std::vector<std::string>{"text"});
    CHECK(Mailbox(group, "name").broadcast("text") == "text");
  }
}

TEST_CASE("an environment that lacks a variable, or has a wrong one, is refused by name") {
  {
    const Environment environment{{"WORLD_SIZE", "2"}};
    CHECK_THROWS_WITH_AS(
        ProcessGroup::from_environment(),
        "[dist::ProcessGroup] RANK: expected a value in the environment, as torchrun sets it, got none", ValueError);
  }
  {
    const Environment environment{
        {"WORLD_SIZE", "2"}, {"RANK", "2"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", "1"}};
    CHECK_THROWS_WITH_AS(ProcessGroup::from_environment(),
                         "[dist::ProcessGroup] RANK: expected a number from 0 to 1, got 2", ValueError);
  }
  CHECK_THROWS_WITH_AS(ProcessGroup::from_environment({.backend = "mpi"}),
                       "[dist::ProcessGroup] backend: expected auto, gloo or nccl, got mpi", ValueError);
  CHECK_THROWS_AS(ProcessGroup::adopt("no such group"), ValueError);
}

TEST_CASE("tensors that do not fit a collective are refused") {
  const ProcessGroup group = ProcessGroup::alone();
  CHECK_THROWS_AS(group.all_reduce(at::zeros({3, 2}).t()), ValueError);
  CHECK_THROWS_AS(group.all_gather(at::zeros({3}), at::zeros({2})), ShapeError);
  CHECK_THROWS_AS(group.broadcast(at::zeros({3}), 1), ValueError);
}

TEST_CASE("processes that wait in vain for the others say so") {
  const Environment environment{{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", "1"}};
  CHECK_THROWS_WITH_AS(ProcessGroup::from_environment({.backend = "gloo", .timeout = 1}),
                       doctest::Contains("rank 1 of 2 did not meet the others at 127.0.0.1:1"), DistributedError);
}

TEST_CASE("collectives and mailboxes give every process what they promise") {
  check_job(2, "collectives");
  check_job(4, "collectives");
}

TEST_CASE("1, 2 and 4 processes train as one does, in every mode") {
  const ProcessGroup group = ProcessGroup::alone();
  for (const Mode mode : {Mode::data_parallel, Mode::zero1, Mode::zero2}) {
    const Run run{mode, 2, true, at::kDouble};
    CHECK(difference(train(run, group), train_alone(run, 1), 1e-12) == "");
  }
  check_job(2, "parity");
  check_job(4, "parity");
}

TEST_CASE("processes whose parameters differ are refused, with the first difference") {
  const Folder folder("dist");
  Job job(2, ACTION_IMAGES_DIST_WORKER, {"mismatch"}, folder.path);
  for (int rank = 0; rank < 2; ++rank) {
    CHECK(job.wait(rank) == 1);
    CHECK_MESSAGE(
        job.all_output(rank).find(
            "rank 1 has weight (3, 3) Float trained where rank 0 has weight (3, 2) Float trained") != std::string::npos,
        job.all_output(rank));
  }
}
