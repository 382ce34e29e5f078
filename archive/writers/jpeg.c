#include "jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>

#define QUALITY 80
#define LONGEST 4096

static void
fail (j_common_ptr info) {
  longjmp (*(jmp_buf *)info->client_data, 1);
}

static void
quiet (j_common_ptr info) {
}

GBytes *
clipmoe_write_jpeg (const guint8 *pixels, guint width, guint height) {
  struct jpeg_compress_struct info = {0};
  struct jpeg_error_mgr errors;
  jmp_buf back;
  unsigned char *written = NULL;
  unsigned long length = 0;
  if (!width || !height || width > LONGEST || height > LONGEST)
    return NULL;
  info.err = jpeg_std_error (&errors);
  errors.error_exit = fail;
  errors.output_message = quiet;
  info.client_data = &back;
  if (setjmp (back)) {
    jpeg_destroy_compress (&info);
    return NULL;
  }
  jpeg_create_compress (&info);
  jpeg_mem_dest (&info, &written, &length);
  info.image_width = width;
  info.image_height = height;
  info.input_components = 4;
  info.in_color_space = JCS_EXT_BGRX;
  jpeg_set_defaults (&info);
  jpeg_set_quality (&info, QUALITY, TRUE);
  info.dct_method = JDCT_ISLOW;
  jpeg_start_compress (&info, TRUE);
  while (info.next_scanline < height) {
    JSAMPROW row = (JSAMPROW)(pixels + (gsize)info.next_scanline * width * 4);
    jpeg_write_scanlines (&info, &row, 1);
  }
  jpeg_finish_compress (&info);
  jpeg_destroy_compress (&info);
  return g_bytes_new_with_free_func (written, length, free, written);
}
