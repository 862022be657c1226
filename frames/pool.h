#include <libavcodec/avcodec.h>

typedef struct videoqa_pool videoqa_pool;

// Memory for decoded pictures, of which every decoder that draws on it may use what another gave back. The pictures may
// outlive it.
videoqa_pool *videoqa_pool_new(void);
void videoqa_pool_free(videoqa_pool *);

// A client is one decoder with all of its threads: what it draws on, and what it said.
typedef struct videoqa_client videoqa_client;

// Has c, which is not open yet, draw on a pool that outlives it; NULL: c has its own memory. Returns NULL if there is no
// memory. The client is freed after c.
videoqa_client *videoqa_client_new(videoqa_pool *, AVCodecContext *c);
void videoqa_client_free(videoqa_client *);

// Tells whether c is a client's decoder, or the copy of it that one of its threads has.
videoqa_client *videoqa_client_of(const AVCodecContext *c);

// What a decoder said of damage, through libavcodec's log (complaints.c). All of it is there once c is freed.
enum { VIDEOQA_COMPLAINED = 1, VIDEOQA_GAVE_UP = 2 };
void videoqa_listen(void);
void videoqa_client_tell(videoqa_client *, int what);
int videoqa_client_said(videoqa_client *);
int videoqa_client_forget(videoqa_client *, int what); // and tells whether it was said

// Where the first plane of a picture begins in memory of a pool's.
uint8_t *videoqa_origin(const AVBufferRef *);

// Marks f's memory, which is a pool's, and tells of how much of a decoded picture the marks are still there (marks.c). There are
// none in pictures whose memory is libavcodec's.
void videoqa_mark(AVFrame *f);
int videoqa_unwritten(const AVFrame *f);
