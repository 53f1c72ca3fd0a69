/* What a fuzzer wants to know of compiled code: which places are reached, and how often. GCC calls a function at each
 * (-fsanitize-coverage=trace-pc), libFuzzer reads a table of counters. Without a fuzzer nobody reads it. */

#include <stddef.h>
#include <stdint.h>

#define PLACES 65536

static uint8_t counters[PLACES];
static uintptr_t places[PLACES][2]; /* an address, and flags */

extern void __sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end) __attribute__((weak));
extern void __sanitizer_cov_pcs_init(const uintptr_t *begin, const uintptr_t *end) __attribute__((weak));

/* Hidden, so that each part has a table of its own. */
__attribute__((visibility("hidden"))) void __sanitizer_cov_trace_pc(void)
{
    counters[(uintptr_t)__builtin_return_address(0) % PLACES]++;
}

__attribute__((constructor)) static void offer_counters(void)
{
    if (__sanitizer_cov_8bit_counters_init == NULL || __sanitizer_cov_pcs_init == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        places[i][0] = (uintptr_t)&counters[i];
    __sanitizer_cov_8bit_counters_init(counters, counters + PLACES);
    __sanitizer_cov_pcs_init(places[0], places[0] + 2 * (size_t)PLACES);
}
