// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/json_fields.hpp>

#include <cstdint>
#include <map>

#include <doctest/doctest.h>

namespace action_images {
namespace {

using nlohmann::json;

TEST_CASE("JSON holds a value only if nothing of it is lost") {
  CHECK(holds<int>(json(-3)));
  CHECK(holds<int>(json(1e4)));
  CHECK_FALSE(holds<int>(json(2.5)));
  CHECK_FALSE(holds<int>(json(true)));
  CHECK_FALSE(holds<int>(json(std::int64_t{1} << 40)));
  CHECK_FALSE(holds<std::int64_t>(json(~std::uint64_t{0})));
  CHECK(holds<std::uint64_t>(json(~std::uint64_t{0})));
  CHECK_FALSE(holds<std::uint64_t>(json(-1)));
  CHECK_FALSE(holds<std::int64_t>(json(1e300)));
  CHECK(holds<double>(json(1)));
  CHECK_FALSE(holds<double>(json("1")));
  CHECK_FALSE(holds<bool>(json(1)));
  CHECK_FALSE(holds<std::string>(json(1)));
}

TEST_CASE("JSON holds a list or a map if it holds all that is in it") {
  CHECK(holds<std::vector<int>>(json{1, 2}));
  CHECK_FALSE(holds<std::vector<int>>(json{1, 2.5}));
  CHECK_FALSE(holds<std::vector<std::string>>(json("text")));
  CHECK(holds<std::array<double, 2>>(json{1, 2.5}));
  CHECK_FALSE(holds<std::array<double, 2>>(json{1, 2, 3}));
  CHECK(holds<std::map<std::string, double>>(json{{"a", 1}}));
  CHECK_FALSE(holds<std::map<std::string, double>>(json{{"a", "1"}}));
  CHECK_FALSE(holds<std::map<std::string, double>>(json::array({1})));
}

TEST_CASE("what is wrong in an object is named") {
  const json object{{"size", {1, 2, 3}}, {"odd", 1}};
  JsonFields fields(object, "test::read", "options");
  std::array<std::int64_t, 2> size{};
  CHECK_THROWS_WITH_AS(fields.read("size", size),
                       "[test::read] options.size: expected a list of 2, each a whole number, got [1,2,3]", FormatError);
  CHECK_THROWS_WITH_AS(fields.refuse_others(), "[test::read] options: expected documented keys only, got \"odd\"",
                       FormatError);
  CHECK_THROWS_WITH_AS(JsonFields(json(3), "test::read", "options"), "[test::read] options: expected an object, got number",
                       FormatError);
}

}  // namespace
}  // namespace action_images
