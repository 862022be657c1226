#ifndef VIDEOQA_CUSTOM_H
#define VIDEOQA_CUSTOM_H

#include <stddef.h>
#include <stdint.h>

// videoqa_domain makes the domain "videoqa" of the ONNX Runtime at path, which is loaded already, and returns NULL, or a
// message to free. There is one for each process, and it is never freed.
char *videoqa_domain(const char *path, void **domain);

// videoqa_add_domain lets a session with these OrtSessionOptions run our operators. It returns NULL, or a message to free.
char *videoqa_add_domain(void *options, void *domain);

// videoqa_add_weight gives sessions with these options a weight that lies in memory, which must outlive them, as value must, in place
// of what the graph's data file has under that name. It returns NULL, or a message to free.
char *videoqa_add_weight(void *options, const char *name, void *data, size_t size, const int64_t *dims, size_t rank, int type, void **value);
void videoqa_drop_weight(void *value);

#endif
