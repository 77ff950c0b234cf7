// Host build of the kernels: a module of Python for one instruction set, each kernel bound from its own C++ signature.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "advance.cuh"
#include "breeding.cuh"
#include "convolution.hpp"
#include "heatbath.cuh"
#include "hessian.cuh"
#include "invariants.cuh"
#include "lbfgs.cuh"
#include "llg.cuh"
#include "multiply.cuh"
#include "noise.cuh"
#include "padding.cuh"
#include "philox.cuh"
#include "products.cuh"
#include "textures.cuh"
#include "wave_couplings.cuh"
#include "waves.cuh"

// -- signatures -----------------------------------------------------------------------------------------------------

// What a kernel takes: a number, or an array of them; `format` is the letter of Python's struct module.
struct Argument {
    char format;
    bool array, constant;
};
union Value {
    void* array;
    int i;
    uint32 I;
    double d;
};

template <typename T>
constexpr Argument argument() {
    using array = std::remove_pointer_t<T>;
    using number = std::remove_const_t<array>;
    constexpr bool real = std::is_same_v<number, float> || std::is_same_v<number, double>;
    static_assert(real || std::is_same_v<number, int> || std::is_same_v<number, uint32>, "no type of a kernel");
    constexpr char format = std::is_same_v<number, float> ? 'f' : real ? 'd' : std::is_same_v<number, int> ? 'i' : 'I';
    return {format, std::is_pointer_v<T>, std::is_const_v<array>};
}
template <typename T>
T passed(Value value) {
    if constexpr (std::is_pointer_v<T>)
        return (T)value.array;
    else
        return argument<T>().format == 'i' ? (T)value.i : argument<T>().format == 'I' ? (T)value.I : (T)value.d;
}

struct Kernel {
    const char* name;
    const Argument* arguments;
    int count;
    void (*run)(const Value*);
};
template <auto kernel>
struct Bound;
template <typename... Args, void (*kernel)(Args...)>
struct Bound<kernel> {
    static constexpr Argument arguments[] = {argument<Args>()...};
    template <std::size_t... k>
    static void call(const Value* values, std::index_sequence<k...>) {
        kernel(passed<Args>(values[k])...);
    }
    static void run(const Value* values) { call(values, std::index_sequence_for<Args...>{}); }
    static constexpr Kernel named(const char* name) { return {name, arguments, sizeof...(Args), run}; }
};

#define BIND(name) Bound<name<float>>::named(#name "<float>"), Bound<name<double>>::named(#name "<double>"),
static const Kernel kernels[] = {
#include "bindings.inc"  // BIND(name) for every KERNEL, written by CMakeLists.txt
};
constexpr int number_of_kernels = sizeof(kernels) / sizeof(kernels[0]);

// -- launches -------------------------------------------------------------------------------------------------------

// A kernel with its arguments, whose arrays it keeps alive.
struct Call {
    const Kernel& kernel;
    std::vector<Value> values;
    std::vector<Py_buffer> arrays;

    explicit Call(const Kernel& of) : kernel(of), values(of.count) {
        arrays.reserve(of.count);  // a buffer must stay where it was filled in
    }
    Call(const Call&) = delete;
    ~Call() {
        for (Py_buffer& array : arrays) PyBuffer_Release(&array);
    }

    // Takes argument k. Returns whether it is what the kernel takes; if not, an error of Python may be set.
    bool take(int k, PyObject* given) {
        const Argument& wanted = kernel.arguments[k];
        if (wanted.array) {
            Py_buffer array;
            const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (wanted.constant ? 0 : PyBUF_WRITABLE);
            if (PyObject_GetBuffer(given, &array, flags)) return false;
            arrays.push_back(array);
            values[k].array = array.buf;
            return array.format && array.format[0] == wanted.format && !array.format[1];
        }
        if (wanted.format == 'f' || wanted.format == 'd') {
            if (!PyFloat_Check(given)) return false;
            values[k].d = PyFloat_AsDouble(given);
            return true;
        }
        if (!PyLong_Check(given)) return false;
        const long long number = PyLong_AsLongLong(given);
        values[k].i = (int)number, values[k].I = (uint32)number;
        return number == (wanted.format == 'i' ? (long long)(int)number : (long long)(uint32)number) &&
               !PyErr_Occurred();
    }
};

// Calls in turn; calling it runs them.
struct Launch {
    PyObject_HEAD std::vector<std::shared_ptr<Call>> calls;
};
static PyObject* launch_type;

static PyObject* launch_of(std::vector<std::shared_ptr<Call>> calls) {
    Launch* launch = PyObject_New(Launch, (PyTypeObject*)launch_type);
    if (launch) new (&launch->calls) std::vector<std::shared_ptr<Call>>(std::move(calls));
    return (PyObject*)launch;
}

static void forget(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    std::destroy_at(&((Launch*)self)->calls);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject* run(PyObject* self, PyObject* arguments, PyObject*) {
    if (!PyArg_ParseTuple(arguments, ":launch")) return nullptr;
    PyThreadState* state = PyEval_SaveThread();
    bool enough = true;
    try {
        for (const auto& call : ((Launch*)self)->calls) call->kernel.run(call->values.data());
    } catch (const std::bad_alloc&) {
        enough = false;
    }
    PyEval_RestoreThread(state);
    return enough ? Py_NewRef(Py_None) : PyErr_NoMemory();
}

// kernel(*arguments): a launch
static PyObject* bind(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    const Kernel& kernel = *(const Kernel*)PyCapsule_GetPointer(self, nullptr);
    if (count != kernel.count)
        return PyErr_Format(PyExc_TypeError, "%s takes %d arguments, %zd were given", kernel.name, kernel.count, count);
    auto call = std::make_shared<Call>(kernel);
    for (int k = 0; k < count; ++k)
        if (!call->take(k, arguments[k])) {
            PyErr_Clear();
            const Argument& wanted = kernel.arguments[k];
            return PyErr_Format(PyExc_TypeError, "argument %d of %s must be %s of type '%c', not %.80R", k, kernel.name,
                                wanted.array ? "a contiguous array" : "a number", wanted.format, arguments[k]);
        }
    return launch_of({call});
}

// chain(*launches): all of them as one launch
static PyObject* chain(PyObject*, PyObject* const* launches, Py_ssize_t count) {
    std::vector<std::shared_ptr<Call>> calls;
    for (Py_ssize_t k = 0; k < count; ++k) {
        if (!PyObject_TypeCheck(launches[k], (PyTypeObject*)launch_type))
            return PyErr_Format(PyExc_TypeError, "%R is no launch", launches[k]);
        const auto& more = ((Launch*)launches[k])->calls;
        calls.insert(calls.end(), more.begin(), more.end());
    }
    return launch_of(std::move(calls));
}

// -- the module -----------------------------------------------------------------------------------------------------

// the best instruction set of this processor
static PyObject* instruction_set(PyObject*, PyObject*) {
    const char* name = "baseline";
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) name = "avx2";
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) name = "avx512";
#endif
    return PyUnicode_FromString(name);
}

#define AS_TEXT(name) #name
#define TEXT(name) AS_TEXT(name)
#define JOIN(a, b) a##b
#define INITIALISE(name) JOIN(PyInit_, name)

PyMODINIT_FUNC INITIALISE(MODULE)() {
    static PyMethodDef methods[] = {
        {"chain", (PyCFunction)(void*)chain, METH_FASTCALL, "Return launches in turn as one."},
        {"instruction_set", instruction_set, METH_NOARGS, "Return the processor's best."},
        {}};
    static PyModuleDef definition = {PyModuleDef_HEAD_INIT, TEXT(MODULE), "Kernels of magsearch.", -1, methods};
    static PyType_Slot slots[] = {{Py_tp_dealloc, (void*)forget}, {Py_tp_call, (void*)run}, {}};
    static PyType_Spec type = {TEXT(MODULE) ".Launch", sizeof(Launch), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    static PyMethodDef bound[number_of_kernels];
    PyObject* module = PyModule_Create(&definition);
    if (!module || !(launch_type = PyType_FromSpec(&type))) return nullptr;
    for (int k = 0; k < number_of_kernels; ++k) {
        bound[k] = {kernels[k].name, (PyCFunction)(void*)bind, METH_FASTCALL, nullptr};
        PyObject* self = PyCapsule_New((void*)&kernels[k], nullptr, nullptr);
        PyObject* function = self ? PyCFunction_New(&bound[k], self) : nullptr;
        Py_XDECREF(self);
        const int failed = function ? PyModule_AddObjectRef(module, kernels[k].name, function) : -1;
        Py_XDECREF(function);
        if (failed) return nullptr;
    }
    return module;
}
