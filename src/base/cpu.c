/* CPU detection. */
#include "base/cpu.h"

#include <sched.h>
#include <string.h>

static const char *const isa_names[TQP_ISA_COUNT] = {"scalar", "avx2", "avx512"};

static bool available(TqpIsa isa) {
#if defined(__x86_64__)
    if (isa == TQP_ISA_SCALAR)
        return true;
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("popcnt");
    if (isa == TQP_ISA_AVX2 || !avx2)
        return avx2;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
           __builtin_cpu_supports("avx512vnni");
#else
    return isa == TQP_ISA_SCALAR;
#endif
}

TqpIsa tqp_cpu_best_isa(void) {
    TqpIsa best = TQP_ISA_SCALAR;
    for (TqpIsa isa = TQP_ISA_SCALAR; isa < TQP_ISA_COUNT; isa++)
        if (available(isa))
            best = isa;
    return best;
}

const char *tqp_cpu_isa_name(TqpIsa isa) {
    return isa_names[isa];
}

bool tqp_cpu_parse_isa(const char *name, TqpIsa *isa) {
    if (strcmp(name, "auto") == 0) {
        *isa = tqp_cpu_best_isa();
        return true;
    }
    for (TqpIsa i = TQP_ISA_SCALAR; i < TQP_ISA_COUNT; i++) {
        if (strcmp(name, isa_names[i]) == 0) {
            *isa = i;
            return available(i);
        }
    }
    return false;
}

int tqp_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}
