// Memory that a thread works in. Each thread has its own and keeps it until it ends, so that a task allocates nothing once its thread
// has done one as large.

#ifndef VIDEOQA_WORKSPACE_H
#define VIDEOQA_WORKSPACE_H

#include <stdint.h>

// What a thread works in at the same time, each in memory of its own.
enum workspace {
	WORK_ROWS,   // rows of a product: rounded or copied, and sums
	WORK_HIDDEN, // what lies between the layers of an MLP
	WORK_GATED,  // the two halves of a gated product
	WORK_SCORES, // queries and scores of attention
	WORKSPACES,
};

// videoqa_workspace returns at least so many bytes, aligned to 64, of which nothing is known; NULL if there is no memory. They are
// the calling thread's until it asks for the same one again.
void *videoqa_workspace(enum workspace, int64_t bytes);

// videoqa_workspaces is how many bytes all threads keep.
int64_t videoqa_workspaces(void);

#endif
