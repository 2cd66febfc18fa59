/* As lo <= hi, max(lo, min(hi, x)) is the reference's choice; NaN and zeros are the second operand, which passes. */
void V_FN(clamp_s8)(const int8_t *src, int8_t *dst, size_t n, int8_t lo, int8_t hi)
{
    const vb l = (vb){0} + lo, h = (vb){0} + hi;
    size_t i = 0;
    for (; n - i >= 4 * VL; i += 4 * VL)
        vb_store(dst + i, vb_max(l, vb_min(h, vb_load(src + i, 4 * VL))), 4 * VL);
    if (i < n)
        vb_store(dst + i, vb_max(l, vb_min(h, vb_load(src + i, n - i))), n - i);
}

void V_FN(clamp_f32)(const float *src, float *dst, size_t n, float lo, float hi)
{
    const vf l = vf_set(lo), h = vf_set(hi);
    size_t i = 0;
    for (; n - i >= VL; i += VL)
        vf_store(dst + i, vf_max(l, vf_min(h, vf_load(src + i, VL))), VL);
    if (i < n)
        vf_store(dst + i, vf_max(l, vf_min(h, vf_load(src + i, n - i))), n - i);
}
