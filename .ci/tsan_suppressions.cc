// Part of each program of tsan.cmake: what the thread sanitizer is not to report.

// RocksDB's threads and locks are those of a library that is not instrumented.
extern "C" const char* __tsan_default_suppressions() { return "race:librocksdb.so\n"; }
