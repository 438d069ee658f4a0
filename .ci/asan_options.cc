// Part of each program of asan.cmake.
//
// allow_user_poisoning: abseil's hash tables, since Debian 13's, mark their empty slots as poisoned
// where a header was compiled under the sanitizer; the installed library, which is not
// instrumented, never takes the marks away, so that a sound insertion would be reported.
// detect_stack_use_after_return, on by default since g++ 14: it moves locals to the heap, and kj
// refuses exception callbacks that do not lie on the stack.
extern "C" const char* __asan_default_options() {
  return "allow_user_poisoning=0:detect_stack_use_after_return=0";
}
