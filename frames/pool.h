#include <libavcodec/avcodec.h>
#include <stddef.h>
#include <stdint.h>

typedef struct videoqa_pool videoqa_pool;

// Memory for decoded pictures, of which every decoder that draws on it may use what another gave back. The pictures may
// outlive it.
videoqa_pool *videoqa_pool_new(void);
void videoqa_pool_free(videoqa_pool *);

// A client is one decoder with all of its threads: what it draws on, and what it said.
typedef struct videoqa_client videoqa_client;

// Has c, which is not open yet, draw on a pool that outlives it; NULL: c has its own memory. Every sample of a picture is set
// to fill before c gets it; below 0, it stays what it was. Returns NULL if there is no memory. The client is freed after c.
videoqa_client *videoqa_client_new(videoqa_pool *, AVCodecContext *c, int fill);
void videoqa_client_free(videoqa_client *);

// Tells whether c is a client's decoder, or the copy of it that one of its threads has.
videoqa_client *videoqa_client_of(const AVCodecContext *c);

// What a decoder said of damage, through libavcodec's log (decoder_log.c). All of it is there once c is freed.
enum { VIDEOQA_LOGGED_ERROR = 1, VIDEOQA_GAVE_UP = 2 };
void videoqa_watch_log(void);
void videoqa_client_tell(videoqa_client *, int what);
int videoqa_client_said(videoqa_client *);
int videoqa_client_forget(videoqa_client *, int what); // and reports whether it was said

// A layout is what lies at the start of a buffer of the pool's: where the planes behind it are.
typedef struct {
	uintptr_t check; // tells such a buffer from others
	uint8_t *origin[4];
	ptrdiff_t stride[4];
	size_t size[4]; // 0: there is no such plane
} videoqa_layout;

// Returns NULL if f's memory is not a pool's.
const videoqa_layout *videoqa_layout_of(const AVFrame *f);

// videoqa_put_canary writes canaries into f's memory, which is a pool's; videoqa_unwritten counts those that a decoded picture still has
// (canary.c). There are none in pictures whose memory is libavcodec's.
void videoqa_put_canary(AVFrame *f);
int videoqa_unwritten(const AVFrame *f);

// Sums up what f shows, so that two decodings can be compared.
uint64_t videoqa_digest(const AVFrame *f);
