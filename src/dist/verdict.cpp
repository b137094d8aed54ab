// SPDX-License-Identifier: Apache-2.0
#include "verdict.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

std::string seconds_text(double seconds) { return text_of(static_cast<std::int64_t>(std::lround(seconds)), " s"); }

double waited_by(const Observed& rank) { return rank.sign.waiting_for.empty() ? 0.0 : rank.sign.waiting_seconds; }

// The longest that a process has waited in a collective which one that has begun so few has not begun. Its own waiting
// does not count: a sign may be older than the collective that ended it.
double longest_wait_for(const std::vector<Observed>& ranks, std::int64_t issued) {
  double longest = 0.0;
  for (const Observed& rank : ranks) {
    if (rank.sign.issued > issued) longest = std::max(longest, waited_by(rank));
  }
  return longest;
}

// How long the one that came last has waited.
double shortest_wait(const std::vector<Observed>& ranks) {
  double shortest = std::numeric_limits<double>::infinity();
  for (const Observed& rank : ranks) shortest = std::min(shortest, waited_by(rank));
  return shortest;
}

// Whether another process had a collective with this one in vain.
bool is_missed(const std::vector<Observed>& ranks, const SignOfLife& ended) {
  return std::any_of(ranks.begin(), ranks.end(), [&](const Observed& rank) {
    const bool runs = rank.sign.state == SignOfLife::State::runs;
    return runs && !rank.sign.failure.empty() && rank.sign.issued >= ended.issued;
  });
}

// The rank that has begun the fewest collectives.
int latest(const std::vector<Observed>& ranks) {
  const auto fewer = [](const Observed& a, const Observed& b) { return a.sign.issued < b.sign.issued; };
  return static_cast<int>(std::min_element(ranks.begin(), ranks.end(), fewer) - ranks.begin());
}

}  // namespace

std::string SignOfLife::text() const {
  return nlohmann::json{{"state", static_cast<int>(state)},
                        {"beat", beat},
                        {"step", step},
                        {"issued", issued},
                        {"waiting_for", waiting_for},
                        {"waiting_seconds", waiting_seconds},
                        {"busy_with", busy_with},
                        {"unexcused_seconds", unexcused_seconds},
                        {"failure", failure}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

SignOfLife SignOfLife::from_text(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    return {.state = static_cast<State>(json.at("state").get<int>()),
            .beat = json.at("beat"),
            .step = json.at("step"),
            .issued = json.at("issued"),
            .waiting_for = json.at("waiting_for"),
            .waiting_seconds = json.at("waiting_seconds"),
            .busy_with = json.at("busy_with"),
            .unexcused_seconds = json.at("unexcused_seconds"),
            .failure = json.at("failure")};
  } catch (const nlohmann::json::exception&) {
    throw FormatError(
        expected_text("dist::Watchdog", "sign of life", "JSON of this version of the library", printable(text)));
  }
}

std::string description(int rank, const SignOfLife& sign) {
  const std::string step = sign.step < 0 ? "before its first step" : text_of("last step ", sign.step);
  const std::string doing = !sign.busy_with.empty() ? "busy with " + sign.busy_with
                            : !sign.waiting_for.empty()
                                ? "waiting in " + sign.waiting_for + " for " + seconds_text(sign.waiting_seconds)
                                : "in no collective";
  return text_of("rank ", rank, " (", step, ", ", doing, ")");
}

std::optional<std::string> verdict(const std::vector<Observed>& ranks, double silent_limit, double hang_limit) {
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const auto& [sign, silent] = ranks[rank];
    if (sign.state == SignOfLife::State::failed)
      return description(static_cast<int>(rank), sign) + " failed: " + sign.failure;
    if (sign.state == SignOfLife::State::ended && is_missed(ranks, sign)) {
      return description(static_cast<int>(rank), sign) + " has ended while the others went on";
    }
    if (sign.state == SignOfLife::State::runs && silent > silent_limit) {
      return text_of(description(static_cast<int>(rank), sign), " is dead or stopped: no sign of life for ",
                     seconds_text(silent));
    }
  }
  const int late = latest(ranks);
  const SignOfLife& sign = ranks[static_cast<std::size_t>(late)].sign;
  const bool all_came =
      std::all_of(ranks.begin(), ranks.end(), [&](const Observed& rank) { return rank.sign.issued == sign.issued; });
  const double waited = all_came ? shortest_wait(ranks) : longest_wait_for(ranks, sign.issued);
  if (std::min(waited, sign.unexcused_seconds) <= hang_limit) return std::nullopt;
  if (all_came)
    return text_of("all ranks wait in a collective for ", seconds_text(waited),
                   ": the network, or collectives that differ; ", description(late, sign));
  const char* fault = sign.state == SignOfLife::State::ended ? " has ended" : " hangs";
  return text_of(description(late, sign), fault, ": the others have waited for it for ", seconds_text(waited));
}

}  // namespace action_images
