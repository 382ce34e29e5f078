/* All of libclipmoe's public interface: an image goes in, a vector comes out. */
#ifndef CLIPMOE_H
#define CLIPMOE_H

#include "error.h"
#include "image.h"
#include "tokenizer.h"
#include "model.h"
#include "encoder.h"
#include "labels.h"
#include "engine.h"
#include "mailbox.h"
#include "timeline.h"

#endif
