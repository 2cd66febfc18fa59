#ifndef TMPL_REQUANT_STEP_H
#define TMPL_REQUANT_STEP_H
/* The last step of requantize and avgpool: s32 sums to the bytes of struct qnt_requant. The clamp to [lo, hi] is done
 * on the packed bytes: it commutes with rne, and the saturating steps 32 -> 16 bits, + zero, 16 -> 8 bits before it
 * change nothing inside [-128, 127]. */
struct requant {
    vb lo, hi;
    int32_t zero;
    int8_t flip;
};

QNT_INLINE struct requant requant_load(const struct qnt_requant *r)
{
    return (struct requant){(vb){0} + (int8_t)r->lo, (vb){0} + (int8_t)r->hi, r->zero, (int8_t)r->out_xor};
}

/* Codes of values in units of the output's scale. */
QNT_INLINE vb requant_codes(const vf v[4], const struct requant *p)
{
    vi c[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        c[k] = vi_round(v[k]);
    return vb_max(vb_min(vb_pack(c, p->zero), p->hi), p->lo) ^ p->flip;
}

QNT_INLINE vb requant_step(const vi acc[4], const vf scale[4], const struct requant *p)
{
    vf v[4];
    QNT_UNROLL
    for (int k = 0; k < 4; k++)
        v[k] = vf_of(acc[k]) * scale[k];
    return requant_codes(v, p);
}
#endif
