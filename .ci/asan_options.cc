// Part of each program of asan.cmake.  abseil's hash tables, since Debian 13's, mark their empty
// slots as poisoned where a header was compiled under the sanitizer; the installed library, which
// is not instrumented, never takes the marks away, so that a sound insertion would be reported.
extern "C" const char* __asan_default_options() { return "allow_user_poisoning=0"; }
