#ifndef IMPORT_ONNX_LINEAR_H
#define IMPORT_ONNX_LINEAR_H
/* Convolutions and products with constant weights: floats, or codes with exact sums. */
#include "lib/import/onnx/map.h"

/* Where the elements of the model's weights [rows][...] come from in the ONNX constant. */
struct onnx_rows {
    size_t rows, cols;
    uint32_t axis;      /* ONNX dimension whose indices are the rows; scales may be per index of it */
    const size_t *from; /* [rows][cols] */
    uint32_t rank;
    size_t dim[4]; /* of the model's tensor; dim[0] is rows */
};

struct onnx_linear {
    const struct onnx_node *n;
    const char *op; /* conv2d, fully_connected */
    qnt_node_attr attr;
    struct onnx_value *w;    /* constant: floats, or codes with w_quant */
    struct onnx_value *bias; /* constant, or NULL */
    struct onnx_rows rows;
    bool codes; /* x, w are codes; the output is, too (out), or is the sums as s32 (out NULL) */
    struct onnx_quant x_quant, w_quant;
    const struct onnx_quant *out;
    float alpha, beta; /* floats: of weights and bias */
    const char *base;  /* name of the output */
};

/* The node, with its weights and bias. in: the tensor of x. */
qnt_status qnt_onnx_linear(struct onnx_mapper *mp, const struct onnx_linear *l, int in, int *id);
/* The same of floats for config.ort_x86: nodes whose results add up to the layer's as ONNX Runtime adds. */
qnt_status qnt_onnx_linear_parts(struct onnx_mapper *mp, const struct onnx_linear *l, int in, int *id);
/* What it is made of: the node without a bias, and the bias, which is refused when it does not fit the rows. */
qnt_status qnt_onnx_linear_product(struct onnx_mapper *mp, const struct onnx_linear *l, int in, int *id);
qnt_status qnt_onnx_linear_bias(struct onnx_mapper *mp, const struct onnx_linear *l, int *id);
/* w_quant can be that of the weights: per tensor, or per row. */
bool qnt_onnx_linear_quant(const struct onnx_rows *r, const struct onnx_quant *q);

/* A matrix in a constant. */
struct onnx_right {
    size_t k, n;
    bool transposed; /* [n][k] */
    size_t first;    /* its first element in the constant */
};
/* x, rows of k, as a tensor: what is flattened from an image stays channels last, [places][channels], and the weights'
 * columns follow. */
qnt_status qnt_onnx_rows_in(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x, size_t *places,
                            int *id);
/* The last dimension of a is k. */
qnt_status qnt_onnx_check_inner(const struct onnx_node *n, const struct onnx_value *a, const struct onnx_value *b,
                                size_t k);
/* fully_connected; in, places: from qnt_onnx_rows_in. l: all but op and rows; rows.axis is set. */
qnt_status qnt_onnx_full(struct onnx_mapper *mp, struct onnx_linear *l, const struct onnx_right *r, size_t places,
                         int in, int *id);

/* Windows of convolutions and pools: attributes of the model's node, in two dimensions (one: of height 1). */
struct onnx_windows {
    uint32_t places; /* 1 or 2 dimensions */
    qnt_node_attr attr;
    size_t kernel[2], out[2]; /* by ONNX's order; out: with ceil_mode as asked */
};
/* x: [N][C][...]; kernel: of the weights, NULL: the attribute kernel_shape. */
qnt_status qnt_onnx_windows(const struct onnx_node *n, const struct onnx_shape *x, const size_t *kernel,
                            struct onnx_windows *w);
/* A tensor channels last with height and width, from one that may have width alone, and back. */
qnt_status qnt_onnx_image(struct onnx_mapper *mp, const struct onnx_node *n, struct onnx_value *x, int *id);
/* Tensor id, made by an op with windows, has channels `c`: *s is its ONNX shape, *id without the height that x had not.
 */
qnt_status qnt_onnx_image_back(struct onnx_mapper *mp, const struct onnx_node *n, const struct onnx_shape *x, size_t c,
                               const struct onnx_windows *w, const char *base, int *id, struct onnx_shape *s);
#endif
