// The cells of recurrent layers between their products.

/// The functions of the gates where these are bfloat16: fast ones, whose error is far below the rounding.
__device__ inline float fastSigmoid(float value) { return fastDivide(1, 1 + fastExponential(-value)); }
__device__ inline float fastTanh(float value) { return fastDivide(2, 1 + fastExponential(-2 * value)) - 1; }

/// `lstmStep` of gates and outputs in bfloat16, in groups of four units. All starts and strides are multiples of four elements.
/// Where cells take the place of those before, no way back needs the gates, and they are not written.
extern "C" __global__ void lstmStepHalf(
    Matrix gates, const float *bias, Matrix previous, Matrix cells, Matrix outputs, float bound) {
    int size = cells.columns, groups = size / 4;
    EACH(index, gates.rows * groups) {
        int row = index / groups, unit = index % groups * 4;
        unsigned short *gate = (unsigned short *)gates.start + (long long)row * gates.stride + unit;
        Halves i = *(Halves *)gate, f = *(Halves *)(gate + size), g = *(Halves *)(gate + 2 * size);
        Halves o = *(Halves *)(gate + 3 * size), m;
        Floats before = *(Floats *)(rowOf(previous, row) + unit), c;
        Floats iBias = *(Floats *)(bias + unit), fBias = *(Floats *)(bias + size + unit);
        Floats gBias = *(Floats *)(bias + 2 * size + unit), oBias = *(Floats *)(bias + 3 * size + unit);
        for (int part = 0; part < 4; part++) {
            float in = fastSigmoid(fromBFloat16(i.values[part]) + iBias.values[part]);
            float forget = fastSigmoid(fromBFloat16(f.values[part]) + fBias.values[part]);
            float candidate = fastTanh(fromBFloat16(g.values[part]) + gBias.values[part]);
            float out = fastSigmoid(fromBFloat16(o.values[part]) + oBias.values[part]);
            float cell = clipped(in * candidate + forget * before.values[part], bound);
            i.values[part] = toBFloat16(in);
            f.values[part] = toBFloat16(forget);
            g.values[part] = toBFloat16(candidate);
            o.values[part] = toBFloat16(out);
            c.values[part] = cell;
            m.values[part] = toBFloat16(out * fastTanh(cell));
        }
        if (cells.start != previous.start) {
            *(Halves *)gate = i;
            *(Halves *)(gate + size) = f;
            *(Halves *)(gate + 2 * size) = g;
            *(Halves *)(gate + 3 * size) = o;
        }
        *(Floats *)(rowOf(cells, row) + unit) = c;
        *(Halves *)((unsigned short *)outputs.start + (long long)row * outputs.stride + unit) = m;
    }
}

/// `lstmStepBackward` of gates and the outputs' gradient in bfloat16, likewise. Rows are cut into `parts`; a thread has four units
/// and the rows of a part, whose gradients it adds to a row of `biasSums` [parts or more, 4 size] if there is that.
extern "C" __global__ void lstmStepBackwardHalf(
    Matrix gates, Matrix previous, Matrix cells, Matrix outputGradient, Matrix cellGradient, float bound, int recomputesOutputs,
    float *biasSums, int parts) {
    int size = cells.columns, groups = size / 4;
    EACH(index, parts * groups) {
        int part = index / groups, unit = index % groups * 4;
        int first = (int)((long long)gates.rows * part / parts), end = (int)((long long)gates.rows * (part + 1) / parts);
        Floats sums[4] = {};
        for (int row = first; row < end; row++) {
            unsigned short *gate = (unsigned short *)gates.start + (long long)row * gates.stride + unit;
            Halves i = *(Halves *)gate, f = *(Halves *)(gate + size), g = *(Halves *)(gate + 2 * size);
            Halves o = *(Halves *)(gate + 3 * size);
            Halves dm = *(Halves *)((unsigned short *)outputGradient.start + (long long)row * outputGradient.stride + unit);
            Floats before = *(Floats *)(rowOf(previous, row) + unit), c = *(Floats *)(rowOf(cells, row) + unit);
            Floats carried = *(Floats *)(rowOf(cellGradient, row) + unit);
            for (int place = 0; place < 4; place++) {
                float in = fromBFloat16(i.values[place]), forget = fromBFloat16(f.values[place]);
                float candidate = fromBFloat16(g.values[place]), out = fromBFloat16(o.values[place]);
                float cell = c.values[place], t = fastTanh(cell), slope = fromBFloat16(dm.values[place]);
                float dc = fabsf(cell) >= bound ? 0 : carried.values[place] + slope * out * (1 - t * t);
                float ofIn = dc * candidate * in * (1 - in), ofForget = dc * before.values[place] * forget * (1 - forget);
                float ofCandidate = dc * in * (1 - candidate * candidate), ofOut = slope * t * out * (1 - out);
                sums[0].values[place] += ofIn;
                sums[1].values[place] += ofForget;
                sums[2].values[place] += ofCandidate;
                sums[3].values[place] += ofOut;
                i.values[place] = toBFloat16(ofIn);
                f.values[place] = toBFloat16(ofForget);
                g.values[place] = toBFloat16(ofCandidate);
                o.values[place] = toBFloat16(ofOut);
                carried.values[place] = dc * forget;
                c.values[place] = out * t;
            }
            *(Halves *)gate = i;
            *(Halves *)(gate + size) = f;
            *(Halves *)(gate + 2 * size) = g;
            *(Halves *)(gate + 3 * size) = o;
            *(Floats *)(rowOf(cellGradient, row) + unit) = carried;
            if (recomputesOutputs) *(Floats *)(rowOf(cells, row) + unit) = c;
        }
        if (!biasSums) continue;
        for (int gate = 0; gate < 4; gate++) {
            Floats *target = (Floats *)(biasSums + ((long long)part * 4 + gate) * size + unit), sum = *target;
            for (int place = 0; place < 4; place++) sum.values[place] += sums[gate].values[place];
            *target = sum;
        }
    }
}

/// c = clip(i * g + f * previous c),  m = o * tanh(c); gates in the order input, forget, candidate, output.
extern "C" __global__ void lstmStep(Matrix gates, const float *bias, Matrix previous, Matrix cells, Matrix outputs, float bound) {
    int size = cells.columns;
    EACH(index, gates.rows * size) {
        int row = index / size, unit = index % size;
        float sums[4];
        for (int gate = 0; gate < 4; gate++) sums[gate] = load(gates, row, gate * size + unit) + bias[gate * size + unit];
        float i = sigmoid(sums[0]), f = sigmoid(sums[1]), g = tanhf(sums[2]), o = sigmoid(sums[3]);
        float c = clipped(i * g + f * load(previous, row, unit), bound);
        store(gates, row, unit, i);
        store(gates, row, size + unit, f);
        store(gates, row, 2 * size + unit, g);
        store(gates, row, 3 * size + unit, o);
        store(cells, row, unit, c);
        store(outputs, row, unit, o * tanhf(c));
    }
}

extern "C" __global__ void lstmStepBackward(
    Matrix gates, Matrix previous, Matrix cells, Matrix outputGradient, Matrix cellGradient, float bound, int recomputesOutputs,
    float *biasSums, int parts) {
    int size = cells.columns;
    EACH(index, parts * size) {
        int part = index / size, unit = index % size;
        int first = (int)((long long)gates.rows * part / parts), end = (int)((long long)gates.rows * (part + 1) / parts);
        float sums[4] = {};
        for (int row = first; row < end; row++) {
            float i = load(gates, row, unit), f = load(gates, row, size + unit);
            float g = load(gates, row, 2 * size + unit), o = load(gates, row, 3 * size + unit);
            float c = load(cells, row, unit), t = tanhf(c), dm = load(outputGradient, row, unit);
            float dc = fabsf(c) >= bound ? 0 : load(cellGradient, row, unit) + dm * o * (1 - t * t);
            float slopes[4] = {
                dc * g * i * (1 - i), dc * load(previous, row, unit) * f * (1 - f), dc * i * (1 - g * g), dm * t * o * (1 - o)};
            for (int gate = 0; gate < 4; gate++) {
                store(gates, row, gate * size + unit, slopes[gate]);
                sums[gate] += slopes[gate];
            }
            store(cellGradient, row, unit, dc * f);
            if (recomputesOutputs) store(cells, row, unit, o * t);
        }
        if (!biasSums) continue;
        for (int gate = 0; gate < 4; gate++) biasSums[((long long)part * 4 + gate) * size + unit] += sums[gate];
    }
}

/// h = (1 - z) * n + z * previous,  n = tanh(a + r * s); gates in the order reset, update, candidate.
extern "C" __global__ void gruStep(
    Matrix gates, Matrix products, const float *bias, const float *candidateBias, Matrix previous, Matrix outputs) {
    int size = outputs.columns;
    EACH(index, gates.rows * size) {
        int row = index / size, unit = index % size;
        float own = load(products, row, 2 * size + unit) + candidateBias[unit];
        float r = sigmoid(load(gates, row, unit) + bias[unit] + load(products, row, unit));
        float z = sigmoid(load(gates, row, size + unit) + bias[size + unit] + load(products, row, size + unit));
        float n = tanhf(load(gates, row, 2 * size + unit) + bias[2 * size + unit] + r * own);
        store(gates, row, unit, r);
        store(gates, row, size + unit, z);
        store(gates, row, 2 * size + unit, n);
        store(products, row, 2 * size + unit, own);
        store(outputs, row, unit, (1 - z) * n + z * load(previous, row, unit));
    }
}

extern "C" __global__ void gruStepBackward(Matrix gates, Matrix products, Matrix previous, Matrix gradient) {
    int size = gradient.columns;
    EACH(index, gates.rows * size) {
        int row = index / size, unit = index % size;
        float r = load(gates, row, unit), z = load(gates, row, size + unit), n = load(gates, row, 2 * size + unit);
        float own = load(products, row, 2 * size + unit), dh = load(gradient, row, unit);
        float candidate = dh * (1 - z) * (1 - n * n), reset = candidate * own * r * (1 - r);
        float update = dh * (load(previous, row, unit) - n) * z * (1 - z);
        store(gates, row, unit, reset);
        store(gates, row, size + unit, update);
        store(gates, row, 2 * size + unit, candidate);
        store(products, row, unit, reset);
        store(products, row, size + unit, update);
        store(products, row, 2 * size + unit, candidate * r);
        store(gradient, row, unit, dh * z);
    }
}
