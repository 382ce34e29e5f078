/* clipmoe index: puts what videos and pictures show into an archive that is searched by words. */
#include <gst/gst.h>
#include <stdio.h>
#include <string.h>
#include "commands.h"
#include "common.h"
#include "indexall.h"
#include "indexcare.h"
#include "indexstop.h"

static const char about[] =
    "Examples:\n"
    "  clipmoe index ~/Videos                               all videos and pictures in a folder\n"
    "  clipmoe index --store /srv/archive /srv/cameras --watch   and what comes there\n"
    "  find /srv -name '*.mp4' -print0 | clipmoe index -    a list on standard input\n"
    "  clipmoe index --store postgresql://HOST/DATABASE --worker   files that wait there, with other "
    "machines\n"
    "  clipmoe index --verify                               is the archive sound?\n"
    "  clipmoe index --model my-clip --reindex              all files anew with another model\n\n"
    "Key frames are looked at where they come at least every two seconds, else a frame every two seconds.\n"
    "A file that is known is not looked at again, also when it was moved. A file that fails is named at the\n"
    "end and the others go on; the exit status is 1 then. Ctrl-C ends within two seconds and keeps what is\n"
    "finished; the next run goes on there. Without --model the archive's own is taken, in a new archive the\n"
    "default model.\n";

#define LEASE 60            /* seconds */
#define NO_LEASE G_MININT32 /* was given */

typedef struct {
  ClipmoeModelArguments model;
  char *store, *sample, *precision;
  double every, same;
  gboolean other_file_systems, watch, verify, repair, prune, reindex, retry, json, verbose, worker, ann,
      drop_ann;
  int wait, lease; /* seconds */
} Options;

static void
clear (Options *o) {
  clipmoe_model_arguments_clear (&o->model);
  g_free (o->store);
  g_free (o->sample);
  g_free (o->precision);
}

static int
parse (int argc, char **argv, Options *o, char ***paths) {
  const GOptionEntry entries[] = {
      {"store", 0, 0, G_OPTION_ARG_FILENAME, &o->store,
       "The archive: a folder, or postgresql://[USER@]HOST/DATABASE; default: clipmoe/archive in the user's "
       "data folder",
       "DIR"},
      {"sample", 0, 0, G_OPTION_ARG_STRING, &o->sample,
       "Which frames: key (all key frames), interval (one every --every seconds), all; default: key frames "
       "where they come at least every --every seconds, else interval",
       "NAME"},
      {"every", 0, 0, G_OPTION_ARG_DOUBLE, &o->every, "Seconds between looks; default 2", "S"},
      {"same", 0, 0, G_OPTION_ARG_DOUBLE, &o->same,
       "The smallest cosine to a moment's first look that still belongs to it; default 0.95", "C"},
      CLIPMOE_MODEL_ENTRIES (o->model),
      {"precision", 0, 0, G_OPTION_ARG_STRING, &o->precision, "Arithmetic: " CLIPMOE_PRECISION_NAMES, "NAME"},
      {"watch", 0, 0, G_OPTION_ARG_NONE, &o->watch, "Then follow the folders until stopped", NULL},
      {"worker", 0, 0, G_OPTION_ARG_NONE, &o->worker,
       "Let what PATH names wait in a PostgreSQL archive, and work at whatever waits there until nothing is "
       "left",
       NULL},
      {"lease", 0, 0, G_OPTION_ARG_INT, &o->lease,
       "Seconds after which a file is given to others if its worker is lost; default 60", "S"},
      {"all-file-systems", 0, 0, G_OPTION_ARG_NONE, &o->other_file_systems,
       "Enter file systems that are mounted in a folder", NULL},
      {"retry", 0, 0, G_OPTION_ARG_NONE, &o->retry,
       "Look again at files that failed; without PATH at all of them", NULL},
      {"reindex", 0, 0, G_OPTION_ARG_NONE, &o->reindex,
       "Look at all files of the archive with another model, which then replaces the one before", NULL},
      {"prune", 0, 0, G_OPTION_ARG_NONE, &o->prune,
       "Forget files that are gone; with PATH those that were there", NULL},
      {"verify", 0, 0, G_OPTION_ARG_NONE, &o->verify, "Read all of the archive and check it", NULL},
      {"repair", 0, 0, G_OPTION_ARG_NONE, &o->repair, "Mend an archive", NULL},
      {"ann", 0, 0, G_OPTION_ARG_NONE, &o->ann,
       "Make the approximate index of a PostgreSQL archive, for clipmoe search --ann", NULL},
      {"drop-ann", 0, 0, G_OPTION_ARG_NONE, &o->drop_ann, "Take the approximate index away", NULL},
      {"wait", 0, 0, G_OPTION_ARG_INT, &o->wait, "Seconds to wait for another writer; default 5", "S"},
      {"verbose", 0, 0, G_OPTION_ARG_NONE, &o->verbose,
       "List the files in folders that are no picture and no video, too", NULL},
      {"json", 0, 0, G_OPTION_ARG_NONE, &o->json, "One JSON line a file, and one with sums", NULL},
      {NULL}};
  return clipmoe_parse (argc, argv, "clipmoe index", "PATH… — make videos and pictures searchable", about,
                        entries, paths);
}

static gboolean
parse_sample (const char *name, ClipmoeIndexSample *sample) {
  static const char *const names[] = {[CLIPMOE_INDEX_SAMPLE_AUTO] = "auto",
                                      [CLIPMOE_INDEX_SAMPLE_KEY] = "key",
                                      [CLIPMOE_INDEX_SAMPLE_INTERVAL] = "interval",
                                      [CLIPMOE_INDEX_SAMPLE_ALL] = "all"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name ? name : "auto", names[i])) {
      *sample = (ClipmoeIndexSample)i;
      return TRUE;
    }
  return FALSE;
}

static int
check (const Options *o, char *const *paths, ClipmoeIndexSample *sample, ClipmoePrecision *precision) {
  if (!parse_sample (o->sample, sample))
    return clipmoe_usage ("index", "--sample %s: expected key, interval or all", o->sample);
  if (!(o->every >= 0.01 && o->every <= 86400))
    return clipmoe_usage ("index", "--every %g: expected 0.01 to 86400 seconds", o->every);
  if (!(o->same > 0 && o->same <= 1))
    return clipmoe_usage ("index", "--same %g: expected a cosine above 0 and at most 1", o->same);
  if (!clipmoe_parse_precision (o->precision, precision))
    return clipmoe_usage ("index", "--precision %s: expected " CLIPMOE_PRECISION_NAMES, o->precision);
  if (o->wait < 0)
    return clipmoe_usage ("index", "--wait %d: expected 0 or more seconds", o->wait);
  if ((o->worker || o->lease != NO_LEASE) && (!o->store || !strstr (o->store, "://")))
    return clipmoe_usage (
        "index", "--%s: a folder has one writer at a time, expected --store postgresql://HOST/DATABASE",
        o->worker ? "worker" : "lease");
  if (o->lease != NO_LEASE && (o->lease < 1 || o->lease > 86400))
    return clipmoe_usage ("index", "--lease %d: expected 1 to 86400 seconds", o->lease);
  if ((o->ann || o->drop_ann) && (o->ann + o->drop_ann + o->verify + o->repair + o->prune + o->reindex +
                                          o->retry + o->watch + o->worker >
                                      1 ||
                                  *paths))
    return clipmoe_usage ("index", "--%s stands alone", o->ann ? "ann" : "drop-ann");
  if (o->worker && (o->verify || o->repair || o->prune || o->reindex || o->watch))
    return clipmoe_usage ("index",
                          "--worker: expected none of --verify, --repair, --prune, --reindex, --watch");
  if (o->verify + o->repair + (o->prune || o->reindex || o->retry || o->watch) > 1)
    return clipmoe_usage ("index", "--verify and --repair stand alone");
  if ((o->verify || o->repair) && *paths)
    return clipmoe_usage ("index", "--%s takes no file", o->verify ? "verify" : "repair");
  if (o->prune && o->watch)
    return clipmoe_usage ("index",
                          "--prune ends when it is done, and --watch does not: expected one of them");
  for (char *const *p = paths; *p; p++)
    if (!**p)
      return clipmoe_usage ("index", "a name of a file or a folder is empty");
  if (!*paths && !o->ann && !o->drop_ann && !o->verify && !o->repair && !o->prune && !o->reindex &&
      !o->retry && !o->worker)
    return clipmoe_usage ("index", "expected a file or a folder");
  return clipmoe_check ("index", &o->model);
}

/* --- the model --- */

/* What the model is called in the store: a path from the root where it is one; NULL: the default. */
static char *
opened_as (const char *model) {
  return model && g_file_test (model, G_FILE_TEST_EXISTS) ? g_canonicalize_filename (model, NULL)
                                                          : g_strdup (model);
}

/* Without --model: the one that answers in the archive. */
static gboolean
choose_model (Options *o, ClipmoeStore *store, GError **error) {
  if (o->model.model || o->reindex)
    return TRUE;
  GPtrArray *models = clipmoe_store_get_models (store, error);
  if (!models)
    return FALSE;
  if (models->len)
    o->model.model = g_strdup (((ClipmoeStoreModel *)models->pdata[0])->opened_as);
  g_ptr_array_unref (models);
  return TRUE;
}

static ClipmoeEngine *
open_engine (const Options *o, ClipmoePrecision precision, GError **error) {
  ClipmoeModelOptions options = {.struct_size = sizeof options,
                                 .vocab = o->model.vocab,
                                 .prefix = o->model.prefix,
                                 .side = (guint)o->model.side,
                                 .experts = (guint)o->model.experts,
                                 .heads = (guint)o->model.heads,
                                 .text_heads = (guint)o->model.text_heads};
  if (o->model.activation)
    clipmoe_parse_activation (o->model.activation, &options.activation);
  ClipmoeEncoderOptions how = {
      .struct_size = sizeof how, .precision = precision, .threads = (guint)o->model.threads};
  ClipmoeEngine *engine = clipmoe_engine_open (o->model.model, &options, &how, error);
  if (engine && !clipmoe_engine_get_info (engine)->image->layers) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: the text tower alone, and pictures are indexed: expected a model with an image tower",
                 clipmoe_engine_get_info (engine)->path);
    g_clear_pointer (&engine, clipmoe_engine_unref);
  }
  return engine;
}

/* --- what is looked at besides --- */

/* Files of the store: all (to be looked at with another model), or those that failed. */
static GPtrArray *
known_files (ClipmoeStore *store, gboolean all, GError **error) {
  GPtrArray *files = clipmoe_store_get_files (store, error);
  if (!files)
    return NULL;
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < files->len; i++) {
    const ClipmoeStoreFile *file = files->pdata[i];
    if (file->path && (all || file->state == CLIPMOE_FILE_FAILED || file->state == CLIPMOE_FILE_SKIPPED))
      g_ptr_array_add (paths, g_strdup (file->path));
  }
  g_ptr_array_unref (files);
  return paths;
}

/* All files were looked at with the new model: it answers from now on. */
static gboolean
switch_model (ClipmoeStore *store, GError **error) {
  GPtrArray *models = clipmoe_store_get_models (store, error);
  if (!models)
    return FALSE;
  gboolean filled = models->len > 1;
  g_ptr_array_unref (models);
  return !filled || clipmoe_store_switch_model (store, error);
}

/* --- a run --- */

/* Where the archive is on a server, others may work at it, too. */
static gboolean
share (const Options *o, ClipmoeStore *store, ClipmoeIndexAll *all, GError **error) {
  if (!strstr (all->where, "://"))
    return TRUE;
  all->worker = o->worker;
  all->run.lease = o->lease == NO_LEASE ? LEASE : (guint)o->lease;
  clipmoe_store_set_stop (store, &clipmoe_index_stopped);
  return clipmoe_store_set_lease (store, all->run.lease, error);
}

static gboolean
run (Options *o, ClipmoeStore *store, ClipmoeEngine *engine, ClipmoeIndexAll *all, GError **error) {
  const ClipmoeModelInfo *info = clipmoe_engine_get_info (engine);
  clipmoe_say_assumed (info);
  all->turns.model = info->id;
  all->turns.embed = info->embed;
  gboolean ok = clipmoe_index_turns_init (&all->turns, store, error) && share (o, store, all, error);
  if (ok && (o->reindex || (o->retry && !*all->paths)))
    ok = (all->more = known_files (store, o->reindex, error)) != NULL;
  if (!ok)
    return FALSE;
  all->run.store = store;
  all->run.embed = info->embed;
  all->run.looks = clipmoe_index_looks_new (engine);
  ok = clipmoe_index_all (all, error);
  store = all->turns.store; /* NULL: closed for others, where it was stopped */
  ok = ok && (!o->reindex || clipmoe_index_stopped || switch_model (store, error));
  ok = ok && (clipmoe_index_stopped || clipmoe_store_compact (store, NULL, error));
  clipmoe_index_looks_free (all->run.looks);
  return ok;
}

/* @store is closed. */
static int
index_files (Options *o, const char *where, char *const *paths, ClipmoeStore *store,
             ClipmoeIndexSample sample, ClipmoePrecision precision) {
  GError *error = NULL;
  ClipmoeEngine *engine = NULL;
  int r = 1;
  ClipmoeIndexAll all = {
      .paths = paths, .where = where, .other_file_systems = o->other_file_systems, .watch = o->watch};
  all.run.sampling = (ClipmoeIndexSampling){sample, o->every};
  all.run.same = o->same;
  all.run.retry = o->retry;
  all.run.filling = o->reindex;
  all.run.report = clipmoe_index_report_new (o->json, o->watch, o->verbose);
  all.turns = (ClipmoeIndexTurns){.where = where, .store = store, .reindex = o->reindex};
  if (choose_model (o, store, &error) && (engine = open_engine (o, precision, &error))) {
    char *name = opened_as (o->model.model);
    all.turns.opened_as = name;
    clipmoe_index_stop_begin ();
    gboolean ok = run (o, store, engine, &all, &error);
    ok = clipmoe_index_report_finish (all.run.report) && ok;
    r = !ok || clipmoe_index_report_get_failed (all.run.report) > 0;
    g_free (name);
  }
  if (error)
    r = clipmoe_fail (error);
  if (clipmoe_index_stopped && !o->watch) {
    fprintf (stderr, "clipmoe: stopped; what was finished is kept, and the next run goes on there\n");
    r = 128 + clipmoe_index_stopped;
  }
  clipmoe_index_report_free (all.run.report);
  if (all.more)
    g_ptr_array_unref (all.more);
  clipmoe_index_turns_clear (&all.turns);
  clipmoe_engine_unref (engine);
  return r;
}

static int
index_all (Options *o, const char *where, char *const *paths, ClipmoeIndexSample sample,
           ClipmoePrecision precision) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_WRITE, (guint)o->wait, &error);
  if (!store)
    return clipmoe_fail (error);
  int r = o->prune ? clipmoe_index_prune (store, paths) : 0;
  gboolean any = *paths || o->reindex || o->retry || o->worker;
  if (r == 0 && any && !(o->prune && !o->reindex && !o->retry))
    return index_files (o, where, paths, store, sample, precision);
  clipmoe_store_close (store);
  return r;
}

int
clipmoe_cmd_index (int argc, char **argv) {
  Options o = {.every = 2, .same = 0.95, .wait = 5, .lease = NO_LEASE};
  char **paths = NULL;
  ClipmoeIndexSample sample = CLIPMOE_INDEX_SAMPLE_AUTO;
  ClipmoePrecision precision = CLIPMOE_PRECISION_AUTO;
  GError *error = NULL;
  int r = parse (argc, argv, &o, &paths);
  gboolean help = r == 1;
  if (!r)
    r = check (&o, paths, &sample, &precision);
  if (!r)
    clipmoe_say_zone ();
  if (!r && !gst_init_check (NULL, NULL, &error))
    r = clipmoe_fail (error);
  if (!r) {
    char *where =
        o.store ? g_strdup (o.store) : g_build_filename (g_get_user_data_dir (), "clipmoe", "archive", NULL);
    r = o.verify     ? clipmoe_index_verify (where)
        : o.repair   ? clipmoe_index_repair (where, (guint)o.wait)
        : o.ann      ? clipmoe_index_make_ann (where)
        : o.drop_ann ? clipmoe_index_drop_ann (where)
                     : index_all (&o, where, paths, sample, precision);
    g_free (where);
  }
  g_strfreev (paths);
  clear (&o);
  r = help ? 0 : r;
  clipmoe_index_stop_leave (r);
  return r;
}
