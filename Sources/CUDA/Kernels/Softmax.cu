// Softmaxes over classes. The logits of a window lie class by class, [classes, rows], so that sums over classes are vectors over
// rows.

/// partials[block][row] = the highest logit + bias of the classes of a block, or, where `highest` is given, the sum of
/// e^(logit + bias - highest), which takes the place of the logit.
extern "C" __global__ void softmaxBlocks(Matrix logits, const float *bias, const float *highest, float *partials, int blocks) {
    int rows = logits.columns;
    EACH(index, blocks * rows) {
        int block = index / rows, row = index % rows;
        int first = (int)((long long)logits.rows * block / blocks), end = (int)((long long)logits.rows * (block + 1) / blocks);
        float result = highest ? 0 : -INFINITE;
        for (int number = first; number < end; number++) {
            float logit = load(logits, number, row) + (bias ? bias[number] : 0);
            if (highest) {
                float value = expf(logit - highest[row]);
                store(logits, number, row, value);
                result += value;
            } else if (!(logit <= result)) {
                // Not fmaxf, which would let NaN pass.
                result = logit;
            }
        }
        partials[index] = result;
    }
}

/// The highest logit of each row, and the target's where that is among the classes.
extern "C" __global__ void softmaxHighest(
    Matrix logits, const float *bias, const int *targets, int hasOwnTargets, const float *partials, int blocks, float *highest,
    float *targetLogits) {
    int rows = logits.columns;
    EACH(row, rows) {
        float result = partials[row];
        for (int block = 1; block < blocks; block++) {
            float value = partials[block * rows + row];
            if (!(value <= result)) result = value;
        }
        if (hasOwnTargets) {
            if (!(targetLogits[row] <= result)) result = targetLogits[row];
        } else {
            int target = targets[row];
            targetLogits[row] = load(logits, target, row) + (bias ? bias[target] : 0);
        }
        highest[row] = result;
    }
}

extern "C" __global__ void softmaxEnd(
    int rows, int hasOwnTargets, const float *partials, int blocks, const float *highest, const float *targetLogits,
    const double *factors, double *totals, float *stateFactors, float *slopes, double *losses) {
    EACH(row, rows) {
        double target = targetLogits[row], top = highest[row], total = 0;
        for (int block = 0; block < blocks; block++) total += partials[block * rows + row];
        if (hasOwnTargets) total += exp((double)(targetLogits[row] - highest[row]));
        totals[row] = total;
        double factor = factors[row], logTotal = top + log(total);
        losses[row] = factor != 0 ? factor * (logTotal - target) : 0;
        stateFactors[row] = (float)(factor / total);
        slopes[row] = hasOwnTargets ? (float)(factor * (exp(target - logTotal) - 1)) : -(float)factor;
    }
}

/// target[row] = factors[row] x source[row]
extern "C" __global__ void scaleRows(Matrix source, const float *factors, Matrix target) {
    EACH(index, source.rows * source.columns) {
        int row = index / source.columns, column = index % source.columns;
        store(target, row, column, load(source, row, column) * factors[row]);
    }
}

/// sums[class] += sum over rows of factor x value
extern "C" __global__ void classSums(Matrix values, const float *factors, float *sums) {
    EACH_ROW(number, values.rows) {
        double sum = 0;
        EACH_COLUMN(row, values.columns) sum += (double)load(values, number, row) * factors[row];
        sum = blockSum(sum);
        if (threadIdx.x == 0) sums[number] += (float)sum;
    }
}

template <int width> __device__ inline void addTargets(
    const Matrix &below, const Matrix &weights, const int *rows, const double *factors, const float *stateFactors,
    const float *slopes) {
    EACH_WARP_ROW(row, below.rows) {
        float stateFactor = stateFactors[row], slope = factors[row] != 0 ? slopes[row] : 0;
        bool counts = factors[row] != 0;
        EACH_WARP_GROUP(column, below.columns) {
            Group<width> values = loadGroup<width>(below, row, column), target = {};
            if (counts) target = loadGroup<width>(weights, rows[row], column);
            for (int place = 0; place < width; place++) {
                values.values[place] = values.values[place] * stateFactor + slope * target.values[place];
            }
            storeGroup(below, row, column, values);
        }
    }
}

/// The gradient that a row's target gives its state. `usedSlots` gets the slot of each row that counts, and -1 for the others.
extern "C" __global__ void targetGradients(
    Matrix below, Matrix weights, const int *rows, const int *slots, const double *factors, const float *stateFactors,
    const float *slopes, int *usedSlots) {
    if (liesInFours(below) && liesInFours(weights)) addTargets<4>(below, weights, rows, factors, stateFactors, slopes);
    else addTargets<1>(below, weights, rows, factors, stateFactors, slopes);
    EACH(row, below.rows) usedSlots[row] = factors[row] != 0 ? slots[row] : -1;
}

extern "C" __global__ void exclude(const int *places, Matrix logits) {
    EACH(row, logits.columns) if (places[row] >= 0) store(logits, places[row], row, -INFINITE);
}

extern "C" __global__ void classShifts(const float *biases, const int *rows, const double *corrections, float *shifts, int count) {
    EACH(index, count) shifts[index] = biases[rows[index]] - (float)corrections[index];
}

template <int width> __device__ inline void multiplyByTargets(
    const Matrix &states, const Matrix &weights, const int *rows, const float *shifts, float *logits) {
    EACH_WARP_ROW(row, states.rows) {
        double product = 0;
        EACH_WARP_GROUP(column, states.columns) {
            Group<width> own = loadGroup<width>(states, row, column), target = loadGroup<width>(weights, rows[row], column);
            for (int place = 0; place < width; place++) product += (double)own.values[place] * target.values[place];
        }
        product = warpSum(product);
        if (threadIdx.x % LANES == 0) logits[row] = (float)product + shifts[row];
    }
}

extern "C" __global__ void targetLogits(Matrix states, Matrix weights, const int *rows, const float *shifts, float *logits) {
    if (liesInFours(states) && liesInFours(weights)) multiplyByTargets<4>(states, weights, rows, shifts, logits);
    else multiplyByTargets<1>(states, weights, rows, shifts, logits);
}

extern "C" __global__ void logSoftmax(Matrix values) {
    EACH_ROW(row, values.rows) {
        float highest = -INFINITE;
        EACH_COLUMN(column, values.columns) {
            float value = load(values, row, column);
            if (!(value <= highest)) highest = value;
        }
        highest = blockMaximum(highest);
        double sum = 0;
        EACH_COLUMN(column, values.columns) sum += exp((double)(load(values, row, column) - highest));
        float normalizer = (float)(highest + log(blockSum(sum)));
        EACH_COLUMN(column, values.columns) store(values, row, column, load(values, row, column) - normalizer);
    }
}
