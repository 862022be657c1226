#include <libavcodec/avcodec.h>

typedef struct videoqa_pool videoqa_pool;

// Memory for decoded pictures, of which every decoder that draws on it may use what another gave back. The pictures may
// outlive it.
videoqa_pool *videoqa_pool_new(void);
void videoqa_pool_free(videoqa_pool *);

// Has c, which is not open yet, draw on a pool that outlives it.
void videoqa_pool_serve(videoqa_pool *, AVCodecContext *c);
