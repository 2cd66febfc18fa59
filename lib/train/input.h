#ifndef TRAIN_INPUT_H
#define TRAIN_INPUT_H
/* From image bytes to the model's float input: normalisation by table, random crop and flip. */
#include "lib/train/dataset.h"

struct qnt_input_map {
    float value[QNT_IMAGE_CHANNELS][256]; /* (byte / 255 - mean) / deviation: correctly rounded float32 operations */
};
void qnt_input_map_init(struct qnt_input_map *m, const float mean[4], const float deviation[4]);

/* Crop position and flip of one image. The identity is all zero. */
struct qnt_augment {
    int32_t dy, dx; /* -4..4: output (y, x) is the input's (y + dy, x + dx), 0 (the mean, when normalised) outside */
    int32_t flip;   /* 1: mirrored left to right, after the crop */
};
/* Drawn from seed, epoch and the image's index alone. */
struct qnt_augment qnt_augment_draw(uint64_t seed, uint32_t epoch, size_t index);
/* dst: 32 x 32 x 3 floats, NHWC. */
void qnt_input_write(const struct qnt_input_map *m, const uint8_t *image, struct qnt_augment a, float *dst);
#endif
