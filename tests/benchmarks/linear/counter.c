/* Monitor commands for the valgrind that runs the process; each does nothing outside of one. */

#include <valgrind/valgrind.h>

int command(const char *text) { return VALGRIND_MONITOR_COMMAND(text); }
