// libavcodec keeps the memory of decoded pictures as long as their decoder. A plan opens one decoder for each of its runs, and
// where these are short, asking the kernel for fresh pages took a quarter of the time.

#include "pool.h"

#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum { ALIGN = 64, SPARE = 16 + ALIGN }; // vector code reads and writes past a plane's end, as get_buffer2 asks room for

struct videoqa_pool {
	pthread_mutex_t lock;
	AVBufferPool *buffers; // of the size that was asked for last
	size_t size;
};

struct videoqa_client {
	videoqa_pool *pool; // NULL: there was no memory for one
	atomic_int said;
	int fill;
};

videoqa_pool *videoqa_pool_new(void) {
	videoqa_pool *p = av_mallocz(sizeof *p);
	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

void videoqa_pool_free(videoqa_pool *p) {
	av_buffer_pool_uninit(&p->buffers);
	pthread_mutex_destroy(&p->lock);
	av_free(p);
}

static AVBufferRef *draw(videoqa_pool *p, size_t size) {
	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	if (p->size != size) { // pictures that are still in use keep what they are in
		av_buffer_pool_uninit(&p->buffers);
		p->buffers = av_buffer_pool_init(size, av_buffer_allocz);
		p->size = p->buffers ? size : 0;
	}
	AVBufferRef *b = p->buffers ? av_buffer_pool_get(p->buffers) : NULL;
	pthread_mutex_unlock(&p->lock);
	return b;
}

static uint8_t *aligned(uint8_t *at) {
	return (uint8_t *)(((uintptr_t)at + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
}

static uintptr_t check_of(const uint8_t *at) {
	return (uintptr_t)at ^ (uintptr_t)0x9e3779b97f4a7c15;
}

const videoqa_layout *videoqa_layout_of(const AVFrame *f) {
	const AVBufferRef *b = f->buf[0];
	if (!b || !b->data || b->size < sizeof(videoqa_layout))
		return NULL;
	const videoqa_layout *l = (const videoqa_layout *)b->data;
	return l->check == check_of(b->data) ? l : NULL;
}

// measure gives the planes of a picture of f's kind, with the margins that c's decoder needs.
static int measure(AVCodecContext *c, const AVFrame *f, int strides[4], size_t sizes[4]) {
	int width = f->width, height = f->height, aligns[AV_NUM_DATA_POINTERS];
	avcodec_align_dimensions2(c, &width, &height, aligns);
	for (int fits = 0; !fits; width += width & -width) {
		int rc = av_image_fill_linesizes(strides, f->format, width);
		if (rc < 0)
			return rc;
		fits = 1;
		for (int i = 0; i < 4; i++)
			fits &= strides[i] % FFMAX(aligns[i], ALIGN) == 0;
	}
	ptrdiff_t wide[4] = {strides[0], strides[1], strides[2], strides[3]};
	return av_image_fill_plane_sizes(sizes, f->format, height, wide);
}

// fill_plane sets every sample of a plane to v, which fits samples of any depth.
static void fill_plane(uint8_t *at, size_t size, int v, int wide) {
	if (!wide) {
		memset(at, v, size);
		return;
	}
	for (size_t i = 0; i + 1 < size; i += 2)
		memcpy(at + i, &(uint16_t){v}, 2);
}

// lay divides a buffer into a layout and the planes behind it, and has f use them.
static void lay(AVBufferRef *buffer, AVFrame *f, const int strides[4], const size_t sizes[4]) {
	videoqa_layout *l = (videoqa_layout *)buffer->data;
	*l = (videoqa_layout){.check = check_of(buffer->data)};
	uint8_t *at = buffer->data + sizeof *l;
	for (int i = 0; i < 4 && sizes[i]; at += sizes[i++] + SPARE - ALIGN) {
		f->data[i] = l->origin[i] = at = aligned(at);
		f->linesize[i] = l->stride[i] = strides[i];
		l->size[i] = sizes[i];
	}
	f->buf[0] = buffer;
	f->extended_data = f->data;
}

static int get_buffer(AVCodecContext *c, AVFrame *f, int flags) {
	const AVPixFmtDescriptor *kind = av_pix_fmt_desc_get(f->format);
	videoqa_client *k = c->opaque;
	int strides[4];
	size_t sizes[4], size = sizeof(videoqa_layout);
	if (!kind || kind->flags & (AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_PAL) || !(c->codec->capabilities & AV_CODEC_CAP_DR1) ||
		measure(c, f, strides, sizes) < 0)
		return avcodec_default_get_buffer2(c, f, flags);
	for (int i = 0; i < 4; i++)
		size += sizes[i] ? sizes[i] + SPARE : 0;
	AVBufferRef *buffer = draw(k->pool, size);
	if (!buffer)
		return avcodec_default_get_buffer2(c, f, flags);
	lay(buffer, f, strides, sizes);
	for (int i = 0; i < 4 && sizes[i] && k->fill >= 0; i++)
		fill_plane(f->data[i], sizes[i], k->fill, kind->comp[0].depth > 8);
	videoqa_put_canary(f);
	return 0;
}

videoqa_client *videoqa_client_new(videoqa_pool *p, AVCodecContext *c, int fill) {
	static pthread_once_t listening = PTHREAD_ONCE_INIT;
	pthread_once(&listening, videoqa_watch_log);
	videoqa_client *k = av_mallocz(sizeof *k);
	if (!k)
		return NULL;
	k->pool = p;
	k->fill = fill;
	atomic_init(&k->said, 0);
	c->opaque = k;
	c->get_buffer2 = get_buffer;
	return k;
}

void videoqa_client_free(videoqa_client *k) {
	av_free(k);
}

videoqa_client *videoqa_client_of(const AVCodecContext *c) {
	return c->get_buffer2 == get_buffer ? c->opaque : NULL;
}

void videoqa_client_tell(videoqa_client *k, int what) {
	atomic_fetch_or(&k->said, what);
}

int videoqa_client_forget(videoqa_client *k, int what) {
	return (atomic_fetch_and(&k->said, ~what) & what) != 0;
}

int videoqa_client_said(videoqa_client *k) {
	return atomic_load(&k->said);
}
