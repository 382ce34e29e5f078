/* libclipmoe encodes pictures and texts into unit vectors, and scores labels, with CLIP and CLIP-MoE models
 * on ordinary processors. This header includes all others. Since: 0.1
 *
 * Conventions of these headers. Each begins with the purpose of its object and the version that added it
 * ("Since:"); later additions have a "Since:" of their own.
 *
 * Threads. "Any thread": calls from several threads may overlap. "One caller at a time": any thread may call,
 * but calls with the same object must not overlap. Nothing needs a main loop; mailbox.h alone calls back.
 *
 * Errors. Functions that can fail take GError **error last, which may be NULL, and return FALSE or NULL
 * exactly when they fail. The domain is always CLIPMOE_ERROR. Each function names the codes that a program
 * can react to. The message is one sentence for people: the file, the place in it, and what was expected.
 * Passing NULL where neither (nullable) nor (optional) stands, or an object that was freed, is undefined.
 *
 * Out arguments. After a failure their values are unspecified (arrays may be written in part), and nothing in
 * them has to be freed. The object is unchanged and can be used further.
 *
 * Ownership. (transfer full): the caller frees it, with the function that is named. (transfer none): it
 * belongs to the object that it came from, and is valid as long as that. Functions that end in _free and
 * _unref accept NULL; g_autoptr() works for all objects.
 *
 * Units. Times are in seconds. A vector is float32 [embed] of length 1. Arrays are contiguous, in C order: of
 * [n][3][side][side], the last index varies fastest.
 *
 * Structures may grow at their end without breaking compiled programs. A structure that the program makes
 * begins with `struct_size`, which it sets to sizeof; all other fields are zero by default:
 *     ClipmoeEncoderOptions options = { .struct_size = sizeof options, .threads = 2 };
 * All elements of an array have the same struct_size. A struct_size that is too small, or above 64 KiB, is
 * refused with ARGUMENT, a field that an older library does not know with UNSUPPORTED. A structure that the
 * library makes is returned as a pointer to const; a program must not make or copy one or use its sizeof.
 * Enumerations may grow at their end, too.
 *
 * Versions. While the library's name is libclipmoe.so.0, nothing that these headers declare is changed or
 * removed. MINOR rises with additions, MICRO with corrections. The last digits of vectors and scores may
 * differ between versions, processors and precisions, but not between numbers of threads or batch sizes. */
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
#include <clipmoe/engine.h>
#include <clipmoe/mailbox.h>
#include <clipmoe/timeline.h>

#endif
