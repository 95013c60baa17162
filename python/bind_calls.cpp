// The way of every call of a program but the first. The host's time of a call is spent here, in
// front of a kernel that may take microseconds, so nothing of it is Python code. What is not as it
// was in an earlier call goes the way of kernel.py, which knows all cases.
#include <nanobind/ndarray.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

#include "api/compile.h"
#include "bind.h"
#include "support/error.h"

namespace nb = nanobind;

namespace flashlight::python {
namespace {

using nb::dlpack::dltensor;

constexpr size_t kMostSizes = 1024;  // that are remembered of a program

/// What a framework tells of its tensors without headers of it: DLPackExchangeAPI of DLPack 1.x, in
/// a capsule at the type of tensors.
struct ExchangeApi {
  uint32_t major, minor;
  const ExchangeApi* older;
  const void *allocate, *export_object, *import_object;
  int (*view)(void* object, dltensor* out);  // may be null; on failure a Python error is set
  int (*stream)(int32_t device_type, int32_t device, void** out);
};

const ExchangeApi* exchange_api(nb::handle tensor_type) {
  const nb::object capsule = nb::getattr(tensor_type, "__dlpack_c_exchange_api__", nb::none());
  if (!PyCapsule_IsValid(capsule.ptr(), "dlpack_exchange_api")) return nullptr;
  const auto* api =
      static_cast<const ExchangeApi*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  while (api != nullptr && api->major > 1) api = api->older;
  return api != nullptr && api->major == 1 && api->view != nullptr ? api : nullptr;
}

struct Output {
  nb::object shape, strides, dtype;
  std::vector<int64_t> steps;  // strides again
};

/// A program at certain sizes on a certain device.
struct Sizes {
  nb::object symbols, device;
  std::vector<Output> outputs = {};
};

struct Known {
  nb::object kernel;  // of kernel.py; owns `compiled`
  const api::Compiled* compiled;
  // By symbols, type and index of the device.
  std::map<std::vector<int64_t>, std::shared_ptr<const Sizes>> sizes;
  std::shared_ptr<const Sizes> last;
};

using Items = std::span<PyObject* const>;

/// Of a list or a tuple.
Items items(nb::handle sequence) {
  return {PySequence_Fast_ITEMS(sequence.ptr()), size_t(PySequence_Fast_GET_SIZE(sequence.ptr()))};
}

bool is_text(PyObject* o) { return PyUnicode_Check(o); }

struct Call {
  Items inputs, symbols;
  nb::handle program;
  bool tune;
};

struct Asked {
  std::vector<api::View> inputs;
  std::vector<int64_t> symbols;
  nb::dlpack::device device;  // of the first input
};

struct TextHash : std::hash<std::string_view> {
  using is_transparent = void;
};

class Calls {
 public:
  /// `otherwise`: what takes a call that is not known. Without a DLPack exchange of the framework
  /// it takes all.
  Calls(nb::object otherwise, nb::object empty_strided, nb::handle tensor_type)
      : otherwise_(std::move(otherwise)),
        empty_strided_(std::move(empty_strided)),
        keywords_(nb::make_tuple("dtype", "device")),
        api_(exchange_api(tensor_type)) {}

  nb::object run(nb::list inputs, nb::list symbols, nb::object program, bool tune) {
    if (nb::object outputs = run_known({items(inputs), items(symbols), program, tune});
        outputs.is_valid())
      return outputs;
    return otherwise_(inputs, symbols, program, tune);
  }

  /// Inputs, program, then symbols and tune where they are not as `run` has them: the one output.
  nb::object run_of(nb::args args) {
    const Items all = items(args);
    const size_t n = size_t(std::ranges::find_if(all, is_text) - all.begin());
    if (n == all.size()) throw nb::type_error("flashlight::run has no program");
    const nb::list symbols = n + 1 < all.size() ? nb::cast<nb::list>(args[n + 1]) : nb::list();
    const bool tune = n + 2 < all.size() && nb::cast<bool>(args[n + 2]);
    const nb::handle program = args[n];
    const nb::object outputs = run_known({all.first(n), items(symbols), program, tune});
    if (outputs.is_valid()) return outputs[0];
    nb::list inputs;
    for (PyObject* input : all.first(n)) inputs.append(nb::handle(input));
    return otherwise_(inputs, symbols, program, tune)[0];
  }

  /// Outputs: (shape, strides, dtype) of each.
  void remember(nb::object kernel, const std::string& text, bool tune, nb::tuple symbols,
                nb::object device, nb::list outputs) {
    Known& known = known_[tune][text];
    known.kernel = kernel;
    known.compiled = nb::cast<const api::Compiled*>(kernel.attr("compiled"));
    if (known.sizes.size() == kMostSizes) known.sizes.clear();
    std::vector<int64_t> key;
    for (nb::handle s : symbols) key.push_back(nb::cast<int64_t>(s));
    const bool cpu = nb::cast<std::string_view>(device.attr("type")) == "cpu";
    add_device(key, cpu ? nb::device::cpu::value : nb::device::cuda::value,
               cpu ? 0 : nb::cast<int32_t>(device.attr("index")));
    const auto sizes = std::make_shared<Sizes>(Sizes{symbols, std::move(device)});
    for (nb::handle o : outputs)
      sizes->outputs.push_back({o[0], o[1], o[2], nb::cast<std::vector<int64_t>>(o[1])});
    known.sizes[std::move(key)] = known.last = sizes;
  }

  /// All of a program; of every program where none is named.
  void forget(const std::optional<std::string>& text) {
    for (auto& known : known_) text ? void(known.erase(*text)) : known.clear();
  }

  int64_t count() const { return count_; }

 private:
  static void add_device(std::vector<int64_t>& key, int32_t type, int32_t index) {
    key.push_back(type);
    key.push_back(type == nb::device::cpu::value ? 0 : index);
  }

  Known* find(nb::handle program, bool tune) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(program.ptr(), &size);
    if (text == nullptr) throw nb::python_error();
    const auto it = known_[tune].find(std::string_view(text, size_t(size)));
    return it == known_[tune].end() ? nullptr : &it->second;
  }

  /// False where DLPack has no word for the tensor.
  bool view(nb::handle tensor, dltensor& out) const {
    if (api_->view(tensor.ptr(), &out) == 0) return true;
    PyErr_Clear();
    return false;
  }

  static api::View view_of(const dltensor& t, const int64_t* strides) {
    return {static_cast<char*>(t.data) + t.byte_offset, strides};
  }

  /// Nothing where a tensor or a size is not what it is in a plain call.
  std::optional<Asked> read(const Call& call) const {
    Asked out;
    for (PyObject* input : call.inputs) {
      dltensor tensor;
      if (!view(input, tensor)) return {};
      if (out.inputs.empty()) out.device = tensor.device;
      out.inputs.push_back(view_of(tensor, tensor.strides));
    }
    for (PyObject* value : call.symbols) {
      if (!PyLong_Check(value)) return {};
      out.symbols.push_back(nb::cast<int64_t>(nb::handle(value)));
    }
    if (out.inputs.empty()) return {};
    return out;
  }

  static std::shared_ptr<const Sizes> sizes_of(const Known& known, const Asked& asked) {
    std::vector<int64_t> key = asked.symbols;
    add_device(key, asked.device.device_type, asked.device.device_id);
    const auto found = known.sizes.find(key);
    return found == known.sizes.end() ? nullptr : found->second;
  }

  /// An invalid object where DLPack has no word for one.
  nb::object make_outputs(const Sizes& sizes, std::vector<api::View>& views) const {
    nb::list made;
    for (const Output& o : sizes.outputs) {
      const std::array<PyObject*, 4> args{o.shape.ptr(), o.strides.ptr(), o.dtype.ptr(),
                                          sizes.device.ptr()};
      const nb::object tensor =
          nb::steal(PyObject_Vectorcall(empty_strided_.ptr(), args.data(), 2, keywords_.ptr()));
      if (!tensor.is_valid()) throw nb::python_error();
      dltensor viewed;
      if (!view(tensor, viewed)) return {};
      views.push_back(view_of(viewed, o.steps.data()));
      made.append(tensor);
    }
    return made;
  }

  api::Where where(const nb::dlpack::device& device, bool tune) const {
    api::Where out;
    out.tune = tune;
    if (device.device_type == nb::device::cpu::value) return out;
    out.gpu = device.device_id;
    if (api_->stream(device.device_type, device.device_id, &out.stream) != 0)
      throw nb::python_error();
    return out;
  }

  /// An invalid object: the call is not like an earlier one, or failed.
  nb::object run_known(const Call& call) {
    ++count_;
    Known* const found = api_ == nullptr ? nullptr : find(call.program, call.tune);
    if (found == nullptr) return {};
    Known& known = *found;
    const std::optional<Asked> asked = read(call);
    if (!asked) return {};
    const std::shared_ptr<const Sizes> sizes = sizes_of(known, *asked);
    if (!sizes) return {};
    const nb::object kernel = known.kernel;  // other threads may forget it
    const api::Compiled& compiled = *known.compiled;
    if (known.last != sizes) {  // for explain()
      kernel.attr("symbols") = sizes->symbols;
      kernel.attr("where") = sizes->device.attr("type");
      known.last = sizes;
    }
    std::vector<api::View> outputs;
    nb::object made = make_outputs(*sizes, outputs);
    if (!made.is_valid()) return {};
    const api::Where at = where(asked->device, call.tune);
    try {
      const nb::gil_scoped_release others_may_run;
      compiled.call(asked->inputs, outputs, asked->symbols, at);
    } catch (const Error&) {
      return {};  // kernel.py meets the same, warns and remembers
    }
    return made;
  }

  nb::object otherwise_, empty_strided_, keywords_;
  const ExchangeApi* api_;
  std::unordered_map<std::string, Known, TextHash, std::equal_to<>> known_[2];  // [tune]
  int64_t count_ = 0;
};

}  // namespace

void bind_calls(nb::module_& m) {
  nb::class_<Calls>(m, "Calls")
      .def(nb::init<nb::object, nb::object, nb::handle>(), nb::arg("otherwise"),
           nb::arg("empty_strided"), nb::arg("tensor_type"))
      .def("run", &Calls::run, nb::arg("inputs"), nb::arg("symbols"), nb::arg("program"),
           nb::arg("tune") = false)
      .def("run_of", &Calls::run_of, nb::arg("args"))
      .def("remember", &Calls::remember, nb::arg("kernel"), nb::arg("text"), nb::arg("tune"),
           nb::arg("symbols"), nb::arg("device"), nb::arg("outputs"))
      .def("forget", &Calls::forget, nb::arg("text") = nb::none())
      .def_prop_ro("count", &Calls::count);
}

}  // namespace flashlight::python
