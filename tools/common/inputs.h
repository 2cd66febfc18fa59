#ifndef TOOLS_INPUTS_H
#define TOOLS_INPUTS_H
/* What files give to a model's inputs: PNG images, .npy arrays and .npz archives of them, else raw elements; told from
 * the content. Files are taken in turn for the inputs, and so are the arrays of an archive, unless all have inputs'
 * names; what one input gets lies one image after the other. */
#include <stdbool.h>
#include <qnt/model.h>
#include "tools/common/model.h"

struct input {
    qnt_tensor_info info;    /* of the model */
    size_t elements, images; /* elements: of an image */
    qnt_dtype type;          /* of the elements here; 0: there are none yet */
    bool pixels;             /* they are bytes of images, which the model's normalisation is to be applied to */
    unsigned char *data;
    size_t bytes;
};
struct inputs {
    const struct opt_tool *tool;
    bool u8, resize; /* raw files and arrays of u1 are images; PNG images are made fit */
    size_t n, next;
    struct input *input;
};
/* Whether the file is of pixels, whose channels come last; false, too, when it cannot be read. */
bool inputs_is_image(const char *path);
/* The same of an .npz archive. */
bool inputs_is_archive(const char *path);
/* `model` must outlive them. As all that follows: an exit code, told; then inputs_free is still due. */
int inputs_create(const struct opt_tool *tool, const qnt_model *model, struct inputs *out);
int inputs_add(struct inputs *in, const char *path);
/* That each input has as many images, one at least. */
int inputs_check(const struct inputs *in);
void inputs_free(struct inputs *in);
#endif
