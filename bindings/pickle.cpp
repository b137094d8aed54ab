// SPDX-License-Identifier: Apache-2.0
// Pickles of plain data as Python's own values.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <action_images/tensor/pickle_data.hpp>

namespace py = pybind11;
using namespace action_images;

namespace {

constexpr const char* read_doc =
    R"(Plain data that Python pickled, protocols 2 to 5. Nothing is imported or called.

None, truth values, numbers, texts, bytes, lists (also of tuples and of arrays of objects), dicts with texts or whole
numbers as keys, arrays and scalars of numpy. An object of one of `classes`, as "rlbench.demo.Demo", becomes a dict of
its attributes with its class's name under "__class__". What the pickle shares is one value here too. offset: where in
the file the pickle begins [byte]; largest: longest pickle [byte].

Raises FormatError, naming the file, on anything else: another global, a cycle, an array that is not its shape's size.)";

using Objects = std::vector<py::object>;

// A text that is not UTF-8, as a str of Python 2 may be, stays bytes.
py::object text_object(std::string_view text) {
  PyObject* const decoded = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "strict");
  if (decoded != nullptr) return py::reinterpret_steal<py::object>(decoded);
  PyErr_Clear();
  return py::bytes(text.data(), text.size());
}

py::object array_object(const PickledValue& value) {
  const py::dtype dtype(value.name);
  std::vector<py::ssize_t> shape(value.shape.begin(), value.shape.end()), strides(shape.size());
  py::ssize_t step = dtype.itemsize();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::size_t axis = value.column_major ? i : shape.size() - 1 - i;
    strides[axis] = step;
    step *= shape[axis];
  }
  py::array array(dtype, shape, strides, value.text.data());  // a copy
  if (shape.empty()) return array[py::tuple()];
  return array;
}

py::object list_object(const PickledValue& value, const Objects& objects) {
  py::list list(value.items.size());
  for (std::size_t i = 0; i < value.items.size(); ++i) list[i] = objects[value.items[i]];
  return list;
}

py::dict dict_object(const PickledValue& value, const Objects& objects) {
  py::dict dict;
  for (std::size_t i = 0; i + 1 < value.items.size(); i += 2)
    dict[objects[value.items[i]]] = objects[value.items[i + 1]];
  return dict;
}

py::object object_of(const PickledValue& value, const Objects& objects) {
  using Kind = PickledValue::Kind;
  switch (value.kind) {
    case Kind::none:
      return py::none();
    case Kind::boolean:
      return py::bool_(value.integer != 0);
    case Kind::integer:
      return py::int_(value.integer);
    case Kind::real:
      return py::float_(value.real);
    case Kind::text:
      return text_object(value.text);
    case Kind::bytes:
      return py::bytes(value.text.data(), value.text.size());
    case Kind::list:
      return list_object(value, objects);
    case Kind::dict:
      return dict_object(value, objects);
    case Kind::array:
      return array_object(value);
    case Kind::object:
      break;
  }
  const py::dict attributes = value.items.empty() ? py::dict() : py::dict(objects[value.items[0]]);
  py::dict object = attributes.attr("copy")();  // others may hold the same attributes
  object["__class__"] = value.name;
  return object;
}

py::object read_pickle_data(const std::filesystem::path& path, std::vector<std::string> classes, std::uint64_t offset,
                            std::uint64_t largest) {
  std::unique_ptr<PickleData> data;
  {
    const py::gil_scoped_release released;
    data = std::make_unique<PickleData>(
        path, PickleDataOptions{.classes = std::move(classes), .offset = offset, .largest = largest});
  }
  Objects objects;
  objects.reserve(data->values().size());
  for (const PickledValue& value : data->values()) objects.push_back(object_of(value, objects));
  return objects.back();
}

}  // namespace

void bind_pickle(py::module_& module) {
  module.def("read_pickle_data", &read_pickle_data, py::arg("path"), py::kw_only(),
             py::arg("classes") = std::vector<std::string>{}, py::arg("offset") = 0, py::arg("largest") = 4ULL << 30,
             read_doc);
}
