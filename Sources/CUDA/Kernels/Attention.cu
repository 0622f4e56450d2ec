// Attention between its products. Scores and weights lie head after head of the sequences in `Heads`, [heads x steps, steps].

/// The heads that a launch is for; see `Attention`.
struct Heads {
    /// The steps of each sequence; null: all.
    const int *lengths;
    /// The first head, counted through all sequences, and the heads of a sequence.
    int first, heads;
    int steps, isCausal;
    float scale;
};

/// The keys that the query of a row sees: none after the end of its sequence.
__device__ inline int keysOf(const Heads &heads, int row) {
    int query = row % heads.steps, sequence = (heads.first + row / heads.steps) / heads.heads;
    int length = heads.lengths ? heads.lengths[sequence] : heads.steps;
    return query >= length ? 0 : heads.isCausal ? query + 1 : length;
}

__device__ inline float warpMaximum(float value) {
    for (int half = LANES / 2; half > 0; half /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, half));
    return value;
}

/// The highest score of a row, and the inverse of the sum of the exponentials of what lies below it.
__device__ inline void shareOf(const Heads &heads, const Matrix &scores, int row, int keys, float &highest, float &share) {
    const int width = 1;
    highest = -INFINITE;
    EACH_WARP_GROUP(key, keys) highest = fmaxf(highest, load(scores, row, key) * heads.scale);
    highest = warpMaximum(highest);
    double sum = 0;
    EACH_WARP_GROUP(key, keys) sum += fastExponential(load(scores, row, key) * heads.scale - highest);
    share = keys > 0 ? (float)(1 / warpSum(sum)) : 0;
}

/// The place of a row's first weight among those that dropout numbers.
__device__ inline unsigned long long placeOf(const Heads &heads, int row) {
    return ((unsigned long long)heads.first * heads.steps + row) * heads.steps;
}

/// From scores to the softmax without what is dropped. `weights` may be `scores`.
extern "C" __global__ void attentionWeights(Heads heads, Matrix scores, Draw draw, Matrix weights) {
    unsigned long long dropped = keyOf(draw);
    const int width = 1;
    EACH_WARP_ROW(row, scores.rows) {
        int keys = keysOf(heads, row);
        float highest, share;
        shareOf(heads, scores, row, keys, highest, share);
        unsigned long long place = placeOf(heads, row);
        EACH_WARP_GROUP(key, heads.steps) {
            float value = key < keys ? fastExponential(load(scores, row, key) * heads.scale - highest) * share : 0;
            store(weights, row, key, key < keys ? value * factorOf(draw, dropped, place + key) : 0);
        }
    }
}

/// The same again, and from the gradient of the weights, in `slopes`, that of the scores, which goes to `below`.
extern "C" __global__ void attentionSlopes(Heads heads, Matrix scores, Matrix slopes, Draw draw, Matrix weights, Matrix below) {
    unsigned long long dropped = keyOf(draw);
    const int width = 1;
    EACH_WARP_ROW(row, scores.rows) {
        int keys = keysOf(heads, row);
        float highest, share;
        shareOf(heads, scores, row, keys, highest, share);
        unsigned long long place = placeOf(heads, row);
        double sum = 0;
        EACH_WARP_GROUP(key, keys) {
            float value = fastExponential(load(scores, row, key) * heads.scale - highest) * share;
            sum += value * load(slopes, row, key) * factorOf(draw, dropped, place + key);
        }
        float mean = (float)warpSum(sum);
        EACH_WARP_GROUP(key, heads.steps) {
            float value = key < keys ? fastExponential(load(scores, row, key) * heads.scale - highest) * share : 0;
            float factor = key < keys ? factorOf(draw, dropped, place + key) : 0;
            float slope = key < keys ? value * (load(slopes, row, key) * factor - mean) * heads.scale : 0;
            store(weights, row, key, value * factor);
            store(below, row, key, slope);
        }
    }
}
