// Host build of the kernels: each one bound from its own C++ signature, once for each instruction set.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <functional>
#include <vector>

#include "advance.cuh"
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

namespace nb = nanobind;

template <typename T>
struct argument {
    using type = T;
    static T pass(T value) { return value; }
};
template <typename T>
struct argument<T*> {
    using type = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
    static T* pass(const type& array) { return array.data(); }
};

// Kernels with their arguments, which it keeps alive; calling it runs them in turn.
struct Launch {
    std::vector<std::function<void()>> kernels;
    void operator()() const {
        nb::gil_scoped_release unlocked;
        for (const auto& kernel : kernels) kernel();
    }
};

template <typename... Args>
void bind(nb::module_& m, const char* name, void (*kernel)(Args...)) {
    m.def(
        name,
        [kernel](typename argument<Args>::type... args) {
            return Launch{{[=] { kernel(argument<Args>::pass(args)...); }}};
        },
        ((void)sizeof(Args), nb::arg().noconvert())...);
}

#define BIND(name) bind(m, #name "<float>", name<float>), bind(m, #name "<double>", name<double>)

NB_MODULE(MODULE, m) {
    nb::class_<Launch>(m, "Launch").def("__call__", &Launch::operator());
    m.def("chain", [](nb::args launches) {
        Launch all;
        for (nb::handle launch : launches)
            for (const auto& kernel : nb::cast<const Launch&>(launch).kernels) all.kernels.push_back(kernel);
        return all;
    });
#include "bindings.inc"  // BIND(name); for every KERNEL, written by CMakeLists.txt
    m.def("instruction_set", [] {
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return "avx512";
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
#endif
        return "baseline";
    });
}
