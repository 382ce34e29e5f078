/* ClipmoeMailbox: one stream's place at a #ClipmoeEngine. It holds the newest picture that waits to be
 * encoded. Since: 0.1
 *
 * The stream's thread writes a picture into the request that clipmoe_mailbox_get_request() lends, and hands
 * it over in one of two ways. clipmoe_mailbox_encode() waits for the vector. clipmoe_mailbox_submit() never
 * waits: a picture that nobody has begun to encode is replaced by the newer one, and the vector comes to a
 * callback in a thread of the mailbox. That callback may do anything, use and free the mailbox too. While it
 * runs nothing that was submitted to this mailbox is encoded; what clipmoe_mailbox_encode() waits for is, and
 * so are the pictures of other mailboxes.
 *
 * get_request(), encode() and submit(): one caller at a time. All others: any thread. */
#ifndef CLIPMOE_MAILBOX_H
#define CLIPMOE_MAILBOX_H

#include <clipmoe/engine.h>

G_BEGIN_DECLS

typedef struct _ClipmoeMailbox ClipmoeMailbox;

/**
 * ClipmoeRequest:
 * @pixels: float32 [3][side][side], side = ClipmoeModelInfo.image_size: to be written by a
 *   #ClipmoePreprocessor
 * @extra: what the program wants to find again beside the vector: as many bytes as the mailbox was made with,
 *   aligned for any type; zeros at first
 * @n: pictures in @pixels, one after the other; 1 unless it came from clipmoe_mailbox_get_requests()
 *
 * A picture to be encoded, or several of the same moment. Made by the library.
 */
typedef struct {
  float *pixels;
  gpointer extra;
  guint n;
} ClipmoeRequest;

/**
 * ClipmoeAnswered:
 * @data: the mailbox's
 * @request: whose answer this is; valid during the call. What stands in @request->extra may be changed
 * @embedding: (nullable): float32 [n][embed], a unit vector for each picture, valid during the call; NULL on
 *   error
 * @microseconds: how long the request waited and was encoded
 * @error: (nullable): why there is no vector, as clipmoe_mailbox_encode()
 *
 * A picture that was submitted is encoded.
 */
typedef void (*ClipmoeAnswered) (gpointer data, ClipmoeRequest *request, const float *embedding,
                                 gint64 microseconds, const GError *error);

/**
 * clipmoe_mailbox_new:
 * @engine: the mailbox keeps a reference
 * @extra: bytes that go with each request; 0 = none
 * @clear: (nullable): called with the `extra` of a request that was handed over, before it is filled again or
 *   freed; it must not use the mailbox
 * @answered: (nullable): for clipmoe_mailbox_submit()
 * @data: for @answered
 * @destroy: (nullable): for @data, when nothing calls @answered any more; in any thread
 *
 * Returns: (transfer full): free with clipmoe_mailbox_free()
 */
CLIPMOE_API ClipmoeMailbox *clipmoe_mailbox_new (ClipmoeEngine *engine, gsize extra, GDestroyNotify clear,
                                                 ClipmoeAnswered answered, gpointer data,
                                                 GDestroyNotify destroy);
/**
 * clipmoe_mailbox_free:
 * @self: (nullable): clipmoe_mailbox_stop(), and no call comes after this one. A picture that is being
 * encoded is not waited for
 */
CLIPMOE_API void clipmoe_mailbox_free (ClipmoeMailbox *self);
/**
 * clipmoe_mailbox_get_request:
 *
 * Returns: (transfer none): what the next picture is to be written to: the same until it is handed over, and
 * the mailbox's after that
 */
CLIPMOE_API ClipmoeRequest *clipmoe_mailbox_get_request (ClipmoeMailbox *self);
/**
 * clipmoe_mailbox_get_requests:
 * @n: pictures, at least 1
 * @error: (nullable): MEMORY
 *
 * The same with room for several pictures, which are handed over and answered together. They may be encoded
 * in several runs; where one fails, all do. Memory for so many is kept.
 *
 * Returns: (transfer none): NULL on error
 */
CLIPMOE_API ClipmoeRequest *clipmoe_mailbox_get_requests (ClipmoeMailbox *self, guint n, GError **error);
/**
 * clipmoe_mailbox_encode:
 * @out: (out caller-allocates): float32 [n][embed], a unit vector for each picture of the request
 * @error: (nullable): STOPPED: clipmoe_mailbox_set_flushing(), clipmoe_mailbox_drop() or
 *   clipmoe_mailbox_stop() was called, or is in force; this returns at once then, whatever is being encoded.
 *   FORMAT: the result is not finite. MEMORY: the system gives no thread
 *
 * Hands the request over and waits for its vector.
 *
 * Returns: whether @out is written
 */
CLIPMOE_API gboolean clipmoe_mailbox_encode (ClipmoeMailbox *self, float *out, GError **error);
/**
 * clipmoe_mailbox_submit:
 * @replaced: (out) (optional): whether it took the place of one that nobody had begun to encode
 * @error: (nullable): MEMORY: the system gives no thread
 *
 * Hands the request over; `answered` hears of it. It is forgotten while the mailbox is flushing, and after
 * clipmoe_mailbox_stop().
 *
 * Returns: FALSE on error
 */
CLIPMOE_API gboolean clipmoe_mailbox_submit (ClipmoeMailbox *self, gboolean *replaced, GError **error);
/**
 * clipmoe_mailbox_drain:
 *
 * Waits until everything that was submitted is answered or forgotten. Returns at once in the callback, and
 * when one call of `answered` takes longer than a second: it may be waiting for this very thread.
 */
CLIPMOE_API void clipmoe_mailbox_drain (ClipmoeMailbox *self);
/**
 * clipmoe_mailbox_drop:
 *
 * Forgets what waits; what is being encoded is thrown away when it is finished. `answered` hears of nothing
 * that was handed over before. Where it is running, it is waited for, but for a second at most, since it may
 * be waiting for this very thread, and not when this is called by itself.
 */
CLIPMOE_API void clipmoe_mailbox_drop (ClipmoeMailbox *self);
/**
 * clipmoe_mailbox_set_flushing:
 * @flushing: TRUE: what waits or is being encoded is forgotten, and nobody waits in clipmoe_mailbox_encode()
 *   and clipmoe_mailbox_drain() until this is called with FALSE
 *
 * Never waits itself.
 */
CLIPMOE_API void clipmoe_mailbox_set_flushing (ClipmoeMailbox *self, gboolean flushing);
/**
 * clipmoe_mailbox_stop:
 *
 * For good: as clipmoe_mailbox_drop(), and nothing that is handed over later is encoded.
 */
CLIPMOE_API void clipmoe_mailbox_stop (ClipmoeMailbox *self);

/**
 * clipmoe_mailbox_get_stats:
 * @median: (out): of the milliseconds for which the last 256 requests waited for their run to begin
 * @p95: (out): what 95 of 100 did not exceed
 * @share: (out): 0 to 1: this mailbox's part of the pictures that the engine encoded since it was made
 *
 * How long its pictures wait. All 0 before the first one.
 */
CLIPMOE_API void clipmoe_mailbox_get_stats (ClipmoeMailbox *self, double *median, double *p95, double *share);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeMailbox, clipmoe_mailbox_free)

G_END_DECLS

#endif
