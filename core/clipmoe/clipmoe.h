/* libclipmoe: pictures and texts go in, unit vectors and scores come out, by CLIP and CLIP-MoE models on
 * ordinary processors. This header includes all others. Since: 0.1
 *
 * How these headers are to be read. Each begins with what its object is for and with the version that it came
 * with ("Since:"); what came later says so itself.
 *
 * Threads. "Any thread": calls from several threads may overlap. "One caller at a time": any thread may call,
 * but calls with one object must not overlap. Nothing here starts a main loop or calls back.
 *
 * Errors. What can fail takes GError **error last, which may be NULL, and returns FALSE or NULL exactly when
 * it has failed. The domain is always CLIPMOE_ERROR; the codes that are named at a function are those that a
 * program can react to. The message is one sentence for people: which file, which place in it, what was
 * expected. To hand over NULL where no (nullable) or (optional) stands, or an object that was freed, is a
 * mistake of the program and no error.
 *
 * Out arguments. After a failure they hold nothing that may be used, and nothing that has to be freed:
 * numbers and arrays may be written in part. Objects are as they were, and go on working.
 *
 * Ownership. (transfer full): the caller frees it, with the function that is named. (transfer none): it
 * belongs to the object that it came from and lives as long. Functions that end in _free and _unref take
 * NULL; g_autoptr() works for all objects.
 *
 * Units. Times are in seconds. A vector is float32 [embed] of length 1. Arrays are dense and in C order: of
 * [n][3][side][side], the last index moves fastest.
 *
 * Structures grow at their end, and the library goes on reading those of programs that were compiled with
 * older headers. One that a program makes begins with `struct_size`: it is set to sizeof, and all that is not
 * set is zero, which is the default of each field:
 *     ClipmoeEncoderOptions options = { .struct_size = sizeof options, .threads = 2 };
 * In an array all have the same size. A struct_size that is too small is refused with ARGUMENT, a field that
 * an older library does not know with UNSUPPORTED. One that the library makes is handed out as a pointer to
 * const and read through it: a program neither makes it nor copies it nor takes its sizeof. Enumerations grow
 * at their end, too.
 *
 * Versions. As long as the library is called libclipmoe.so.0, what these headers declare stays as it is:
 * MINOR rises when something is added, MICRO when something is mended. What vectors and scores a model gives
 * may change in their last digits between versions, processors and precisions; not between threads and
 * batches. */
#ifndef CLIPMOE_H
#define CLIPMOE_H

#include <clipmoe/error.h>
#include <clipmoe/version.h>
#include <clipmoe/image.h>
#include <clipmoe/tokenizer.h>
#include <clipmoe/model.h>
#include <clipmoe/encoder.h>
#include <clipmoe/precision.h>
#include <clipmoe/labels.h>
#include <clipmoe/timeline.h>

#endif
