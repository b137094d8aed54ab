// SPDX-License-Identifier: Apache-2.0
#include <action_images/core/check.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <action_images/core/version.hpp>

using namespace action_images;

TEST_CASE("shapes read like Python's tuples") {
  CHECK(shape_text({}) == "()");
  CHECK(shape_text({41}) == "(41,)");
  CHECK(shape_text(std::vector<long>{41, 8}) == "(41, 8)");
}

TEST_CASE("a failing check says where, which argument, what was expected and what was got") {
  CHECK_THROWS_WITH_AS(check_shape(false, "codec::encode", "actions", "(T, 7)", {41, 8}),
                       "[codec::encode] actions: expected (T, 7), got (41, 8)", ShapeError);
  CHECK_THROWS_WITH_AS(check(false, "codec::encode", "sigma", "a positive number", -1.5),
                       "[codec::encode] sigma: expected a positive number, got -1.5", ValueError);
}

TEST_CASE("a check that holds is silent") {
  CHECK_NOTHROW(check(true, "codec::encode", "sigma", "a positive number", 1));
  CHECK_NOTHROW(check_shape(true, "codec::encode", "actions", "(T, 7)", {41, 7}));
}

TEST_CASE("every error is a ValueError and a std::invalid_argument") {
  CHECK_THROWS_AS(throw ShapeError("s"), ValueError);
  CHECK_THROWS_AS(throw FormatError("f"), ValueError);
  CHECK_THROWS_AS(throw NumericalError("n"), std::invalid_argument);
}

TEST_CASE("the version has three numbers") {
  int dots = 0;
  for (const char letter : std::string(version)) dots += letter == '.';
  CHECK(dots == 2);
}
