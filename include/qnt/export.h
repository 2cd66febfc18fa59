#ifndef QNT_EXPORT_H
#define QNT_EXPORT_H
/** Models as files of other formats, for other programs: ONNX. qnt_model_save writes the library's own. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/import.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Fields are appended only; zero means the default. */
typedef struct qnt_export_config {
    size_t size;        /**< sizeof(qnt_export_config) */
    const char *format; /**< "onnx"; NULL: this one */
    uint32_t opset;     /**< onnx: 13 to 25; 0: the least that has all that is needed, 13 or more. An operation that is
                             not in the one asked for is refused. */
    uint32_t int4;      /**< onnx: 1: weights of 4 bits and less as int4, for which opset 21 is needed; 0: as int8 */
    uint32_t channels_last; /**< onnx: QNT_CHANNELS_LAST_INPUTS, _OUTPUTS: images stay [batch][height][width][channels].
                                 Else those inputs that a convolution, pool or the like is the first to read, functions
                                 in front of it not counted, and those outputs that one makes, functions behind it not
                                 counted, are [batch][channels][height][width], as ONNX has them; others stay as they
                                 are. */
    uint32_t reserved;      /**< 0 */
} qnt_export_config;

/** Writes the model (to a temporary name, then renamed). The batch is left open. config may be NULL.
 *
 * onnx: codes stand between QuantizeLinear and DequantizeLinear: activations int8 (uint8 at borders) with their scale
 * and zero point, weights int8 or int4 with a scale for each output channel, biases int32. A model that was read from
 * the file again gives the same bytes for quantized layers. What has no operation there is QNT_ERR_UNSUPPORTED with a
 * text that names node and operation. The means and deviations of images are not written. Reads the model. */
QNT_API qnt_status qnt_model_export(const qnt_model *model, const char *path, const qnt_export_config *config);

#ifdef __cplusplus
}
#endif
#endif
