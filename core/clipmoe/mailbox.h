/* One stream's place at an engine: it holds the newest picture that waits, and hears of the embedding.
 *
 * The stream's thread writes a picture into the request that clipmoe_mailbox_get_request() lends, and hands
 * it over in one of two ways. clipmoe_mailbox_encode() waits for the embedding. clipmoe_mailbox_submit()
 * never waits: a picture that nobody has begun to encode is replaced by the newer one, and the embedding
 * comes to a callback in a thread of the mailbox's own. That callback may do anything, also use and free the
 * mailbox; as long as it runs no picture of this mailbox is encoded, those of others are.
 *
 * get_request(), encode() and submit() are for one thread at a time. All else may be called from any thread.
 */
#ifndef CLIPMOE_MAILBOX_H
#define CLIPMOE_MAILBOX_H

#include "engine.h"

G_BEGIN_DECLS

typedef struct _ClipmoeMailbox ClipmoeMailbox;

/** A picture to be encoded, and what the caller wants to find again beside its embedding. Since: 0.1 */
typedef struct {
  float *pixels;  /* [3][side][side], to be written by a #ClipmoePreprocessor */
  gpointer extra; /* as many bytes as the mailbox was made with, aligned for any type; zeros */
} ClipmoeRequest;

/**
 * ClipmoeAnswered: a picture that was submitted is encoded.
 * @data: the mailbox's
 * @request: the picture's; what stands in request->extra may be changed or taken out
 * @embedding: (nullable): a unit vector of as many floats as the model's `embed`; valid within the call
 * @microseconds: how long the request waited and was encoded
 * @error: (nullable): why there is no @embedding
 * Since: 0.1
 */
typedef void (*ClipmoeAnswered) (gpointer data, ClipmoeRequest *request, const float *embedding,
                                 gint64 microseconds, const GError *error);

/**
 * clipmoe_mailbox_new: keeps a reference on @engine.
 * @extra: bytes that go with each request, or 0
 * @clear: (nullable): for what stands in request->extra, before it is used for another picture; not from a
 * callback of its own time: it must not use the mailbox
 * @answered: (nullable): for clipmoe_mailbox_submit()
 * @destroy: (nullable): for @data, in whatever thread uses the mailbox last
 * Returns: (transfer full): free with clipmoe_mailbox_free(). Since: 0.1
 */
CLIPMOE_API ClipmoeMailbox *clipmoe_mailbox_new (ClipmoeEngine *engine, gsize extra, GDestroyNotify clear,
                                                 ClipmoeAnswered answered, gpointer data,
                                                 GDestroyNotify destroy);
/** (nullable): clipmoe_mailbox_stop(), and the end of it. A picture that is being encoded is not waited for.
 * Since: 0.1 */
CLIPMOE_API void clipmoe_mailbox_free (ClipmoeMailbox *self);
/** What the next picture is written to: borrowed, until it is handed over. The same one until then. Since:
 * 0.1 */
CLIPMOE_API ClipmoeRequest *clipmoe_mailbox_get_request (ClipmoeMailbox *self);
/**
 * clipmoe_mailbox_encode: hands the request over and waits for its embedding.
 * @out: (out): `embed` floats, a unit vector; undefined after a failure
 * Returns: FALSE: @error is set: STOPPED after clipmoe_mailbox_set_flushing(), _drop() and _stop(), within a
 * few milliseconds whatever is being encoded; FORMAT when the result is not finite; MEMORY when there is no
 * thread. Since: 0.1
 */
CLIPMOE_API gboolean clipmoe_mailbox_encode (ClipmoeMailbox *self, float *out, GError **error);
/**
 * clipmoe_mailbox_submit: hands the request over.
 * @replaced: (out) (optional): whether it took the place of one that nobody had begun to encode
 * Returns: FALSE: @error is set (MEMORY): the system has no thread for it. While flushing, and after stop,
 * the request is forgotten. Since: 0.1
 */
CLIPMOE_API gboolean clipmoe_mailbox_submit (ClipmoeMailbox *self, gboolean *replaced, GError **error);
/** Waits until everything that was submitted is answered, or forgotten. Returns at once within the callback.
 * Since: 0.1 */
CLIPMOE_API void clipmoe_mailbox_drain (ClipmoeMailbox *self);
/** Forgets what waits; what is being encoded is thrown away once it is finished. Nobody hears of a picture of
 * before after this has returned; a callback that runs is waited for, a second at most, unless this is called
 * within it. Since: 0.1 */
CLIPMOE_API void clipmoe_mailbox_drop (ClipmoeMailbox *self);
/** While @flushing, what waits or is being encoded is forgotten, and nobody waits in _encode() or _drain().
 * Never waits itself. Since: 0.1 */
CLIPMOE_API void clipmoe_mailbox_set_flushing (ClipmoeMailbox *self, gboolean flushing);
/** For good: as clipmoe_mailbox_drop(), and nothing is encoded from now on. Since: 0.1 */
CLIPMOE_API void clipmoe_mailbox_stop (ClipmoeMailbox *self);

G_END_DECLS

#endif
