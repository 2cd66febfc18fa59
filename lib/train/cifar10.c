/* CIFAR-10, binary version: records of one label byte and three planes of 32 x 32 bytes (red, green, blue). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "lib/train/dataset.h"

enum { PLANE = QNT_IMAGE_SIDE * QNT_IMAGE_SIDE, RECORD = 1 + QNT_IMAGE_BYTES, PATH_BYTES = 4096 };

static const char *const train_files[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                          "data_batch_4.bin", "data_batch_5.bin", NULL};
static const char *const test_files[] = {"test_batch.bin", NULL};

/* A file that is opened, of whole records. */
static qnt_status open_batch(const char *folder, const char *name, FILE **file, size_t *records)
{
    char path[PATH_BYTES];
    struct stat st;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return qnt_fail(QNT_ERR_ARG, "CIFAR-10 folder name is longer than %d bytes", PATH_BYTES);
    FILE *f = fopen(path, "rb");
    if (!f)
        return qnt_fail(QNT_ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
        fclose(f);
        return qnt_fail(QNT_ERR_IO, "%s: not a regular file", path);
    }
    size_t bytes = (size_t)st.st_size, rest = bytes % RECORD;
    if (bytes == 0 || rest != 0) {
        fclose(f);
        return qnt_fail(QNT_ERR_FORMAT, "%s: record %zu has %zu bytes, expected %d", path, bytes / RECORD, rest,
                        RECORD);
    }
    *file = f;
    *records = bytes / RECORD;
    return QNT_OK;
}

static qnt_status read_batch(FILE *f, const char *name, size_t records, uint8_t *images, uint8_t *labels)
{
    uint8_t record[RECORD];
    for (size_t i = 0; i < records; i++, images += QNT_IMAGE_BYTES) {
        size_t got = fread(record, 1, sizeof record, f);
        if (got != sizeof record && ferror(f))
            return qnt_fail(QNT_ERR_IO, "%s: record %zu: %s", name, i, strerror(errno));
        if (got != sizeof record) /* it shrank since it was measured */
            return qnt_fail(QNT_ERR_FORMAT, "%s: record %zu has %zu bytes, expected %d", name, i, got, RECORD);
        if (record[0] >= QNT_IMAGE_CLASSES)
            return qnt_fail(QNT_ERR_FORMAT, "%s: record %zu has label %u, expected 0 to %d", name, i, record[0],
                            QNT_IMAGE_CLASSES - 1);
        labels[i] = record[0];
        for (size_t p = 0; p < PLANE; p++)
            for (size_t c = 0; c < QNT_IMAGE_CHANNELS; c++)
                images[p * QNT_IMAGE_CHANNELS + c] = record[1 + c * PLANE + p];
    }
    return QNT_OK;
}

qnt_status qnt_dataset_cifar10(qnt_ctx *ctx, const char *folder, qnt_split split, qnt_dataset **out)
{
    if (!ctx || !folder || !out)
        return qnt_fail(QNT_ERR_ARG, "CIFAR-10: a pointer is NULL");
    if (split != QNT_TRAIN && split != QNT_TEST)
        return qnt_fail(QNT_ERR_ARG, "CIFAR-10: split %d, expected 0 (train) or 1 (test)", (int)split);
    const char *const *names = split == QNT_TRAIN ? train_files : test_files;
    FILE *file[5] = {NULL};
    size_t records[5], total = 0, files = 0;
    qnt_dataset *d = NULL;
    qnt_status status = QNT_OK;
    for (; names[files] && !status; files++)
        if (!(status = open_batch(folder, names[files], &file[files], &records[files])))
            total += records[files];
    if (!status)
        status = qnt_dataset_alloc(ctx, total, &d);
    for (size_t i = 0, at = 0; i < files && !status; at += records[i++])
        status =
            read_batch(file[i], names[i], records[i], d->store->images + at * QNT_IMAGE_BYTES, d->store->labels + at);
    for (size_t i = 0; i < files; i++)
        if (file[i])
            fclose(file[i]);
    if (status) {
        qnt_dataset_free(d);
        return status;
    }
    *out = d;
    return QNT_OK;
}
