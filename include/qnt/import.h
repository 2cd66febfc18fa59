#ifndef QNT_IMPORT_H
#define QNT_IMPORT_H
/** Models from files of any format that this library reads: its own (.qnt) and ONNX. */
#include <stddef.h>
#include <stdint.h>
#include <qnt/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A value for an input of the file's graph, which becomes a constant by it. Copied. */
typedef struct qnt_import_bind {
    const char *name;  /**< of the input */
    const void *data;  /**< elements of the type that the file declares for it, row-major, little-endian; types of 4 and
                          2  bits are packed, low bits first */
    size_t bytes;      /**< of data: expected is what type and shape give */
    const size_t *dim; /**< rank of them; may be NULL when rank is 0 */
    uint32_t rank;     /**< 0: a scalar */
    uint32_t zero;     /**< reserved, 0 */
} qnt_import_bind;

/** A value for a dimension that the file only names ("batch", "sequence"). */
typedef struct qnt_import_dim {
    const char *name;
    size_t value; /**< > 0 */
} qnt_import_dim;

enum { QNT_CHANNELS_LAST_INPUTS = 1, QNT_CHANNELS_LAST_OUTPUTS = 2 };

/** Fields are appended only; zero means the default. A field that the file's format has no use for is refused. */
typedef struct qnt_import_config {
    size_t size;        /**< sizeof(qnt_import_config) */
    const char *format; /**< "qnt" or "onnx"; NULL: told from the content */
    size_t batch; /**< onnx: what dimension 0 of the inputs is where the file leaves it open; the model then has it as
                       a dimension like others, and a session's image is one whole input. 0: it is the session's batch,
                       where the graph allows. */
    const qnt_import_bind *bind; /**< onnx: n_bind inputs that are known */
    size_t n_bind;
    const qnt_import_dim *dim; /**< onnx: n_dim named dimensions; QNT_ERR_ARG for a name that no input has */
    size_t n_dim;
    uint32_t channels_last; /**< QNT_CHANNELS_LAST_INPUTS, _OUTPUTS: inputs and outputs of three and more dimensions are
                                 [batch][…][channels] instead of an ONNX file's [batch][channels][…]; those of a .qnt
                               file stay as they are */
    int external_data; /**< onnx: 1: constants may lie in other files, in or below the folder of the model's. Else a
                          model that has such is refused. */
    int ort_x86; /**< onnx: 1: the numbers that ONNX Runtime 1.30 gives on x86-64 with AVX-512 by default, for models
                    that were made or judged with it. What reads or gives int8 codes of the graph's inputs or outputs,
                    or codes that several nodes read, it computes in floats there, and it adds the products of
                    convolutions and matrices with constant weights up in parts: 256 of a matrix's row, of channels 128
                    in convolutions of 1 x 1, else 16, or one at a time where there are fewer than 16. Slower; layers
                    whose order of sums is not known are refused. 0: all of it in integers where DequantizeLinear
                    and QuantizeLinear stand around an operation, as ONNX Runtime does for uint8, and for int8 on ARM64.
                    The two differ where a result lies next to the border between two codes. */
    uint32_t reserved; /**< 0 */
} qnt_import_config;

/** Reads a model from a file. config may be NULL. A .qnt file is mapped and must not be changed while the model lives;
 * other files are read. Damage is QNT_ERR_FORMAT, what this library does not know to run QNT_ERR_UNSUPPORTED; the text
 * names file, node, operation, tensor, what was expected and found. *out is untouched on failure. Thread-safe. */
QNT_API qnt_status qnt_model_import(qnt_ctx *ctx, const char *path, const qnt_import_config *config, qnt_model **out);
/** The same from memory, which is not used afterwards; there is no folder then, and external_data is refused.
 * Thread-safe. */
QNT_API qnt_status qnt_model_import_memory(qnt_ctx *ctx, const void *data, size_t bytes,
                                           const qnt_import_config *config, qnt_model **out);

/** Inputs and outputs of an operation: any number. */
#define QNT_IMPORT_ANY UINT32_MAX
/** An operation that models of a format may have. Pointers stay valid for as long as the library is there. */
typedef struct qnt_import_operation_info {
    const char *format; /**< "qnt" or "onnx" */
    const char *domain; /**< onnx: "" for its own operations, or "com.microsoft" */
    const char *name;
    const char *attributes; /**< onnx: those that are known, a blank between them; a node with another one is refused */
    uint32_t inputs, outputs; /**< at most as many, or QNT_IMPORT_ANY */
    uint32_t required;        /**< bit i: input i must be there */
    int constants;            /**< 1: it may be of constants alone, and is computed when the model is read (onnx) */
    int activations;          /**< 1: a session computes it; 0: its inputs must be known when the model is read */
} qnt_import_operation_info;
/** Operation i of all formats that this build reads; QNT_ERR_ARG past the last. Thread-safe. */
QNT_API qnt_status qnt_import_operation(size_t i, qnt_import_operation_info *out);

#ifdef __cplusplus
}
#endif
#endif
