// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/pickle_data.hpp>

#include <cstring>
#include <string>

#include <doctest/doctest.h>

#include <action_images/core/error.hpp>

#include "torch_archive.hpp"

using namespace action_images;
using torch_archive::Bytes;
using torch_archive::text_instruction;
using Kind = PickledValue::Kind;

namespace {

PickleData read(const std::string& pickle, PickleDataOptions options = {}) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(pickle.data());
  return PickleData({bytes, pickle.size()}, "a.pkl", options);
}

std::string error_of(const std::string& pickle, const PickleDataOptions& options = {}) {
  try {
    read(pickle, options);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string protocol(char number = 4) { return std::string("\x80") + number; }

std::string bytes_instruction(const std::string& bytes) {
  return Bytes().add('C').add(static_cast<std::uint8_t>(bytes.size())).add(bytes).text();
}

// Instructions of numpy's dtype("<f8").
std::string dtype(const std::string& code) {
  return "cnumpy\ndtype\n" + text_instruction(code) + "\x89\x88\x87R(K\3" + text_instruction("<") +
         "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" + std::string(1, '\0') + "tb";
}

// Instructions of a vector of numpy.
std::string vector(const std::string& code, int count, const std::string& data) {
  return "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK" + std::string(1, '\0') + "\x85" +
         bytes_instruction("b") + "\x87R(K\1K" + std::string(1, static_cast<char>(count)) + "\x85" + dtype(code) +
         "\x89" + data + "tb";
}

std::string doubles(double first, double second) { return Bytes().add(first).add(second).text(); }

}  // namespace

TEST_CASE("plain values are read, and what a pickle shares is there once") {
  // ("a", "a" again from the memo, -1.5, 300, None, True, b"xy")
  const std::string real("G\xbf\xf8\0\0\0\0\0\0", 9);
  const auto data = read(protocol() + "(" + text_instruction("a") + "q\1h\1" + real + "M\x2c\1N\x88" +
                         bytes_instruction("xy") + "t.");
  const auto& values = data.values();
  const PickledValue& root = values.back();
  REQUIRE(root.kind == Kind::list);
  REQUIRE(root.items.size() == 7);
  CHECK(root.items[0] == root.items[1]);
  CHECK(values[root.items[0]].text == "a");
  CHECK(values[root.items[2]].real == -1.5);
  CHECK(values[root.items[3]].integer == 300);
  CHECK(values[root.items[4]].kind == Kind::none);
  CHECK(values[root.items[5]].kind == Kind::boolean);
  CHECK(values[root.items[6]].text == "xy");
}

TEST_CASE("an object of a named class gives its attributes, and one of another class is refused by name") {
  const std::string pickle = protocol() + "crlbench.demo\nDemo\n)\x81}" + text_instruction("seed") + "K\7sb.";
  const auto data = read(pickle, {.classes = {"rlbench.demo.Demo"}});
  const PickledValue& root = data.values().back();
  CHECK(root.kind == Kind::object);
  CHECK(root.name == "rlbench.demo.Demo");
  REQUIRE(root.items.size() == 1);
  const PickledValue& state = data.values()[root.items[0]];
  REQUIRE(state.kind == Kind::dict);
  CHECK(data.values()[state.items[0]].text == "seed");
  CHECK(data.values()[state.items[1]].integer == 7);
  CHECK(holds(error_of(pickle), "expected plain data, got the global rlbench.demo Demo"));
  CHECK(holds(error_of(protocol() + "cos\nsystem\n" + text_instruction("true") + "\x85R."), "the global os system"));
  CHECK(
      holds(error_of(protocol() + "cbuiltins\neval\n" + text_instruction("1") + "\x85R."), "the global builtins eval"));
}

TEST_CASE("arrays of numpy keep dtype, shape and bytes") {
  const auto data = read(protocol() + vector("f8", 2, bytes_instruction(doubles(0.5, 2))) + ".");
  const PickledValue& array = data.values().back();
  REQUIRE(array.kind == Kind::array);
  CHECK(array.name == "<f8");
  CHECK(array.shape == std::vector<std::int64_t>{2});
  CHECK(array.text == doubles(0.5, 2));
  const auto objects = read(protocol() + vector("O8", 2, "](K\1Ne") + ".");
  CHECK(objects.values().back().kind == Kind::list);
  CHECK(objects.values().back().items.size() == 2);
}

TEST_CASE("an array that its bytes do not fill is refused") {
  const std::string short_array = protocol() + vector("f8", 3, bytes_instruction(doubles(0.5, 2))) + ".";
  CHECK(holds(error_of(short_array), "a.pkl: expected 3 elements of 8 bytes, as the array's shape says, got 16 bytes"));
  CHECK(holds(error_of(protocol() + vector("O8", 2, "](K\1e") + "."), "another array of objects"));
  CHECK(holds(error_of(protocol() + vector("c16", 1, bytes_instruction(doubles(0.5, 2))) + "."), "dtype c16"));
  CHECK(holds(error_of(protocol() + vector("V9", 1, bytes_instruction("123456789")) + "."), "dtype V9"));
}

TEST_CASE("cycles, half pickles and wrong states are refused, deep nesting is read") {
  CHECK(holds(error_of(protocol() + "]q\1h\1a."), "got a cycle"));
  CHECK(holds(error_of(protocol() + "]"), "expected a complete pickle"));
  CHECK(holds(error_of(protocol() + "]Nb."), "expected attributes of a dict or a tensor"));
  CHECK(holds(error_of(protocol() + "]"), "[tensor::read_pickle_data] a.pkl: "));
  CHECK(holds(error_of(protocol() + "cnumpy\ndtype\n)R."), "got a numpy dtype"));
  std::string deep = protocol() + "]";
  for (int i = 0; i < 100000; ++i) deep += "\x85";
  CHECK(read(deep + ".").values().size() == 100001);
}

TEST_CASE("a pickle begins where the offset says and is no longer than asked for") {
  CHECK(read("junk" + protocol() + "K\5.", {.offset = 4}).values().back().integer == 5);
  CHECK(holds(error_of(protocol() + "K\5.", {.offset = 40}), "expected a pickle at byte 40, got the file's end"));
  CHECK(holds(error_of(protocol() + "K\5.", {.largest = 3}), "expected a pickle of at most 3 bytes, got 5"));
}
