#ifndef VIDEOQA_CUSTOM_H
#define VIDEOQA_CUSTOM_H

#include "kernel.h"

// videoqa_domain makes the domain "videoqa" of the ONNX Runtime at path, which is loaded already, and returns what is wrong, or
// NULL. There is one for each process, and it is never freed.
const char *videoqa_domain(const char *path, void **domain);

// videoqa_add_domain lets a session with these OrtSessionOptions run our operators. It returns NULL, or a message to free.
char *videoqa_add_domain(void *options, void *domain);

#endif
