// A GPU's dialect of C++ for the host's compiler: threads are run one after the other, block by block. Threads that
// meet at barriers (kernels declared with BLOCK_KERNEL) are fibers that change places there; with -DTHREADS they are
// threads of the system, so that -fsanitize=thread sees what they share.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <type_traits>
#include <utility>
#ifdef THREADS
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>
#else
#include <ucontext.h>
#include <vector>
#endif

#define __CUDACC__
#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
static inline float rsqrtf(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }

namespace standin {
struct Index {
    int x = 0, y = 0, z = 0;
};
enum Fault { NONE, NO_BLOCK, LEFT_BEHIND };
static int fault = NONE;
static long long blocks_begun = 0;  // a block finds its shared memory poisoned
static char* room = nullptr;        // shared memory whose size the launch says
static size_t room_size = 0;

static void poison(void* place, size_t bytes) { memset(place, 0xFF, bytes); }  // NaN

#ifdef THREADS
#define STANDIN_LOCAL thread_local
struct Barrier {
    std::mutex lock;
    std::condition_variable all_here;
    int threads = 0, here = 0;
    long long round = 0;
    void wait() {
        std::unique_lock<std::mutex> held(lock);
        const long long mine = round;
        if (++here == threads) {
            here = 0, ++round;
            all_here.notify_all();
        } else {
            all_here.wait(held, [&] { return round != mine; });
        }
    }
};
static Barrier* meeting = nullptr;
#else
#define STANDIN_LOCAL
#endif
}  // namespace standin

static STANDIN_LOCAL standin::Index blockIdx, threadIdx, blockDim, gridDim;

namespace standin {
static Index place_in_block(int t) {
    return {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
}

#ifdef THREADS
static void barrier() {
    if (meeting)
        meeting->wait();
    else
        fault = NO_BLOCK;
}
template <typename Work>
void run_block(int threads, const Work& work) {
    Barrier here;
    here.threads = threads;
    meeting = &here;
    const Index block = blockIdx, shape = blockDim, grid = gridDim;
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
        all.emplace_back([&, t] {
            blockIdx = block, blockDim = shape, gridDim = grid, threadIdx = place_in_block(t);
            work();
        });
    for (auto& one : all) one.join();
    meeting = nullptr;
}
#else
// Fibers: each runs until its next barrier or its end
constexpr size_t stack_bytes = 1 << 16;
static void fiber_main();
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
// Where a fiber stopped: its stack, with the registers that a call preserves on top. swapcontext would ask the system
// to change the mask of signals, which takes a hundred times as long.
using Place = void*;
__attribute__((naked, noinline)) static void change_place(Place*, const Place*) {
    asm("push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, (%rdi)\n mov (%rsi), %rsp\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret");
}
static void first_place(Place& place, char* stack, Place*) {
    void** top = (void**)(stack + stack_bytes) - 1;  // aligned as after a call
    *--top = (void*)fiber_main;
    for (int k = 0; k < 6; ++k) *--top = nullptr;
    place = top;
}
#else
using Place = ucontext_t;
static void change_place(Place* here, const Place* there) { swapcontext(here, there); }
static void first_place(Place& place, char* stack, Place* after) {
    getcontext(&place);
    place.uc_stack.ss_sp = stack, place.uc_stack.ss_size = stack_bytes, place.uc_link = after;
    makecontext(&place, fiber_main, 0);
}
#endif
struct Fiber {
    Place place;
    char* stack = nullptr;
    bool ended = false;
};
static std::vector<Fiber> fibers;
static Place scheduler;
static int running = -1;
static const void* task = nullptr;
static void (*call_task)(const void*) = nullptr;

static void barrier() {
    if (running < 0) {
        fault = NO_BLOCK;
        return;
    }
    change_place(&fibers[running].place, &scheduler);
}
static void fiber_main() {
    call_task(task);
    fibers[running].ended = true;
    change_place(&fibers[running].place, &scheduler);
}
template <typename Work>
void run_block(int threads, const Work& work) {
    while ((int)fibers.size() < threads) fibers.emplace_back();
    task = &work, call_task = [](const void* w) { (*(const Work*)w)(); };
    for (int t = 0; t < threads; ++t) {
        Fiber& f = fibers[t];
        if (!f.stack) f.stack = (char*)malloc(stack_bytes);
        f.ended = false;
        first_place(f.place, f.stack, &scheduler);
    }
    for (int ended = 0; ended < threads;) {
        ended = 0;
        for (int t = 0; t < threads; ++t) {
            if (!fibers[t].ended) {
                running = t, threadIdx = place_in_block(t);
                change_place(&scheduler, &fibers[t].place);
            }
            ended += fibers[t].ended;
        }
        if (ended > 0 && ended < threads) {
            fault = LEFT_BEHIND;  // some left, others wait: on a GPU they might wait for ever
            break;
        }
    }
    running = -1;
}
#endif

// Shared memory of a fixed size: one array for the block, poisoned when the block begins
#ifdef THREADS
#define STANDIN_FRESH(name)
#else
#define STANDIN_FRESH(name)                                                        \
    static long long name##_block = 0;                                             \
    if (name##_block != standin::blocks_begun) {                                   \
        name##_block = standin::blocks_begun, standin::poison(name, sizeof(name)); \
    }
#endif
}  // namespace standin

#define BARRIER standin::barrier()
#define __syncthreads standin::barrier
#define SHARED(type, name, ...)      \
    static type name[(__VA_ARGS__)]; \
    STANDIN_FRESH(name)
#define SHARED_ROOM(type, name) type* const name = (type*)standin::room

namespace standin {
// The types of a kernel's arguments, a letter each: f float, d double, i int, u unsigned, l long long; * a pointer,
// c* one to what is only read
template <typename T>
constexpr char letter() {
    return sizeof(T) == 1                               ? 'b'
           : std::is_same<T, float>::value              ? 'f'
           : std::is_same<T, double>::value             ? 'd'
           : std::is_same<T, int>::value                ? 'i'
           : std::is_same<T, unsigned>::value           ? 'u'
           : std::is_same<T, long long>::value          ? 'l'
           : std::is_same<T, unsigned long long>::value ? 'L'
           : std::is_same<T, long>::value               ? 'l'
                                                        : '?';
}
template <typename T>
std::string type_of() {
    using Target = typename std::remove_pointer<T>::type;
    std::string said(1, letter<typename std::remove_cv<Target>::type>());
    if (std::is_pointer<T>::value) said += std::is_const<Target>::value ? "c*" : "*";
    return said + " ";
}
template <typename... A>
std::string types_of(void (*)(A...)) {
    std::string every;
    int dummy[] = {0, ((void)(every += type_of<A>()), 0)...};
    (void)dummy;
    return every;
}
template <typename... A, size_t... k>
void call(void (*kernel)(A...), void** arguments, std::index_sequence<k...>) {
    kernel(*(typename std::remove_cv<A>::type*)arguments[k]...);
}

// Run a kernel over a grid; the blocks, and the threads of a block without barriers, in the opposite order on demand
template <typename... A>
int run(void (*kernel)(A...), bool meets, const int* shape, size_t shared, bool backwards, void** arguments) {
    gridDim = {shape[0], shape[1], shape[2]}, blockDim = {shape[3], shape[4], shape[5]};
    const long long blocks = (long long)gridDim.x * gridDim.y * gridDim.z;
    const int threads = blockDim.x * blockDim.y * blockDim.z;
    const auto work = [&] { call(kernel, arguments, std::index_sequence_for<A...>()); };
    fault = NONE;
    room = shared ? (char*)malloc(shared) : nullptr, room_size = shared;
    for (long long n = 0; n < blocks && !fault; ++n) {
        const long long b = backwards ? blocks - 1 - n : n;
        blockIdx = {(int)(b % gridDim.x), (int)(b / gridDim.x % gridDim.y), (int)(b / gridDim.x / gridDim.y)};
        ++blocks_begun;
        if (room) poison(room, room_size);
        if (meets) {
            run_block(threads, work);
        } else {
            for (int t = 0; t < threads; ++t) {
                threadIdx = place_in_block(backwards ? threads - 1 - t : t);
                work();
            }
        }
    }
    free(room);
    room = nullptr;
    return fault;
}
}  // namespace standin
