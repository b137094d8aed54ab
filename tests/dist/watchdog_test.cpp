// SPDX-License-Identifier: Apache-2.0
#include <action_images/dist/watchdog.hpp>

#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

#include "../../src/dist/verdict.hpp"
#include "jobs.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

Observed computing(std::int64_t step, std::int64_t issued) {
  Observed rank;
  rank.sign.beat = 1;
  rank.sign.step = step;
  rank.sign.issued = issued;
  return rank;
}

Observed waiting(std::int64_t step, std::int64_t issued, double seconds) {
  Observed rank = computing(step, issued);
  rank.sign.waiting_for = "all_reduce";
  rank.sign.waiting_seconds = seconds;
  return rank;
}

// Rank 1 of two processes goes wrong; rank 0 has to end, say why, and name rank 1 and its step.
void check_survivor(const std::string& how, int signal, const std::string& expected) {
  const Folder folder("watchdog");
  Job job(2, ACTION_IMAGES_DIST_WORKER, {"steps", how}, folder.path);
  REQUIRE_MESSAGE(job.printed(1, signal != 0 ? "at step 50" : "at step 5"), job.all_output(1));
  if (signal != 0) job.signal(1, signal);
  const int code = job.wait(0, 60);
  const std::string said = job.all_output(0);
  CHECK_MESSAGE(code == 70, how << " " << code << ": " << said);
  CHECK_MESSAGE(said.find("[rank 0] watchdog: rank 1 (last step ") != std::string::npos, said);
  CHECK_MESSAGE(said.find(expected) != std::string::npos, said);
}

}  // namespace

TEST_CASE("nobody is to blame while all come, or wait for less than the limit") {
  CHECK(verdict({computing(3, 10), computing(3, 10)}, 20, 45) == std::nullopt);
  CHECK(verdict({waiting(3, 11, 44), computing(3, 10)}, 20, 45) == std::nullopt);
}

TEST_CASE("the process for which the others wait too long is named with its step") {
  CHECK(verdict({waiting(18, 11, 46), computing(17, 10), waiting(18, 11, 30)}, 20, 45) ==
        "rank 1 (last step 17, in no collective) hangs: the others have waited for it for 46 s");
  Observed ended = computing(17, 10);
  ended.sign.state = SignOfLife::State::ended;
  CHECK(verdict({waiting(18, 11, 46), ended}, 20, 45) ==
        "rank 1 (last step 17, in no collective) has ended: the others have waited for it for 46 s");
}

TEST_CASE("a process that does what the others wait for is excused until its time is over") {
  Observed busy = computing(17, 10);
  busy.sign.busy_with = "validation";
  busy.sign.unexcused_seconds = 0;
  CHECK(verdict({waiting(18, 11, 500), busy}, 20, 45) == std::nullopt);
  busy.sign.unexcused_seconds = 46;
  CHECK(verdict({waiting(18, 11, 500), busy}, 20, 45) ==
        "rank 1 (last step 17, busy with validation) hangs: the others have waited for it for 500 s");
}

TEST_CASE("a silent process is dead or stopped, and one that failed is named at once") {
  Observed silent = waiting(17, 10, 1);
  silent.silent_seconds = 21;
  CHECK(verdict({computing(17, 10), silent}, 20, 45) ==
        "rank 1 (last step 17, waiting in all_reduce for 1 s) is dead or stopped: no sign of life for 21 s");
  Observed failed = computing(-1, 0);
  failed.sign.state = SignOfLife::State::failed;
  failed.sign.failure = "no such file";
  CHECK(verdict({failed, computing(0, 1)}, 20, 45) ==
        "rank 0 (before its first step, in no collective) failed: no such file");
}

TEST_CASE("when all wait, the network or the order of collectives is to blame") {
  const auto line = verdict({waiting(18, 11, 50), waiting(18, 11, 49)}, 20, 45);
  REQUIRE(line.has_value());
  CHECK(line->find("all ranks wait in a collective for 49 s") == 0);
}

TEST_CASE("nobody is to blame when a long wait is over but the waiting process has not said so yet") {
  CHECK(verdict({waiting(18, 11, 500), waiting(18, 11, 0.1)}, 20, 45) == std::nullopt);
  CHECK(verdict({waiting(18, 11, 500), waiting(18, 12, 0.1)}, 20, 45) == std::nullopt);
  CHECK(verdict({waiting(18, 11, 500), computing(19, 12)}, 20, 45) == std::nullopt);
}

TEST_CASE("signs of life survive their text, and other texts are refused") {
  SignOfLife sign = waiting(17, 10, 1.5).sign;
  sign.failure = "a \"quoted\" text\n\xff";
  const SignOfLife read = SignOfLife::from_text(sign.text());
  CHECK(read.step == 17);
  CHECK(read.waiting_for == "all_reduce");
  CHECK(read.waiting_seconds == 1.5);
  CHECK_THROWS_AS(SignOfLife::from_text("{}"), FormatError);
}

TEST_CASE("a watchdog of one process does nothing, and times that make no sense are refused") {
  const ProcessGroup group = ProcessGroup::alone();
  Watchdog watchdog(group);
  watchdog.step(3);
  const auto excuse = watchdog.busy("validation", 1);
  CHECK_THROWS_AS(Watchdog(group, {.interval = 0}), ValueError);
  CHECK_THROWS_AS(Watchdog(group, {.interval = 5, .silent_seconds = 5}), ValueError);
}

TEST_CASE("a killed process ends the job, and the survivor names it") {
  check_survivor("", SIGKILL, "is dead or stopped");
}

TEST_CASE("a stopped process ends the job, and the survivor names it") {
  check_survivor("", SIGSTOP, "is dead or stopped");
}

TEST_CASE("a process that hangs ends the job, and the survivor names it and its step") {
  check_survivor("hang", 0, "rank 1 (last step 5, in no collective) hangs");
}

TEST_CASE("a process that ends by an exception, or too early, ends the job") {
  check_survivor("throw", 0, "rank 1 (last step 5, in no collective) failed");
  check_survivor("leave", 0, "rank 1 (last step 5, in no collective) has ended while the others went on");
}

TEST_CASE("the process that serves the store may die too") {
  const Folder folder("watchdog");
  for (const int signal : {SIGKILL, SIGSTOP}) {
    Job job(2, ACTION_IMAGES_DIST_WORKER, {"steps", ""}, folder.path);
    REQUIRE(job.printed(0, "at step 50"));
    job.signal(0, signal);
    CHECK(job.wait(1, 60) == 70);
    CHECK_MESSAGE(job.all_output(1).find("rank 0 (last step ") != std::string::npos, job.all_output(1));
  }
}

TEST_CASE("a process that says that it is busy is waited for") {
  const Folder folder("watchdog");
  Job job(2, ACTION_IMAGES_DIST_WORKER, {"steps", "busy"}, folder.path);
  for (const int rank : {0, 1}) CHECK_MESSAGE(job.wait(rank) == 0, job.all_output(rank));
}
