#ifndef X86_ROWS_AVX512_H
#define X86_ROWS_AVX512_H
/* F(m, v) for each number of rows m of a tile of v vectors: it has a function for each. */
#define QNT_ROWS_6(F, v) F(1, v) F(2, v) F(3, v) F(4, v) F(5, v) F(6, v)
#define QNT_ROWS_7_12(F, v) F(7, v) F(8, v) F(9, v) F(10, v) F(11, v) F(12, v)
#define QNT_ROWS_7_14(F, v) QNT_ROWS_7_12(F, v) F(13, v) F(14, v)
#define QNT_ROWS_12(F, v) QNT_ROWS_6(F, v) QNT_ROWS_7_12(F, v)
#define QNT_ROWS_14(F, v) QNT_ROWS_6(F, v) QNT_ROWS_7_14(F, v)
#define QNT_ROWS_24(F, v)                                                                                              \
    QNT_ROWS_14(F, v)                                                                                                  \
    F(15, v) F(16, v) F(17, v) F(18, v) F(19, v) F(20, v) F(21, v) F(22, v) F(23, v) F(24, v)
#define QNT_ROWS_28(F, v) QNT_ROWS_24(F, v) F(25, v) F(26, v) F(27, v) F(28, v)
#endif
