/* The level's symbols in test_avxvnni, which fails where a new variant has no line here. */
#define qnt_dot_s8_avxvnni evex_dot_s8
#define qnt_dot_u8s8_avxvnni evex_dot_u8s8
#define qnt_sum_s8_avxvnni evex_sum_s8
#define qnt_peak_s8_avxvnni evex_peak_s8
#define qnt_blocks_u4s8_avxvnni evex_blocks_u4s8
#define qnt_blocks_u8s8_avxvnni evex_blocks_u8s8
#define qnt_gemm_s8_1x16_avxvnni evex_gemm_s8_1x16
#define qnt_gemm_s8_4x16_avxvnni evex_gemm_s8_4x16
#define qnt_gemm_s8_6x16_avxvnni evex_gemm_s8_6x16
#define qnt_gemm_s4s8_1x16_avxvnni evex_gemm_s4s8_1x16
#define qnt_gemm_s4s8_4x16_avxvnni evex_gemm_s4s8_4x16
#define qnt_gemm_s4s8_6x16_avxvnni evex_gemm_s4s8_6x16
#define qnt_gemm_s2s8_1x16_avxvnni evex_gemm_s2s8_1x16
#define qnt_gemm_s2s8_4x16_avxvnni evex_gemm_s2s8_4x16
#define qnt_gemm_s2s8_6x16_avxvnni evex_gemm_s2s8_6x16
