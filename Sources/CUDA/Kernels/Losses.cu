// Losses of predicted vectors. A kernel writes the loss of each row; `addNumbers` adds them up.

/// factors[i] = weights[i] / sum of all weights, or 1 / count without weights: one block.
extern "C" __global__ void rowFactors(const float *weights, double *factors, int count) {
    double sum = 0;
    EACH_COLUMN(index, count) sum += weights ? weights[index] : 1;
    double total = blockSum(sum), factor = total > 0 ? 1 / total : 0;
    EACH_COLUMN(index, count) factors[index] = factor * (weights ? weights[index] : 1);
}

/// Inner products of two rows by the threads of a block.
__device__ inline double rowProduct(const Matrix &one, int row, const Matrix &other, int otherRow) {
    double sum = 0;
    EACH_COLUMN(column, one.columns) sum += (double)load(one, row, column) * load(other, otherRow, column);
    return blockSum(sum);
}

__device__ inline void fillRow(const Matrix &matrix, int row, float value) {
    EACH_COLUMN(column, matrix.columns) store(matrix, row, column, value);
}

/// gradient = along p - towards t
__device__ inline void writeGradient(
    const Matrix &gradient, int row, const Matrix &p, const Matrix &t, float along, float towards) {
    EACH_COLUMN(column, p.columns) store(gradient, row, column, along * load(p, row, column) - towards * load(t, row, column));
}

template <int width> __device__ inline void cosineRows(
    const Matrix &p, const Matrix &t, const double *factors, const Matrix &gradient, double *losses) {
    EACH_WARP_ROW(row, p.rows) {
        double square = 0, targetSquare = 0, product = 0;
        EACH_WARP_GROUP(column, p.columns) {
            Group<width> own = loadGroup<width>(p, row, column), target = loadGroup<width>(t, row, column);
            for (int place = 0; place < width; place++) {
                square += (double)own.values[place] * own.values[place];
                targetSquare += (double)target.values[place] * target.values[place];
                product += (double)own.values[place] * target.values[place];
            }
        }
        square = warpSum(square);
        double weight = factors[row], norms = sqrt(square * warpSum(targetSquare)), loss = weight;
        float along = 0, towards = 0;
        product = warpSum(product);
        if (weight != 0 && norms != 0) {
            double cosine = product / norms;
            loss = weight * (1 - cosine);
            along = (float)(weight * cosine / square);
            towards = (float)(weight / norms);
        }
        bool isZero = along == 0 && towards == 0;
        if (gradient.start) {
            EACH_WARP_GROUP(column, p.columns) {
                Group<width> own = loadGroup<width>(p, row, column), target = loadGroup<width>(t, row, column);
                for (int place = 0; place < width; place++) {
                    own.values[place] = isZero ? 0 : along * own.values[place] - towards * target.values[place];
                }
                storeGroup(gradient, row, column, own);
            }
        }
        if (threadIdx.x % LANES == 0) losses[row] = loss;
    }
}

/// 1 - cos(p, t). A gradient without memory is not wanted.
extern "C" __global__ void cosineLoss(Matrix p, Matrix t, const double *factors, Matrix gradient, double *losses) {
    if (liesInFours(p) && liesInFours(t) && liesInFours(gradient)) cosineRows<4>(p, t, factors, gradient, losses);
    else cosineRows<1>(p, t, factors, gradient, losses);
}

/// |p - t|^2
extern "C" __global__ void squaredLoss(Matrix p, Matrix t, const double *factors, Matrix gradient, double *losses) {
    EACH_ROW(row, p.rows) {
        double weight = factors[row], sum = 0;
        EACH_COLUMN(column, p.columns) {
            double rest = (double)load(p, row, column) - load(t, row, column);
            sum += rest * rest;
        }
        sum = blockSum(sum);
        if (gradient.start) {
            float factor = (float)(2 * weight);
            EACH_COLUMN(column, p.columns) {
                store(gradient, row, column, weight == 0 ? 0 : factor * (load(p, row, column) - load(t, row, column)));
            }
        }
        if (threadIdx.x == 0) losses[row] = weight == 0 ? 0 : weight * sum;
    }
}

/// A modified Bessel function of one order: the coefficients of its expansion and the steps down from there.
struct Bessel {
    double order, sum[31], slope[31];
    int steps, count;
};

__device__ inline double polynomial(const double *coefficients, int count, double t) {
    double value = 0;
    for (int index = count - 1; index >= 0; index--) value = value * t + coefficients[index];
    return value;
}

/// The negative log-likelihood of a von Mises-Fisher distribution (Kumar and Tsvetkov 2019), regularised.
extern "C" __global__ void vonMisesFisherLoss(
    Matrix p, Matrix t, const double *factors, Matrix gradient, double *losses, Bessel bessel, double normPenalty,
    double dotScale) {
    const double pi = 3.14159265358979323846;
    EACH_ROW(row, p.rows) {
        double weight = factors[row], norm = sqrt(rowProduct(p, row, p, row)), targetNorm = sqrt(rowProduct(t, row, t, row));
        double product = rowProduct(p, row, t, row), scale = targetNorm == 0 ? 0 : dotScale / targetNorm;
        double expanded = bessel.order + bessel.steps, z = norm / expanded, w = sqrt(1 + z * z), u = 1 / w;
        double sum = polynomial(bessel.sum, bessel.count, u);
        double logarithm = expanded * (w - log(expanded * (1 + w))) - log(2 * pi * expanded * w) / 2 + log(sum);
        double ratio = (1 / (1 + w) - u * u * polynomial(bessel.slope, bessel.count, u) / sum) / expanded;
        for (int step = 0; step < bessel.steps; step++) {
            ratio = 1 / (2 * (expanded - step) + norm * norm * ratio);
            logarithm -= log(ratio);
        }
        double penalty = norm == 0 ? 0 : normPenalty / norm;
        if (gradient.start) {
            if (weight == 0) fillRow(gradient, row, 0);
            else writeGradient(gradient, row, p, t, (float)(weight * (ratio + penalty)), (float)(weight * scale));
        }
        if (threadIdx.x == 0) {
            double loss = logarithm + p.columns / 2.0 * log(2 * pi) + normPenalty * norm - scale * product;
            losses[row] = weight == 0 ? 0 : weight * loss;
        }
    }
}

/// The unit vectors of all targets; places[row] = row where it can be a negative, else -1.
extern "C" __global__ void unitNegatives(Matrix target, const double *factors, Matrix negatives, int *places) {
    EACH_ROW(row, target.rows) {
        double norm = sqrt(rowProduct(target, row, target, row));
        float factor = norm > 0 && isfinite(norm) ? (float)(1 / norm) : 1;
        EACH_COLUMN(column, target.columns) store(negatives, row, column, load(target, row, column) * factor);
        if (threadIdx.x == 0) places[row] = factors[row] != 0 && norm > 0 ? row : -1;
    }
}

/// Looks through a block of products [rows of predictions, columns of negatives], each thread through some of the columns. The
/// greatest product wins, and of equal ones the first. `begins` is true for the first block of the columns.
extern "C" __global__ void findNearest(
    Matrix products, Matrix target, const int *places, float *nearestProducts, int *nearest, int firstRow, int firstColumn,
    int begins) {
    __shared__ float values[mostThreads];
    __shared__ int columns[mostThreads];
    EACH_ROW(index, products.rows) {
        int row = firstRow + index, found = -1;
        float best = -INFINITE;
        EACH_COLUMN(column, products.columns) {
            float value = load(products, index, column);
            int place = places[firstColumn + column];
            if (place < 0 || !(value > best)) continue;
            // Most differ in the first number.
            bool differs = false;
            for (int number = 0; number < target.columns && !differs; number++) {
                differs = load(target, place, number) != load(target, row, number);
            }
            if (differs) {
                best = value;
                found = firstColumn + column;
            }
        }
        values[threadIdx.x] = best;
        columns[threadIdx.x] = found;
        __syncthreads();
        if (threadIdx.x == 0) {
            float greatest = begins ? -INFINITE : nearestProducts[row];
            int result = begins ? -1 : nearest[row];
            for (int thread = 0; thread < blockDim.x; thread++) {
                if (columns[thread] < 0) continue;
                bool isEqual = values[thread] == greatest && result >= firstColumn && columns[thread] < result;
                if (values[thread] > greatest || isEqual) {
                    greatest = values[thread];
                    result = columns[thread];
                }
            }
            nearestProducts[row] = greatest;
            nearest[row] = result;
        }
        __syncthreads();
    }
}

extern "C" __global__ void maxMarginLoss(
    Matrix p, Matrix t, Matrix negatives, const int *nearest, const double *factors, double margin, Matrix gradient,
    double *losses) {
    EACH_ROW(row, p.rows) {
        double weight = factors[row];
        int place = nearest[row];
        double norm = sqrt(rowProduct(p, row, p, row)), targetNorm = sqrt(rowProduct(t, row, t, row));
        double inverse = norm == 0 ? 0 : 1 / norm, targetInverse = targetNorm == 0 ? 0 : 1 / targetNorm;
        double cosine = rowProduct(p, row, t, row) * inverse * targetInverse;
        double negativeCosine = place < 0 ? -(double)INFINITE : rowProduct(p, row, negatives, place) * inverse;
        double violation = margin + negativeCosine - cosine;
        // Written so that NaN is noticed.
        bool counts = weight != 0 && !(violation <= 0);
        if (threadIdx.x == 0) losses[row] = counts ? weight * violation : 0;
        if (!gradient.start) continue;
        float away = (float)(weight * inverse), towards = (float)(weight * inverse * targetInverse);
        float along = (float)(weight * (negativeCosine - cosine) * inverse * inverse);
        EACH_COLUMN(column, p.columns) {
            float slope = counts && place >= 0
                ? away * load(negatives, place, column) - towards * load(t, row, column) - along * load(p, row, column) : 0;
            store(gradient, row, column, slope);
        }
    }
}

/// output = e^logScale x input / |input|
template <int width> __device__ inline void scaleRowsToNorm(const Matrix &input, float logScale, const Matrix &output) {
    EACH_WARP_ROW(row, input.rows) {
        double square = 0;
        EACH_WARP_GROUP(column, input.columns) {
            Group<width> values = loadGroup<width>(input, row, column);
            for (float value : values.values) square += (double)value * value;
        }
        double norm = sqrt(warpSum(square));
        float factor = norm == 0 ? 0 : (float)(exp((double)logScale) / norm);
        EACH_WARP_GROUP(column, input.columns) {
            Group<width> values = loadGroup<width>(input, row, column);
            for (float &value : values.values) value *= factor;
            storeGroup(output, row, column, values);
        }
    }
}

extern "C" __global__ void scaleToNorm(Matrix input, const float *logScale, Matrix output) {
    if (liesInFours(input) && liesInFours(output)) scaleRowsToNorm<4>(input, *logScale, output);
    else scaleRowsToNorm<1>(input, *logScale, output);
}

template <int width> __device__ inline void scaleRowsToNormBackward(
    const Matrix &input, float logScale, const Matrix &gradient, double *slopes) {
    double factor = exp((double)logScale);
    EACH_WARP_ROW(row, input.rows) {
        double square = 0, product = 0;
        EACH_WARP_GROUP(column, input.columns) {
            Group<width> values = loadGroup<width>(input, row, column), slope = loadGroup<width>(gradient, row, column);
            for (int place = 0; place < width; place++) {
                square += (double)values.values[place] * values.values[place];
                product += (double)values.values[place] * slope.values[place];
            }
        }
        double norm = sqrt(warpSum(square));
        product = warpSum(product);
        float along = norm == 0 ? 0 : (float)(product / (norm * norm)), scale = norm == 0 ? 0 : (float)(factor / norm);
        EACH_WARP_GROUP(column, input.columns) {
            Group<width> values = loadGroup<width>(input, row, column), slope = loadGroup<width>(gradient, row, column);
            for (int place = 0; place < width; place++) {
                slope.values[place] = scale * (slope.values[place] - along * values.values[place]);
            }
            storeGroup(gradient, row, column, slope);
        }
        if (threadIdx.x % LANES == 0) slopes[row] = norm == 0 ? 0 : factor / norm * product;
    }
}

/// With y = s x / |x|: dx = s / |x| (dy - (x·dy) x / |x|^2), and d log s = y·dy, a number for each row.
extern "C" __global__ void scaleToNormBackward(Matrix input, const float *logScale, Matrix gradient, double *slopes) {
    if (liesInFours(input) && liesInFours(gradient)) scaleRowsToNormBackward<4>(input, *logScale, gradient, slopes);
    else scaleRowsToNormBackward<1>(input, *logScale, gradient, slopes);
}
