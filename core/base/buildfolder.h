/* Where a program that runs from its build folder finds models, elements and other programs. */
#ifndef CLIPMOE_BUILDFOLDER_H
#define CLIPMOE_BUILDFOLDER_H

#include "../clipmoe/error.h"

/* The build folder that the running program lies in; NULL when it is installed, or not one of ours. Free
 * with g_free(). */
char *clipmoe_build_folder (void);
/* The models of the source tree that @folder builds, as its marker says, or NULL. Free with g_free(). */
char *clipmoe_build_folder_models (const char *folder);

#endif
