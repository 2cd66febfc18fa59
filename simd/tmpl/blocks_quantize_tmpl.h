/* Activations to codes, a scale for each block. */
QNT_INLINE float blocks_most(const float *src, size_t block)
{
    vf most = vf_set(0.0f);
    float lane[VL], m = 0.0f;
    for (size_t i = 0; i < block; i += VL)
        most = vf_max((vf)((vi)vf_load(src + i, VL) & INT32_MAX), most); /* NaN is the first operand, which is left */
    vf_store(lane, most, VL);
    QNT_UNROLL
    for (int l = 0; l < VL; l++)
        m = lane[l] > m ? lane[l] : m;
    return m;
}

void V_FN(quantize_blocks_f32_s8)(const float *src, int8_t *dst, float *scale, int32_t *sum, size_t block,
                                  size_t blocks)
{
    const vh zero[2] = {{0}, {0}};
    for (size_t b = 0; b < blocks; b++, src += block, dst += block) {
        const float most = blocks_most(src, block);
        const vf factor = vf_set(127.0f / most);
        int32_t s = 0;
        scale[b] = most / 127.0f;
        for (size_t i = 0; i < block; i += 4 * VL) {
            const size_t left = block - i < 4 * VL ? block - i : 4 * VL;
            vf v[4];
            QNT_UNROLL
            for (size_t k = 0; k < 4; k++) {
                v[k] = vf_set(0.0f);
                if (k * VL < left)
                    v[k] = vf_load(src + i + k * VL, VL) * factor;
            }
            vb_store(dst + i, vb_max(vb_quant(v, zero), (vb){0} - 127), left);
        }
        for (size_t i = 0; i < block; i++)
            s += dst[i];
        sum[b] = s;
    }
}
