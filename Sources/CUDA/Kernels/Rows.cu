// Copies, sums and rows of tables.

extern "C" __global__ void fill(Matrix target, float value) {
    EACH(index, target.rows * target.columns) store(target, index / target.columns, index % target.columns, value);
}

extern "C" __global__ void copy(Matrix source, Matrix target) {
    EACH(index, target.rows * target.columns) {
        int row = index / target.columns, column = index % target.columns;
        store(target, row, column, load(source, row, column));
    }
}

extern "C" __global__ void add(Matrix source, Matrix target) {
    EACH(index, target.rows * target.columns) {
        int row = index / target.columns, column = index % target.columns;
        store(target, row, column, load(target, row, column) + load(source, row, column));
    }
}

extern "C" __global__ void scale(Matrix target, float factor) {
    EACH(index, target.rows * target.columns) {
        int row = index / target.columns, column = index % target.columns;
        store(target, row, column, load(target, row, column) * factor);
    }
}

extern "C" __global__ void broadcast(Matrix source, Matrix target) {
    EACH(index, target.rows * target.columns) {
        int row = index / target.columns, column = index % target.columns;
        store(target, row, column, load(source, 0, column));
    }
}

/// target[rows[i]] = the source's row, or zeros without a source; nothing where rows[i] is negative.
extern "C" __global__ void broadcastAt(Matrix source, const int *rows, int count, Matrix target) {
    EACH_WARP_ROW(index, count) {
        int place = rows[index];
        if (place < 0) continue;
        for (int column = threadIdx.x % LANES; column < target.columns; column += LANES) {
            store(target, place, column, source.start ? load(source, 0, column) : 0);
        }
    }
}

extern "C" __global__ void addRow(Matrix source, Matrix target) {
    EACH(index, target.rows * target.columns) {
        int row = index / target.columns, column = index % target.columns;
        store(target, row, column, load(target, row, column) + load(source, 0, column));
    }
}

/// target += source, and source = 0.
/// target[i] += rows[i / n], where the target has n times as many rows.
extern "C" __global__ void addBlocks(Matrix rows, Matrix target) {
    int block = target.rows / rows.rows;
    EACH(index, target.rows * target.columns) {
        int row = index / target.columns, column = index % target.columns;
        store(target, row, column, load(target, row, column) + load(rows, row / block, column));
    }
}

/// sums[i] += the sum of the n rows of block i.
extern "C" __global__ void addBlockSums(Matrix matrix, Matrix sums) {
    int block = matrix.rows / sums.rows;
    EACH(index, sums.rows * sums.columns) {
        int row = index / sums.columns, column = index % sums.columns;
        float sum = load(sums, row, column);
        for (int place = 0; place < block; place++) sum += load(matrix, row * block + place, column);
        store(sums, row, column, sum);
    }
}

/// Adds a Transformer's positions: sin(step / 10000^(column / columns)) in even columns, the cosine of that angle in odd ones.
extern "C" __global__ void addSinusoids(Matrix target, int batch) {
    EACH(index, target.rows / batch * target.columns) {
        int step = index / target.columns, column = index % target.columns;
        double angle = step * exp(-9.210340371976184 * (column / 2 * 2) / target.columns);
        float value = (float)(column % 2 ? cos(angle) : sin(angle));
        for (int row = step * batch; row < (step + 1) * batch; row++) {
            store(target, row, column, load(target, row, column) + value);
        }
    }
}

extern "C" __global__ void move(Matrix source, Matrix target) {
    EACH(index, target.rows * target.columns) {
        int row = index / target.columns, column = index % target.columns;
        store(target, row, column, load(target, row, column) + load(source, row, column));
        store(source, row, column, 0);
    }
}

template <int width> __device__ inline void sumParts(const Matrix &matrix, float *partials, int height) {
    int parts = (matrix.rows + height - 1) / height, groups = matrix.columns / width;
    EACH(index, parts * groups) {
        int part = index / groups, column = index % groups * width, end = min(matrix.rows, (part + 1) * height);
        Group<width> sum = {};
#pragma unroll 4
        for (int row = part * height; row < end; row++) {
            Group<width> values = loadGroup<width>(matrix, row, column);
            for (int place = 0; place < width; place++) sum.values[place] += values.values[place];
        }
        storeGroup(partials + (long long)part * matrix.columns + column, sum);
    }
}

/// partials[part][column] = sum of the column over the rows of that part, of `height` rows.
extern "C" __global__ void columnPartials(Matrix matrix, float *partials, int height) {
    if (liesInFours(matrix)) sumParts<4>(matrix, partials, height);
    else sumParts<1>(matrix, partials, height);
}

/// sums[column] += the partial sums of the column: a run of columns to a block, and the parts shared out among its warps.
extern "C" __global__ void addPartials(const float *partials, int parts, int columns, float *sums) {
    __shared__ float shares[mostThreads];
    int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, warps = blockDim.x / LANES;
    for (int first = blockIdx.x * LANES; first < columns; first += gridDim.x * LANES) {
        int column = first + lane;
        float sum = 0;
        for (int part = warp; part < parts && column < columns; part += warps) sum += partials[(long long)part * columns + column];
        shares[threadIdx.x] = sum;
        __syncthreads();
        if (warp == 0 && column < columns) {
            for (int other = 1; other < warps; other++) sum += shares[other * LANES + lane];
            sums[column] += sum;
        }
        __syncthreads();
    }
}

/// sums[column] = the sum of the column, in double precision.
extern "C" __global__ void columnSums(Matrix matrix, double *sums) {
    EACH(column, matrix.columns) {
        double sum = 0;
        for (int row = 0; row < matrix.rows; row++) sum += load(matrix, row, column);
        sums[column] = sum;
    }
}

template <int width> __device__ inline void gatherRows(const int *rows, const Matrix &table, const Matrix &target) {
    EACH_WARP_ROW(row, target.rows) {
        int place = rows[row];
        EACH_WARP_GROUP(column, target.columns) {
            Group<width> values = {};
            if (place >= 0) values = loadGroup<width>(table, place, column);
            storeGroup(target, row, column, values);
        }
    }
}

extern "C" __global__ void gather(const int *rows, Matrix table, Matrix target) {
    if (liesInFours(table) && liesInFours(target)) gatherRows<4>(rows, table, target);
    else gatherRows<1>(rows, table, target);
}

/// table[rows[i]] += factors[i] x source[i], in the order of i, where rows[i] is not negative. The block of the first i that has a
/// row adds all that have it, so that there is one writer and one order. Without `factors` each counts once.
extern "C" __global__ void scatterAdd(Matrix source, Matrix table, const int *rows, const float *factors) {
    __shared__ int isFirst, isMet, meets[mostThreads];
    EACH_ROW(index, source.rows) {
        int place = rows[index];
        if (threadIdx.x == 0) isFirst = place >= 0;
        __syncthreads();
        for (int other = threadIdx.x; other < index && isFirst; other += blockDim.x) if (rows[other] == place) isFirst = 0;
        __syncthreads();
        // Each thread looks at one of the next rows; most of these have other places.
        for (int base = index; base < source.rows && isFirst; base += blockDim.x) {
            int other = base + threadIdx.x;
            if (threadIdx.x == 0) isMet = 0;
            __syncthreads();
            meets[threadIdx.x] = other < source.rows && rows[other] == place;
            if (meets[threadIdx.x]) isMet = 1;
            __syncthreads();
            for (int number = 0; number < blockDim.x && isMet; number++) {
                if (!meets[number]) continue;
                float factor = factors ? factors[base + number] : 1;
                EACH_COLUMN(column, source.columns) {
                    store(table, place, column, load(table, place, column) + factor * load(source, base + number, column));
                }
            }
            __syncthreads();
        }
        __syncthreads();
    }
}

/// partials[part] = what the source's rows of a part, `height` of them, add to each row of a small table: a part to a block.
extern "C" __global__ void scatterPartials(Matrix source, const int *rows, int tableRows, int height, float *partials) {
    int parts = (source.rows + height - 1) / height, size = tableRows * source.columns;
    EACH_ROW(part, parts) {
        float *own = partials + (long long)part * size;
        EACH_COLUMN(index, size) own[index] = 0;
        __syncthreads();
        int end = min(source.rows, (part + 1) * height);
        EACH_COLUMN(column, source.columns) {
            for (int row = part * height; row < end; row++) {
                int place = rows[row];
                if (place >= 0) own[(long long)place * source.columns + column] += load(source, row, column);
            }
        }
        __syncthreads();
    }
}

template <int width>
__device__ inline void reverseRows(const Matrix &source, int batch, const int *lengths, const Matrix &target, int adding) {
    int steps = target.rows / batch;
    EACH_WARP_ROW(row, target.rows) {
        int step = row / batch, sequence = row % batch, length = lengths ? lengths[sequence] : steps;
        if (step >= length && adding) continue;
        int turned = (length - 1 - step) * batch + sequence;
        EACH_WARP_GROUP(column, target.columns) {
            Group<width> values = {};
            if (step < length) values = loadGroup<width>(source, turned, column);
            if (adding) {
                Group<width> before = loadGroup<width>(target, row, column);
                for (int place = 0; place < width; place++) values.values[place] += before.values[place];
            }
            storeGroup(target, row, column, values);
        }
    }
}

/// Row (t, b) of the target is, or gets added, row (length - 1 - t, b) of the source; behind the end of a sequence zeros, or nothing.
extern "C" __global__ void reverse(Matrix source, int batch, const int *lengths, Matrix target, int adding) {
    if (liesInFours(source) && liesInFours(target)) reverseRows<4>(source, batch, lengths, target, adding);
    else reverseRows<1>(source, batch, lengths, target, adding);
}

/// target[i] += factor x table[row], for each row of the i-th run.
extern "C" __global__ void addRuns(const int *rows, const int *ends, Matrix table, float factor, Matrix target) {
    EACH_ROW(index, target.rows) {
        int first = index == 0 ? 0 : ends[index - 1], end = ends[index];
        EACH_COLUMN(column, target.columns) {
            float sum = load(target, index, column);
            for (int place = first; place < end; place++) sum += factor * load(table, rows[place], column);
            store(target, index, column, sum);
        }
    }
}

/// target[i] /= the length of the i-th run, if that is more than 1.
extern "C" __global__ void divideByRuns(const int *ends, Matrix target) {
    EACH_ROW(index, target.rows) {
        int length = ends[index] - (index == 0 ? 0 : ends[index - 1]);
        if (length < 2) continue;
        float factor = 1 / (float)length;
        EACH_COLUMN(column, target.columns) store(target, index, column, load(target, index, column) * factor);
    }
}

/// bad[block] = 1 if an element that the block has looked at is not finite.
extern "C" __global__ void findNotFinite(Matrix matrix, double *bad) {
    double found = 0;
    EACH(index, matrix.rows * matrix.columns) {
        if (!isfinite(load(matrix, index / matrix.columns, index % matrix.columns))) found = 1;
    }
    found = blockSum(found);
    if (threadIdx.x == 0) bad[blockIdx.x] = found;
}

extern "C" __global__ void normalize(Matrix rows) {
    EACH_ROW(row, rows.rows) {
        double square = 0;
        EACH_COLUMN(column, rows.columns) square += (double)load(rows, row, column) * load(rows, row, column);
        double norm = sqrt(blockSum(square));
        if (norm > 0 && isfinite(norm)) {
            float factor = (float)(1 / norm);
            EACH_COLUMN(column, rows.columns) store(rows, row, column, load(rows, row, column) * factor);
        }
    }
}

extern "C" __global__ void rowProducts(Matrix one, Matrix other, double *products) {
    EACH_ROW(row, one.rows) {
        double sum = 0;
        EACH_COLUMN(column, one.columns) sum += (double)load(one, row, column) * load(other, row, column);
        sum = blockSum(sum);
        if (threadIdx.x == 0) products[row] = sum;
    }
}

template <int width> __device__ inline double squaresOf(const Matrix &matrix) {
    double sum = 0;
    int groups = matrix.columns / width;
    EACH(index, matrix.rows * groups) {
        Group<width> values = loadGroup<width>(matrix, index / groups, index % groups * width);
        for (float value : values.values) sum += (double)value * value;
    }
    return sum;
}

/// sums[block] = the squares of all elements that the block has looked at.
extern "C" __global__ void squares(Matrix matrix, double *sums) {
    double sum = blockSum(liesInFours(matrix) ? squaresOf<4>(matrix) : squaresOf<1>(matrix));
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

/// target += the numbers, in double precision: one block.
extern "C" __global__ void addNumbers(const double *numbers, int count, double *target) {
    double sum = 0;
    EACH_COLUMN(index, count) sum += numbers[index];
    sum = blockSum(sum);
    if (threadIdx.x == 0) *target += sum;
}

/// target += the numbers; the target is in single precision: one block.
extern "C" __global__ void addNumbersToFloat(const double *numbers, int count, float *target) {
    double sum = 0;
    EACH_COLUMN(index, count) sum += numbers[index];
    sum = blockSum(sum);
    if (threadIdx.x == 0) *target += (float)sum;
}

/// ends[i] = the sum of numbers up to and with i, beginning with number `first`: one block.
extern "C" __global__ void runningSums(const int *numbers, int first, int count, int *ends) {
    __shared__ int parts[mostThreads];
    int share = (count + blockDim.x - 1) / blockDim.x, begin = threadIdx.x * share, end = min(count, begin + share), sum = 0;
    for (int index = begin; index < end; index++) sum += numbers[first + index];
    parts[threadIdx.x] = sum;
    __syncthreads();
    int before = 0;
    for (int thread = 0; thread < threadIdx.x; thread++) before += parts[thread];
    for (int index = begin; index < end; index++) {
        before += numbers[first + index];
        ends[index] = before;
    }
}

/// The matrix, of floats, as bfloat16.
extern "C" __global__ void toBFloat16s(Matrix matrix, Matrix target) {
    bool isAligned = (unsigned long long)matrix.start % 16 == 0 && (unsigned long long)target.start % 8 == 0;
    bool inFours = isAligned && matrix.columns % 4 == 0 && matrix.stride % 4 == 0 && target.stride % 4 == 0;
    int groups = inFours ? matrix.columns / 4 : matrix.columns;
    EACH(index, matrix.rows * groups) {
        int row = index / groups, column = index % groups;
        unsigned short *to = (unsigned short *)target.start + (long long)row * target.stride;
        if (inFours) {
            Floats values = *(Floats *)(rowOf(matrix, row) + 4 * column);
            *(Halves *)(to + 4 * column) = toHalves(values.values);
        } else {
            to[column] = toBFloat16(rowOf(matrix, row)[column]);
        }
    }
}
