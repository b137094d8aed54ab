// SPDX-License-Identifier: Apache-2.0
#include "../../src/data/npy.hpp"

#include <array>
#include <cstring>

#include <doctest/doctest.h>

#include <action_images/core/file.hpp>

#include "episodes.hpp"

using namespace action_images;

namespace {

// A .npy file as NumPy writes it: magic, version 1.0, a header padded to 64 bytes.
template <typename Number>
std::string npy_of(const std::string& dtype, const std::string& shape, const std::vector<Number>& values,
                   const std::string& order = "False") {
  std::string header = "{'descr': '" + dtype + "', 'fortran_order': " + order + ", 'shape': (" + shape + "), }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
  return bytes;
}

NpyArray read(const made::Folder& folder, const std::string& bytes) {
  write_file(folder / "array.npy", bytes, "test");
  return read_npy(folder / "array.npy", "test");
}

}  // namespace

TEST_CASE("arrays of all kinds of numbers are read in the order of their rows") {
  const made::Folder folder;
  const std::vector<double> expected{1, 2, 3, 4, 5, 6};
  CHECK(read(folder, npy_of<double>("<f8", "2, 3", {1, 2, 3, 4, 5, 6})).values == expected);
  CHECK(read(folder, npy_of<float>("<f4", "6,", {1, 2, 3, 4, 5, 6})).values == expected);
  CHECK(read(folder, npy_of<std::int64_t>("<i8", "3, 2, 1", {1, 2, 3, 4, 5, 6})).shape ==
        std::vector<std::int64_t>{3, 2, 1});
  CHECK(read(folder, npy_of<std::int32_t>("<i4", "2, 3", {1, 2, 3, 4, 5, 6})).values == expected);
  CHECK(read(folder, npy_of<std::uint8_t>("|u1", "2, 3", {1, 2, 3, 4, 5, 6})).values == expected);
  CHECK(read(folder, npy_of<double>("<f8", "2, 3", {1, 4, 2, 5, 3, 6}, "True")).values == expected);
  CHECK(read(folder, npy_of<double>("<f8", "0, 6", {})).values.empty());
}

TEST_CASE("what is no array of numbers, or claims more than there is, is refused") {
  const made::Folder folder;
  const std::vector<double> values(6);
  const std::string good = npy_of<double>("<f8", "2, 3", values);
  for (const std::string& bad :
       {std::string(), std::string("\x93NUMPY"), good.substr(0, 20), good.substr(0, good.size() - 1),
        npy_of<double>("|O", "6,", values), npy_of<double>(">f8", "6,", values),
        npy_of<double>("<f8", "999999999, 999999999, 999999999", values),
        npy_of<double>("<f8", "99999999999999999999", values), npy_of<double>("<f8", "-6", values),
        npy_of<double>("<f8", "7,", values), npy_of<double>("<f8", "6,), 'more': (", values)}) {
    CHECK_THROWS_AS(read(folder, bad), FormatError);
  }
  CHECK_THROWS_AS(read_npz(folder / "array.npy", "test"), FormatError);
  CHECK_THROWS_AS(read_npy(folder / "nowhere.npy", "test"), FormatError);
}
