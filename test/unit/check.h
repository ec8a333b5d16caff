/* The smallest test harness: count checks, print what failed, end with one line. */
#ifndef TQP_TEST_CHECK_H
#define TQP_TEST_CHECK_H

#include <stdio.h>
#include <string.h>

static int check_passed, check_failed;

static inline void check_record(int ok, const char *file, int line, const char *what) {
    if (ok) {
        check_passed++;
        return;
    }
    check_failed++;
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
}

static inline void check_str(const char *a, const char *b, const char *file, int line) {
    int ok = a != NULL && b != NULL && strcmp(a, b) == 0;
    check_record(ok, file, line, "strings differ");
    if (!ok)
        fprintf(stderr, "  got:      %s\n  expected: %s\n", a ? a : "NULL", b ? b : "NULL");
}

static inline void check_int(long long a, long long b, const char *file, int line) {
    check_record(a == b, file, line, "integers differ");
    if (a != b)
        fprintf(stderr, "  got:      %lld\n  expected: %lld\n", a, b);
}

static inline int check_report(const char *name) {
    printf("%s: %d passed, %d failed\n", name, check_passed, check_failed);
    return check_failed > 0 || check_passed == 0;
}

#define CHECK(cond)              check_record((cond) ? 1 : 0, __FILE__, __LINE__, #cond)
#define CHECK_STR(got, expected) check_str((got), (expected), __FILE__, __LINE__)
#define CHECK_INT(got, expected)                                                                   \
    check_int((long long)(got), (long long)(expected), __FILE__, __LINE__)

#endif
