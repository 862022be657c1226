#include "workspace.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static _Thread_local struct {
	void *memory;
	int64_t size;
} spaces[WORKSPACES];

static _Atomic int64_t held; // by all threads

static pthread_key_t at_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int made; // at_end is

// release runs where a thread ends.
static void release(void *unused) {
	for (int i = 0; i < WORKSPACES; i++) {
		free(spaces[i].memory);
		held -= spaces[i].size;
		spaces[i].memory = NULL, spaces[i].size = 0;
	}
}

static void make(void) { made = pthread_key_create(&at_end, release) == 0; }

#ifdef __SANITIZE_ADDRESS__
enum { EXACT = 1 }; // so that what lies behind what was asked for is nobody's
#else
enum { EXACT = 0 };
#endif

void *videoqa_workspace(enum workspace which, int64_t bytes) {
	int64_t had = spaces[which].size;
	if (had > 0 && (EXACT ? had == bytes : had >= bytes))
		return spaces[which].memory;
	pthread_once(&once, make);
	if (!made || pthread_setspecific(at_end, spaces) != 0)
		return NULL;
	free(spaces[which].memory);
	held -= had;
	int failed = posix_memalign(&spaces[which].memory, 64, bytes > 0 ? bytes : 1);
	spaces[which].size = failed ? 0 : bytes > 0 ? bytes : 1;
	held += spaces[which].size;
	if (failed)
		spaces[which].memory = NULL;
	return spaces[which].memory;
}

int64_t videoqa_workspaces(void) { return held; }
