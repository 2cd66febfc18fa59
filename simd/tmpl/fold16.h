/* Sums that are specified as 16 interleaved partial ones: 16 / VL vectors whatever VL is, folded by halves. */
enum { SUMS = 16 / VL };

QNT_INLINE float fold16(const vf s[SUMS])
{
    float sum[16];
    QNT_UNROLL
    for (int k = 0; k < SUMS; k++)
        vf_store(sum + k * VL, s[k], VL);
    QNT_UNROLL
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            sum[i] += sum[i + half];
    return sum[0];
}
