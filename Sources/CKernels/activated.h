// What a value goes through on its way out (CK_NONE, CK_CLAMP or CK_LEAK), for one kind of vector; NaN stays NaN.
//
// Before inclusion: the vectors of lanes.h.

#define PICK(mask, a, b) ((VEC)(((WHOLE)(mask) & (WHOLE)(a)) | (~(WHOLE)(mask) & (WHOLE)(b))))

CK_INLINE VEC NAME(activated)(int activation, float low, float high, VEC value) {
    if (activation == CK_CLAMP) {
        VEC least = SPLAT(low), most = SPLAT(high);
        value = PICK(least > value, least, value);
        value = PICK(most < value, most, value);
    } else if (activation == CK_LEAK) {
        value = PICK(value < SPLAT(0.0f), value * SPLAT(low), value);
    }
    return value;
}

#undef PICK
