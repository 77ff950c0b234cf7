// A thread that ends the process soon after a signal, also while a library keeps Python from running.
#include <Python.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

constexpr int AGAIN = 75;      // exit code of what stopped early and can be resumed (EX_TEMPFAIL of sysexits.h)
constexpr double GRACE = 0.8;  // seconds after which a signal that nobody looks at ends the process
constexpr double TWICE = 0.5;  // seconds within which a launcher and a terminal may both deliver one signal
constexpr int INTERVAL = 50;   // milliseconds of a polling interval

static std::atomic<bool> noticed;  // whether the program has looked for a signal since one came

static const char* name_of(int number) {
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : number == SIGUSR1 ? "SIGUSR1" : nullptr;
}

// The number of the next signal in the pipe; 0 if none comes in time. Negative: wait without end.
static int next(int pipe, int milliseconds) {
    pollfd end{pipe, POLLIN, 0};
    unsigned char number;
    while (poll(&end, 1, milliseconds) > 0 && read(pipe, &number, 1) == 1)
        if (name_of(number)) return number;
    return 0;
}

[[noreturn]] static void end(int code, int number, const char* words) {
    const char* cursor = isatty(2) ? "\x1b[?25h\n" : "";  // a table of the progress hides the cursor
    const std::string line = std::string(cursor) + "magsearch: " + name_of(number) + ": " + words + "\n";
    (void)!write(2, line.data(), line.size());
    _exit(code);
}

static void watch(int pipe, bool launched) {
    using clock = std::chrono::steady_clock;
    const int first = next(pipe, -1);
    if (!first) return;
    for (const auto begin = clock::now();;) {
        const int second = next(pipe, INTERVAL);
        const double late = std::chrono::duration<double>(clock::now() - begin).count();
        if (second && !(launched && late < TWICE)) end(128 + second, second, "ended at once");
        if (late > GRACE && !noticed)
            end(AGAIN, first, "ended amid a computation; what has been stored before is complete");
    }
}

// start(pipe, launched): signals come as numbers through the pipe; `launched`: by a launcher, which may send each twice
static PyObject* start(PyObject*, PyObject* arguments) {
    int pipe, launched;
    if (!PyArg_ParseTuple(arguments, "ip:start", &pipe, &launched)) return nullptr;
    noticed = false;
    sigset_t every, before;  // signals are for the other threads: one in a system call must wake up
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    std::thread(watch, pipe, (bool)launched).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return Py_NewRef(Py_None);
}

static PyObject* notice(PyObject*, PyObject*) {
    noticed = true;
    return Py_NewRef(Py_None);
}

PyMODINIT_FUNC PyInit__watchdog() {
    static PyMethodDef methods[] = {{"start", start, METH_VARARGS, "Start the thread."},
                                    {"notice", notice, METH_NOARGS, "Say that the program has looked for signals."},
                                    {}};
    static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_watchdog", "A thread that obeys signals.", -1, methods};
    return PyModule_Create(&definition);
}
