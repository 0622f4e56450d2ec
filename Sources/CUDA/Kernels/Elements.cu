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

extern "C" __global__ void layerNorm(
    Matrix input, const float *gain, const float *bias, double epsilon, Matrix output, Matrix statistics) {
    int size = input.columns;
    EACH_ROW(row, input.rows) {
        double sum = 0, square = 0;
        EACH_COLUMN(column, size) sum += load(input, row, column);
        float mean = (float)(blockSum(sum) / size);
        EACH_COLUMN(column, size) {
            double rest = load(input, row, column) - mean;
            square += rest * rest;
        }
        float inverse = (float)(1 / sqrt(blockSum(square) / size + epsilon));
        EACH_COLUMN(column, size) {
            store(output, row, column, (load(input, row, column) - mean) * inverse * gain[column] + bias[column]);
        }
        if (threadIdx.x == 0) {
            store(statistics, row, 0, mean);
            store(statistics, row, 1, inverse);
        }
    }
}

/// The end of a recurrent step: clips values, and writes factors * layerNorm(values) to the output. Norm and factors may be missing.
extern "C" __global__ void endStep(
    Matrix values, float bound, const float *gain, const float *bias, double epsilon, Matrix statistics, Matrix factors,
    Matrix output) {
    int size = values.columns;
    EACH_ROW(row, values.rows) {
        float mean = 0, inverse = 1;
        if (gain) {
            double sum = 0, square = 0;
            EACH_COLUMN(column, size) {
                float value = clipped(load(values, row, column), bound);
                sum += value;
                square += (double)value * value;
            }
            sum = blockSum(sum) / size;
            double variance = blockSum(square) / size - sum * sum;
            mean = (float)sum;
            inverse = (float)(1 / sqrt((variance > 0 ? variance : 0) + epsilon));
            if (threadIdx.x == 0) {
                store(statistics, row, 0, mean);
                store(statistics, row, 1, inverse);
            }
        }
        EACH_COLUMN(column, size) {
            float value = clipped(load(values, row, column), bound);
            if (bound < INFINITE) store(values, row, column, value);
            if (gain) value = (value - mean) * inverse * gain[column] + bias[column];
            if (factors.start) value *= load(factors, row, column);
            store(output, row, column, value);
        }
    }
}

/// Its backward pass. `sums` [blocks or more, 2 columns]: each block adds to a row of its own what its rows give to the gradients of
/// gain and bias; there are at most as many blocks.
extern "C" __global__ void endStepBackward(
    Matrix values, float bound, const float *gain, Matrix statistics, float *sums, Matrix factors, Matrix gradient, Matrix result) {
    int size = values.columns;
    EACH_ROW(row, values.rows) {
        float mean = 0, inverse = 1, meanU = 0, meanUZ = 0;
        if (gain) {
            mean = load(statistics, row, 0);
            inverse = load(statistics, row, 1);
            double sum = 0, along = 0;
            float *own = sums + (long long)blockIdx.x * 2 * size;
            EACH_COLUMN(column, size) {
                float slope = load(gradient, row, column), z = (load(values, row, column) - mean) * inverse;
                if (factors.start) slope *= load(factors, row, column);
                own[column] += slope * z;
                own[size + column] += slope;
                float u = slope * gain[column];
                sum += u;
                along += (double)u * z;
            }
            meanU = (float)(blockSum(sum) / size);
            meanUZ = (float)(blockSum(along) / size);
        }
        EACH_COLUMN(column, size) {
            float slope = load(gradient, row, column), value = load(values, row, column);
            if (factors.start) slope *= load(factors, row, column);
            if (gain) slope = inverse * (slope * gain[column] - meanU - (value - mean) * inverse * meanUZ);
            if (fabsf(value) >= bound) slope = 0;
            store(result, row, column, slope);
        }
    }
}

/// The gradients of gain and bias, in partial sums over parts of `height` rows: first those of the gain, [parts, columns], then
/// those of the bias.
extern "C" __global__ void layerNormPartials(Matrix input, Matrix statistics, Matrix gradient, float *partials, int height) {
    int columns = input.columns, parts = (input.rows + height - 1) / height, runs = (columns + blockDim.x - 1) / blockDim.x;
    for (int task = blockIdx.x; task < parts * runs; task += gridDim.x) {
        int part = task / runs, column = task % runs * blockDim.x + threadIdx.x;
        if (column >= columns) continue;
        int end = min(input.rows, (part + 1) * height);
        float ofGain = 0, ofBias = 0;
        for (int row = part * height; row < end; row++) {
            float slope = load(gradient, row, column);
            ofGain += slope * (load(input, row, column) - load(statistics, row, 0)) * load(statistics, row, 1);
            ofBias += slope;
        }
        partials[(long long)part * columns + column] = ofGain;
        partials[(long long)(parts + part) * columns + column] = ofBias;
    }
}

/// With z = (x - mean) * inverse deviation and u = gain * dy: dx = inverse * (u - mean(u) - z * mean(u z)).
extern "C" __global__ void layerNormBackward(Matrix input, const float *gain, Matrix statistics, Matrix gradient) {
    int size = input.columns;
    EACH_ROW(row, input.rows) {
        float mean = load(statistics, row, 0), inverse = load(statistics, row, 1);
        double sum = 0, along = 0;
        EACH_COLUMN(column, size) {
            float u = load(gradient, row, column) * gain[column];
            sum += u;
            along += (double)u * ((load(input, row, column) - mean) * inverse);
        }
        float meanU = (float)(blockSum(sum) / size), meanUZ = (float)(blockSum(along) / size);
        EACH_COLUMN(column, size) {
            float u = load(gradient, row, column) * gain[column], z = (load(input, row, column) - mean) * inverse;
            store(gradient, row, column, inverse * (u - meanU - z * meanUZ));
        }
    }
}
