/* Good ONNX files: small ones, written here as text, and the conformance data's where there is any. In the text ';'
 * ends a line: "in NAME TYPE DIMS", "init NAME TYPE DIMS [=VALUES]" (random ones without), "out NAME TYPE", or "OP
 * INPUTS > OUTPUTS KEY=VALUE…"; '_' is no input; a dimension that is a word is a name, '-' is no dimension; a value
 * with
 * ',' is a list of integers, one with '.' a float. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "lib/core/rng.h"
#include "lib/import/onnx/onnx.h"
#include "tests/common/pb.h"
#include "tests/common/qnt_bytes.h"
#include "tests/fuzz/fuzz_import.h"

static const char *const models[] = {
    "in x f N,3,6,6; init w f 4,3,3,3; init b f 4; Conv x w b > c pads=1,1,1,1 strides=1,1; Relu c > r;"
    "MaxPool r > p kernel_shape=2,2 strides=2,2; Flatten p > f; init v f 5,36; init u f 5; Gemm f v u > y transB=1; "
    "out y f",
    "in x f 1,4,5,5; in w f 4,1,3,3; Conv x w > c group=4 dilations=1,1; init s f 4; init o f 4; init m f 4; init v f "
    "4 =1,1,1,1;"
    "BatchNormalization c s o m v > y epsilon=0.001; GlobalAveragePool y > g; Softmax g > z axis=1; out z f",
    "in x u8 1,2,4,4; init xs f - =1; init xz u8 - =3; init w i8 3,2,2,2; init ws f 3 =1,2,3; init wz i8 3 =0,0,0;"
    "init ys f - =4; init yz u8 - =5; init b i32 3; QLinearConv x xs xz w ws wz ys yz b > y; out y u8",
    "in x f 1,2,4,4; init s f - =1; init z i8 - =0; init w i8 3,2,1,1; QuantizeLinear x s z > q; DequantizeLinear q s "
    "z > d;"
    "DequantizeLinear w s z > v; Conv d v > c; Relu c > r; QuantizeLinear r s z > p; DequantizeLinear p s z > y; out y "
    "f",
    "in x f N,6; Shape x > h; init k i64 1 =0; Gather h k > n axis=0; init t i64 2 =2,3; Concat n t > s axis=0; "
    "Reshape x s > r;"
    "Transpose r > o perm=0,2,1; init w f 2,4; MatMul o w > m; init a f 4; Add m a > y; ReduceMean y > z axes=1, "
    "keepdims=1;"
    "out y f; out z f",
    "in x f 3,2,4; init w f 1,12,4; init r f 1,12,3; init b f 1,24; LSTM x w r b > y h c hidden_size=3; out y f; out h "
    "f",
    "in x f 2,8; DynamicQuantizeLinear x > q s z; init w i8 8,3; init v i8 - =0; MatMulInteger q w z v > a; Cast a > f "
    "to=1;"
    "Mul f s > y; out y f",
    "in x f 1,3,4,4; init b i64 1 =1; init e i64 1 =3; init a i64 1 =2; Slice x b e a > s; init p i64 8 "
    "=0,0,1,1,0,0,1,1;"
    "Pad s p > d mode=edge; Split d > u v w axis=1 num_outputs=3; Concat u w v > c axis=1; Clip c > y; out y f",
    "in x f 1,2,3,3; init s f 4 =1,1,2,2; Resize x _ s > r mode=nearest; AveragePool r > a kernel_shape=3,3 "
    "ceil_mode=1;"
    "LeakyRelu a > y alpha=0.1; HardSwish y > h; Sigmoid h > z; out z f",
    "in x i8 1,4; in y i8 1,4; init s f - =1; init z i8 - =1; com.microsoft:QLinearAdd x s z y s z s z > q; out q i8",
    "in x f 2,32; init b u8 4,1,16; init s f 4; com.microsoft:MatMulNBits x b s > y K=32 N=4 bits=4 block_size=32; out "
    "y f",
};
enum { MODELS = sizeof models / sizeof *models, WORDS = 24, FOUND = 512, PATH = 4096 };

static int type_of(const char *word)
{
    static const struct {
        const char *word;
        int type;
    } types[] = {{"f", ONNX_FLOAT}, {"u8", ONNX_UINT8}, {"i8", ONNX_INT8}, {"i32", ONNX_INT32}, {"i64", ONNX_INT64}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].word, word))
            return types[i].type;
    fuzz_wrong("a seed names type '%s'", word);
}

/* "1,2,3" into number; names are -1. */
static size_t numbers_of(const char *text, int64_t number[ONNX_MAX_RANK])
{
    size_t n = 0;
    char *end;
    if (!strcmp(text, "-"))
        return 0;
    for (; *text && n < ONNX_MAX_RANK; text += *text == ',') {
        number[n] = strtoll(text, &end, 10);
        if (end == text) {
            number[n] = -1;
            end += strcspn(text, ",");
        }
        text = end;
        n++;
    }
    return n;
}

static void add_value(struct pb *graph, uint32_t field, char **word, size_t n)
{
    int64_t dim[ONNX_MAX_RANK];
    struct pb v = pb_value(word[1], type_of(word[2]), n > 3 ? numbers_of(word[3], dim) : 0, dim);
    pb_message(graph, field, &v);
}

static void add_initializer(struct pb *graph, char **word, size_t n, struct qnt_rng *r)
{
    int64_t dim[ONNX_MAX_RANK], value[ONNX_MAX_RANK];
    const int type = type_of(word[2]);
    const size_t rank = numbers_of(word[3], dim), given = n > 4 ? numbers_of(word[4] + 1, value) : 0,
                 size = qnt_onnx_type_bits(type) / 8;
    size_t count = 1;
    for (size_t d = 0; d < rank; d++)
        count *= (size_t)dim[d];
    uint8_t *data = calloc(count, size);
    for (size_t i = 0; i < count; i++) {
        int64_t v = i < given ? value[i] : qnt_rng_between(r, -100, 100);
        float f = given ? (float)v : (float)v / 64.0f;
        memcpy(data + i * size, type == ONNX_FLOAT ? (const void *)&f : (const void *)&v, size);
    }
    struct pb t = pb_tensor(word[1], type, rank, dim, data, count * size);
    pb_message(graph, GRAPH_INIT, &t);
    free(data);
}

static struct pb attribute(char *word)
{
    int64_t list[ONNX_MAX_RANK];
    char *value = strchr(word, '=');
    *value++ = '\0';
    size_t n = numbers_of(value, list);
    if (strchr(value, ','))
        return pb_attr_ints(word, list, n);
    if (strchr(value, '.'))
        return pb_attr_float(word, strtof(value, NULL));
    return n && list[0] >= 0 ? pb_attr_int(word, list[0]) : pb_attr_text(word, value);
}

static void add_node(struct pb *graph, char **word, size_t n, size_t index)
{
    const char *in[WORDS + 1] = {NULL}, *out[WORDS + 1] = {NULL}, **to = in;
    char name[32], *op = strchr(word[0], ':'), *domain = op ? word[0] : NULL;
    size_t k = 0, i = 1;
    if (op)
        *op++ = '\0';
    for (; i < n && !strchr(word[i], '='); i++)
        if (!strcmp(word[i], ">")) {
            to = out;
            k = 0;
        } else
            to[k++] = strcmp(word[i], "_") ? word[i] : "";
    snprintf(name, sizeof name, "n%zu", index);
    struct pb node = pb_node(name, op ? op : word[0], in, out);
    if (domain)
        pb_text(&node, NODE_DOMAIN, domain);
    for (; i < n; i++) {
        struct pb a = attribute(word[i]);
        pb_message(&node, NODE_ATTR, &a);
    }
    pb_message(graph, GRAPH_NODE, &node);
}

static size_t written(const char *text, uint8_t **data)
{
    struct pb graph = {0};
    struct qnt_rng r = qnt_rng_key(1, 8, 0);
    char *copy = strdup(text), *lines = copy, *line;
    size_t index = 0;
    pb_text(&graph, GRAPH_NAME, "g");
    while ((line = strsep(&lines, ";"))) {
        char *word[WORDS], *one;
        size_t n = 0;
        while (n < WORDS && (one = strsep(&line, " ")))
            if (*one)
                word[n++] = one;
        if (n == 0)
            continue;
        if (!strcmp(word[0], "in") || !strcmp(word[0], "out"))
            add_value(&graph, word[0][0] == 'i' ? GRAPH_INPUT : GRAPH_OUTPUT, word, n);
        else if (!strcmp(word[0], "init"))
            add_initializer(&graph, word, n, &r);
        else
            add_node(&graph, word, n, index++);
    }
    free(copy);
    struct pb m = pb_model(&graph, 18, 1);
    *data = m.data;
    return m.n;
}

/* Paths of the models in and below a folder. */
static char *found[FOUND];
static size_t n_found;

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void find(const char *folder, size_t most, int depth)
{
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, NULL, by_name);
    for (int i = 0; i < n; i++) {
        char path[PATH];
        struct stat st;
        const char *name = entry[i]->d_name, *dot = strrchr(name, '.');
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (name[0] != '.' && depth < 5 && !stat(path, &st)) {
            if (S_ISDIR(st.st_mode))
                find(path, most, depth + 1);
            else if (n_found < FOUND && dot && !strcmp(dot, ".onnx") && (uint64_t)st.st_size <= most)
                found[n_found++] = strdup(path);
        }
        free(entry[i]);
    }
    free(entry);
}

size_t fuzz_onnx_seed(size_t i, size_t most, uint8_t **data)
{
    static bool looked;
    const char *folder = getenv("QNT_CONFORMANCE");
    if (i < MODELS)
        return written(models[i], data);
    if (!looked && folder)
        find(folder, most, 0);
    looked = true;
    if (i - MODELS >= n_found)
        return 0;
    struct qnt_bytes b = qnt_bytes_read(found[i - MODELS]);
    if (!b.data || b.n > most)
        fuzz_wrong("%s cannot be read", found[i - MODELS]);
    *data = b.data;
    return b.n;
}
