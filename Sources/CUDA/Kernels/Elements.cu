// Functions of single numbers, dropout, clipping and layer norm.

/// `function`: 0 relu, 1 tanh, 2 sigmoid.
__device__ inline float activated(float value, int function) {
    // Not fmaxf, which would let NaN pass.
    return function == 0 ? (value > 0 || isnan(value) ? value : 0) : function == 1 ? tanhf(value) : sigmoid(value);
}

extern "C" __global__ void activate(Matrix values, int function) {
    EACH(index, values.rows * values.columns) {
        int row = index / values.columns, column = index % values.columns;
        store(values, row, column, activated(load(values, row, column), function));
    }
}

extern "C" __global__ void bend(Matrix gradient, Matrix values, int function) {
    EACH(index, gradient.rows * gradient.columns) {
        int row = index / gradient.columns, column = index % gradient.columns;
        float value = load(values, row, column);
        float slope = function == 0 ? (value > 0 ? 1 : 0) : function == 1 ? 1 - value * value : value * (1 - value);
        store(gradient, row, column, load(gradient, row, column) * slope);
    }
}

__device__ inline unsigned long long mixBits(unsigned long long value) {
    unsigned long long bits = value + 0x9E3779B97F4A7C15ull;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9ull;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EBull;
    return bits ^ bits >> 31;
}

/// The factors of dropout, the processor's to the bit. Two elements share 64 random bits. `key` is that of the seed and the site;
/// the step of training comes from memory, so that a recorded pass draws anew.
extern "C" __global__ void dropout(Matrix mask, unsigned long long site, const unsigned long long *step, unsigned limit, float kept) {
    unsigned long long key = mixBits(site ^ *step);
    EACH(index, mask.rows * mask.columns) {
        unsigned long long bits = mixBits(key + (unsigned long long)(index & ~1u) * 0xD1342543DE82EF95ull);
        unsigned half = (unsigned)(index & 1 ? bits >> 32 : bits);
        mask.start[index] = half < limit ? 0 : kept;
    }
}

/// What a draw of dropout decides; see `DeviceDraw`. Nothing is dropped without a step.
struct Draw {
    unsigned long long site;
    const unsigned long long *step;
    unsigned limit;
    float kept;
};

/// The key of a draw in this step.
__device__ inline unsigned long long keyOf(const Draw &draw) { return draw.step ? mixBits(draw.site ^ *draw.step) : 0; }

/// The factor of the element at `place`, the processor's to the bit.
__device__ inline float factorOf(const Draw &draw, unsigned long long key, unsigned long long place) {
    if (!draw.step) return 1;
    unsigned long long bits = mixBits(key + (place & ~1ull) * 0xD1342543DE82EF95ull);
    return (unsigned)(place & 1 ? bits >> 32 : bits) < draw.limit ? 0 : draw.kept;
}

extern "C" __global__ void drop(Matrix source, Draw draw, Matrix target) {
    unsigned long long key = keyOf(draw);
    EACH(index, target.rows * target.columns) {
        int row = index / target.columns, column = index % target.columns;
        store(target, row, column, load(source, row, column) * factorOf(draw, key, index));
    }
}

extern "C" __global__ void addResidual(Matrix input, const float *bias, Draw draw, Matrix values) {
    unsigned long long key = keyOf(draw);
    EACH(index, values.rows * values.columns) {
        int row = index / values.columns, column = index % values.columns;
        float value = (load(values, row, column) + bias[column]) * factorOf(draw, key, index);
        store(values, row, column, load(input, row, column) + value);
    }
}

/// The sigmoid inside GELU and the derivative of its argument: GELU is x times it.
__device__ inline float sigmoidOfGELU(float x, float &slope) {
    float square = x * x;
    slope = 1.5957691f * (1 + 3 * 0.044715f * square);
    return sigmoid(1.5957691f * (x + 0.044715f * square * x));
}

/// `function`: 0 ReLU, 1 GELU.
extern "C" __global__ void activateHidden(Matrix input, const float *bias, int function, Matrix output) {
    EACH(index, output.rows * output.columns) {
        int row = index / output.columns, column = index % output.columns;
        float x = load(input, row, column) + bias[column], slope;
        store(output, row, column, function ? x * sigmoidOfGELU(x, slope) : x < 0 ? 0 : x);
    }
}

extern "C" __global__ void activateHiddenBackward(Matrix input, const float *bias, int function, Matrix gradient, Matrix output) {
    EACH(index, output.rows * output.columns) {
        int row = index / output.columns, column = index % output.columns;
        float x = load(input, row, column) + bias[column], above = load(gradient, row, column), slope;
        if (function) {
            float s = sigmoidOfGELU(x, slope);
            store(output, row, column, x * s);
            store(gradient, row, column, above * (s + x * s * (1 - s) * slope));
        } else {
            store(output, row, column, x < 0 ? 0 : x);
            store(gradient, row, column, x > 0 ? above : 0);
        }
    }
}

extern "C" __global__ void multiplyBy(Matrix target, Matrix factors) {
    EACH(index, target.rows * target.columns) {
        int row = index / target.columns, column = index % target.columns;
        store(target, row, column, load(target, row, column) * load(factors, row, column));
    }
}

extern "C" __global__ void clip(Matrix values, float bound) {
    EACH(index, values.rows * values.columns) {
        int row = index / values.columns, column = index % values.columns;
        store(values, row, column, clipped(load(values, row, column), bound));
    }
}

extern "C" __global__ void maskClipped(Matrix gradient, Matrix values, float bound) {
    EACH(index, gradient.rows * gradient.columns) {
        int row = index / gradient.columns, column = index % gradient.columns;
        if (fabsf(load(values, row, column)) >= bound) store(gradient, row, column, 0);
    }
}

template <int width> __device__ inline void normRows(
    const Matrix &input, const float *gain, const float *bias, double epsilon, const Matrix &output, const Matrix &statistics) {
    int size = input.columns;
    EACH_WARP_ROW(row, input.rows) {
        double sum = 0, square = 0;
        EACH_WARP_GROUP(column, size) {
            Group<width> values = loadGroup<width>(input, row, column);
            for (float value : values.values) sum += value;
        }
        float mean = (float)(warpSum(sum) / size);
        EACH_WARP_GROUP(column, size) {
            Group<width> values = loadGroup<width>(input, row, column);
            for (float value : values.values) square += (double)(value - mean) * (value - mean);
        }
        float inverse = (float)(1 / sqrt(warpSum(square) / size + epsilon));
        EACH_WARP_GROUP(column, size) {
            Group<width> values = loadGroup<width>(input, row, column);
            Group<width> gains = loadGroup<width>(gain + column), biases = loadGroup<width>(bias + column);
            for (int place = 0; place < width; place++) {
                values.values[place] = (values.values[place] - mean) * inverse * gains.values[place] + biases.values[place];
            }
            storeGroup(output, row, column, values);
        }
        if (threadIdx.x % LANES == 0) {
            store(statistics, row, 0, mean);
            store(statistics, row, 1, inverse);
        }
    }
}

extern "C" __global__ void layerNorm(
    Matrix input, const float *gain, const float *bias, double epsilon, Matrix output, Matrix statistics) {
    if (liesInFours(input) && liesInFours(output)) normRows<4>(input, gain, bias, epsilon, output, statistics);
    else normRows<1>(input, gain, bias, epsilon, output, statistics);
}

/// Adds the elements at a place in all parts of a product, which lie one below the other.
template <int width> __device__ inline void addParts(Group<width> &values, const Matrix &parts, int row, int rows, int column) {
    const float *start = rowOf(parts, row) + column;
    long long step = (long long)rows * parts.stride;
    int count = parts.rows / rows;
    // Many reads at once: one after the other, they take longer than the product.
#pragma unroll 8
    for (int part = 0; part < count; part++) {
        Group<width> own = loadGroup<width>(start + part * step);
        for (int place = 0; place < width; place++) values.values[place] += own.values[place];
    }
}

/// A group of elements and what they meet at the end of a step.
template <int width> struct StepGroup {
    Group<width> values, gains, biases, factors;
};

template <int width> __device__ inline StepGroup<width> loadStepGroup(
    const Matrix &values, const float *gain, const float *bias, const Matrix &factors, int row, int column) {
    StepGroup<width> group;
    group.values = loadGroup<width>(values, row, column);
    if (gain) group.gains = loadGroup<width>(gain + column);
    if (bias) group.biases = loadGroup<width>(bias + column);
    if (factors.start) group.factors = loadGroup<width>(factors, row, column);
    return group;
}

/// `isWhole`: the threads of a block have a row in one group each, which they keep from the first pass over it to the second.
template <int width, bool isWhole> __device__ inline void endStepRows(
    const Matrix &values, const Matrix &parts, float bound, const float *gain, const float *bias, double epsilon,
    const Matrix &statistics, const Matrix &factors, const Matrix &output) {
    int size = values.columns;
    bool changes = bound < INFINITE || parts.start;
    EACH_ROW(row, values.rows) {
        StepGroup<width> group = {};
        double sum = 0, square = 0;
        EACH_GROUP(column, size) {
            if (!isWhole && !gain && !changes) break;
            group = loadStepGroup<width>(values, gain, bias, factors, row, column);
            if (parts.start) {
                group.values = {};
                addParts(group.values, parts, row, values.rows, column);
            }
            for (float &value : group.values.values) value = clipped(value, bound);
            if (changes) storeGroup(values, row, column, group.values);
            for (float &value : group.values.values) {
                // As it is stored.
                if (values.element) value = fromBFloat16(toBFloat16(value));
                sum += value;
                square += (double)value * value;
            }
        }
        float mean = 0, inverse = 1;
        if (gain) {
            blockSums(sum, square);
            sum /= size;
            double variance = square / size - sum * sum;
            mean = (float)sum;
            inverse = (float)(1 / sqrt((variance > 0 ? variance : 0) + epsilon));
            if (threadIdx.x == 0) {
                store(statistics, row, 0, mean);
                store(statistics, row, 1, inverse);
            }
        }
        EACH_GROUP(column, size) {
            if (!isWhole) group = loadStepGroup<width>(values, gain, bias, factors, row, column);
            for (int place = 0; place < width; place++) {
                float &value = group.values.values[place];
                if (gain) value = (value - mean) * inverse * group.gains.values[place] + group.biases.values[place];
                if (factors.start) value *= group.factors.values[place];
            }
            storeGroup(output, row, column, group.values);
        }
    }
}

/// The end of a recurrent step: clips values, and writes factors * layerNorm(values) to the output. Norm and factors may be missing.
/// If there are `parts`, values become their sum first.
extern "C" __global__ void endStep(
    Matrix values, Matrix parts, float bound, const float *gain, const float *bias, double epsilon, Matrix statistics,
    Matrix factors, Matrix output) {
    bool inFours = liesInFours(values) && liesInFours(parts) && liesInFours(factors) && liesInFours(output);
    if (inFours && values.columns <= 4 * blockDim.x) {
        endStepRows<4, true>(values, parts, bound, gain, bias, epsilon, statistics, factors, output);
    } else if (inFours) {
        endStepRows<4, false>(values, parts, bound, gain, bias, epsilon, statistics, factors, output);
    } else {
        endStepRows<1, false>(values, parts, bound, gain, bias, epsilon, statistics, factors, output);
    }
}

template <int width, bool isWhole> __device__ inline void endStepBackwardRows(
    const Matrix &values, const Matrix &parts, float bound, const float *gain, const Matrix &statistics, float *sums,
    const Matrix &factors, const Matrix &gradient, const Matrix &result) {
    int size = values.columns;
    EACH_ROW(row, values.rows) {
        float mean = 0, inverse = 1, meanU = 0, meanUZ = 0;
        double sum = 0, along = 0;
        if (gain) {
            mean = load(statistics, row, 0);
            inverse = load(statistics, row, 1);
        }
        float *own = sums + (long long)blockIdx.x * 2 * size;
        StepGroup<width> group = {};
        Group<width> slopes = {};
        EACH_GROUP(column, size) {
            group = loadStepGroup<width>(values, gain, nullptr, factors, row, column);
            slopes = loadGroup<width>(gradient, row, column);
            Group<width> ofGain = {}, ofBias = {};
            if (gain) {
                ofGain = loadGroup<width>(own + column);
                ofBias = loadGroup<width>(own + size + column);
            }
            if (parts.start) addParts(slopes, parts, row, values.rows, column);
            for (int place = 0; place < width; place++) {
                if (factors.start) slopes.values[place] *= group.factors.values[place];
                float slope = slopes.values[place], z = (group.values.values[place] - mean) * inverse;
                ofGain.values[place] += slope * z;
                ofBias.values[place] += slope;
                float u = gain ? slope * group.gains.values[place] : 0;
                sum += u;
                along += (double)u * z;
            }
            // For the second pass, where a thread does not keep them.
            if (!isWhole) storeGroup(gradient, row, column, slopes);
            if (!gain) continue;
            storeGroup(own + column, ofGain);
            storeGroup(own + size + column, ofBias);
        }
        if (gain) {
            blockSums(sum, along);
            meanU = (float)(sum / size);
            meanUZ = (float)(along / size);
        }
        EACH_GROUP(column, size) {
            if (!isWhole) {
                group = loadStepGroup<width>(values, gain, nullptr, factors, row, column);
                slopes = loadGroup<width>(gradient, row, column);
            }
            for (int place = 0; place < width; place++) {
                float value = group.values.values[place], &slope = slopes.values[place];
                if (gain) slope = inverse * (slope * group.gains.values[place] - meanU - (value - mean) * inverse * meanUZ);
                if (fabsf(value) >= bound) slope = 0;
            }
            storeGroup(result, row, column, slopes);
        }
    }
}

/// Its backward pass. If there are `parts`, the gradient grows by their sum first; what is left in it means nothing. `sums` [blocks or
/// more, 2 columns]: each block adds to a row of its own what its rows give to the gradients of gain and bias; there are at most as
/// many blocks.
extern "C" __global__ void endStepBackward(
    Matrix values, Matrix parts, float bound, const float *gain, Matrix statistics, float *sums, Matrix factors, Matrix gradient,
    Matrix result) {
    bool inFours = liesInFours(values) && liesInFours(parts) && liesInFours(factors) && liesInFours(gradient) && liesInFours(result);
    if (inFours && values.columns <= 4 * blockDim.x) {
        endStepBackwardRows<4, true>(values, parts, bound, gain, statistics, sums, factors, gradient, result);
    } else if (inFours) {
        endStepBackwardRows<4, false>(values, parts, bound, gain, statistics, sums, factors, gradient, result);
    } else {
        endStepBackwardRows<1, false>(values, parts, bound, gain, statistics, sums, factors, gradient, result);
    }
}

template <int width> __device__ inline void sumNormParts(
    const Matrix &input, const Matrix &statistics, const Matrix &gradient, float *partials, int height) {
    int columns = input.columns, parts = (input.rows + height - 1) / height, groups = columns / width;
    EACH(index, parts * groups) {
        int part = index / groups, column = index % groups * width, end = min(input.rows, (part + 1) * height);
        Group<width> ofGain = {}, ofBias = {};
#pragma unroll 2
        for (int row = part * height; row < end; row++) {
            Group<width> slopes = loadGroup<width>(gradient, row, column), values = loadGroup<width>(input, row, column);
            float mean = load(statistics, row, 0), inverse = load(statistics, row, 1);
            for (int place = 0; place < width; place++) {
                ofGain.values[place] += slopes.values[place] * (values.values[place] - mean) * inverse;
                ofBias.values[place] += slopes.values[place];
            }
        }
        storeGroup(partials + (long long)part * columns + column, ofGain);
        storeGroup(partials + (long long)(parts + part) * columns + column, ofBias);
    }
}

/// The gradients of gain and bias, in partial sums over parts of `height` rows: first those of the gain, [parts, columns], then
/// those of the bias.
extern "C" __global__ void layerNormPartials(Matrix input, Matrix statistics, Matrix gradient, float *partials, int height) {
    if (liesInFours(input) && liesInFours(gradient)) sumNormParts<4>(input, statistics, gradient, partials, height);
    else sumNormParts<1>(input, statistics, gradient, partials, height);
}

template <int width> __device__ inline void normRowsBackward(
    const Matrix &input, const float *gain, const Matrix &statistics, const Matrix &gradient) {
    int size = input.columns;
    EACH_WARP_ROW(row, input.rows) {
        float mean = load(statistics, row, 0), inverse = load(statistics, row, 1);
        double sum = 0, along = 0;
        EACH_WARP_GROUP(column, size) {
            Group<width> values = loadGroup<width>(input, row, column), slopes = loadGroup<width>(gradient, row, column);
            Group<width> gains = loadGroup<width>(gain + column);
            for (int place = 0; place < width; place++) {
                float u = slopes.values[place] * gains.values[place];
                sum += u;
                along += (double)u * ((values.values[place] - mean) * inverse);
            }
        }
        float meanU = (float)(warpSum(sum) / size), meanUZ = (float)(warpSum(along) / size);
        EACH_WARP_GROUP(column, size) {
            Group<width> values = loadGroup<width>(input, row, column), slopes = loadGroup<width>(gradient, row, column);
            Group<width> gains = loadGroup<width>(gain + column);
            for (int place = 0; place < width; place++) {
                float u = slopes.values[place] * gains.values[place], z = (values.values[place] - mean) * inverse;
                slopes.values[place] = inverse * (u - meanU - z * meanUZ);
            }
            storeGroup(gradient, row, column, slopes);
        }
    }
}

/// With z = (x - mean) * inverse deviation and u = gain * dy: dx = inverse * (u - mean(u) - z * mean(u z)).
extern "C" __global__ void layerNormBackward(Matrix input, const float *gain, Matrix statistics, Matrix gradient) {
    if (liesInFours(input) && liesInFours(gradient)) normRowsBackward<4>(input, gain, statistics, gradient);
    else normRowsBackward<1>(input, gain, statistics, gradient);
}
