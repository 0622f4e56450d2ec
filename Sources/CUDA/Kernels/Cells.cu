// The cells of recurrent layers between their products.

/// The functions of the gates where these are bfloat16: fast ones, whose error is far below the rounding.
__device__ inline float fastSigmoid(float value) { return fastDivide(1, 1 + fastExponential(-value)); }
__device__ inline float fastTanh(float value) { return fastDivide(2, 1 + fastExponential(-2 * value)) - 1; }

/// Those of the backward pass, whose gradients are rounded to bfloat16: one instruction, wrong by 2^-11 of the value.
__device__ inline float roughTanh(float value) {
#ifdef __CUDACC__
    float result;
    asm("tanh.approx.f32 %0, %1;" : "=f"(result) : "f"(value));
    return result;
#else
    return tanhf(value);
#endif
}
__device__ inline float roughSigmoid(float value) { return 0.5f + 0.5f * roughTanh(0.5f * value); }

/// The activations of four units whose pre-activations are bfloat16, but for the bias.
struct Gates {
    float in[4], forget[4], candidate[4], out[4];
};

template <bool isRough>
__device__ inline Gates activatedGates(const unsigned short *gate, const float *bias, int size, int unit) {
    Halves i = *(const Halves *)gate, f = *(const Halves *)(gate + size), g = *(const Halves *)(gate + 2 * size);
    Halves o = *(const Halves *)(gate + 3 * size);
    Floats iBias = *(const Floats *)(bias + unit), fBias = *(const Floats *)(bias + size + unit);
    Floats gBias = *(const Floats *)(bias + 2 * size + unit), oBias = *(const Floats *)(bias + 3 * size + unit);
    Gates gates;
    for (int place = 0; place < 4; place++) {
        float in = fromBFloat16(i.values[place]) + iBias.values[place], forget = fromBFloat16(f.values[place]) + fBias.values[place];
        float candidate = fromBFloat16(g.values[place]) + gBias.values[place], out = fromBFloat16(o.values[place]) + oBias.values[place];
        gates.in[place] = isRough ? roughSigmoid(in) : fastSigmoid(in);
        gates.forget[place] = isRough ? roughSigmoid(forget) : fastSigmoid(forget);
        gates.candidate[place] = isRough ? roughTanh(candidate) : fastTanh(candidate);
        gates.out[place] = isRough ? roughSigmoid(out) : fastSigmoid(out);
    }
    return gates;
}

/// `lstmStep` of gates and outputs in bfloat16, in groups of four units. All starts and strides are multiples of four elements. The
/// gates stay as they are.
extern "C" __global__ void lstmStepHalf(
    Matrix gates, const float *bias, Matrix previous, Matrix cells, Matrix outputs, float bound) {
    int size = cells.columns, groups = size / 4;
    EACH(index, gates.rows * groups) {
        int row = index / groups, unit = index % groups * 4;
        Gates own = activatedGates<false>((unsigned short *)gates.start + (long long)row * gates.stride + unit, bias, size, unit);
        Floats before = *(Floats *)(rowOf(previous, row) + unit), c, m;
        for (int place = 0; place < 4; place++) {
            float cell = clipped(own.in[place] * own.candidate[place] + own.forget[place] * before.values[place], bound);
            c.values[place] = cell;
            m.values[place] = own.out[place] * fastTanh(cell);
        }
        *(Floats *)(rowOf(cells, row) + unit) = c;
        *(Halves *)((unsigned short *)outputs.start + (long long)row * outputs.stride + unit) = toHalves(m.values);
    }
}

/// `lstmStepBackward` of gates and the outputs' gradient in bfloat16, likewise.
extern "C" __global__ void lstmStepBackwardHalf(
    Matrix gates, const float *bias, Matrix previous, Matrix cells, Matrix outputGradient, Matrix cellGradient, float bound,
    int recomputesOutputs) {
    int size = cells.columns, groups = size / 4;
    EACH(index, gates.rows * groups) {
        int row = index / groups, unit = index % groups * 4;
        unsigned short *gate = (unsigned short *)gates.start + (long long)row * gates.stride + unit;
        Gates own = activatedGates<true>(gate, bias, size, unit);
        Halves dm = *(Halves *)((unsigned short *)outputGradient.start + (long long)row * outputGradient.stride + unit);
        Floats before = *(Floats *)(rowOf(previous, row) + unit), c = *(Floats *)(rowOf(cells, row) + unit);
        Floats carried = *(Floats *)(rowOf(cellGradient, row) + unit), slopes[4];
        for (int place = 0; place < 4; place++) {
            float in = own.in[place], forget = own.forget[place], candidate = own.candidate[place], out = own.out[place];
            float cell = c.values[place], t = roughTanh(cell), slope = fromBFloat16(dm.values[place]);
            float dc = fabsf(cell) >= bound ? 0 : carried.values[place] + slope * out * (1 - t * t);
            slopes[0].values[place] = dc * candidate * in * (1 - in);
            slopes[1].values[place] = dc * before.values[place] * forget * (1 - forget);
            slopes[2].values[place] = dc * in * (1 - candidate * candidate);
            slopes[3].values[place] = slope * t * out * (1 - out);
            carried.values[place] = dc * forget;
            c.values[place] = out * t;
        }
        for (int part = 0; part < 4; part++) *(Halves *)(gate + part * size) = toHalves(slopes[part].values);
        *(Floats *)(rowOf(cellGradient, row) + unit) = carried;
        if (recomputesOutputs) *(Floats *)(rowOf(cells, row) + unit) = c;
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
    Matrix gates, const float *, Matrix previous, Matrix cells, Matrix outputGradient, Matrix cellGradient, float bound,
    int recomputesOutputs) {
    int size = cells.columns;
    EACH(index, gates.rows * size) {
        int row = index / size, unit = index % size;
        float i = load(gates, row, unit), f = load(gates, row, size + unit);
        float g = load(gates, row, 2 * size + unit), o = load(gates, row, 3 * size + unit);
        float c = load(cells, row, unit), t = tanhf(c), dm = load(outputGradient, row, unit);
        float dc = fabsf(c) >= bound ? 0 : load(cellGradient, row, unit) + dm * o * (1 - t * t);
        store(gates, row, unit, dc * g * i * (1 - i));
        store(gates, row, size + unit, dc * load(previous, row, unit) * f * (1 - f));
        store(gates, row, 2 * size + unit, dc * i * (1 - g * g));
        store(gates, row, 3 * size + unit, dm * t * o * (1 - o));
        store(cellGradient, row, unit, dc * f);
        if (recomputesOutputs) store(cells, row, unit, o * t);
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

/// Goes through all steps of a sequence, from the first or from the last. The last step may have fewer sequences.
#define EACH_STEP(row, sequence, batch, rows) for (int row = sequence; row < (rows); row += batch)
#define EACH_STEP_BACK(row, sequence, batch, rows)                                                               \
    for (int row = sequence + ((rows) - 1 - sequence) / batch * batch; row >= 0; row -= batch)

/// c = c + u * (z - c),  h = o * c,  u = share * factor * (1 - f); gates in the order candidate, forget, output. `cells` begin with
/// those before the first step. A layer without output gates has no outputs.
extern "C" __global__ void qrnn(Matrix gates, Matrix cells, const float *bias, Matrix factors, float share, Matrix outputs) {
    int size = cells.columns, batch = cells.rows - gates.rows;
    EACH(index, batch * size) {
        int sequence = index / size, unit = index % size;
        float c = load(cells, sequence, unit);
        EACH_STEP(row, sequence, batch, gates.rows) {
            float z = tanhf(load(gates, row, unit) + bias[unit]);
            float taken = share * sigmoid(-(load(gates, row, size + unit) + bias[size + unit]));
            if (factors.start) taken *= load(factors, row, unit);
            c += taken * (z - c);
            store(cells, row + batch, unit, c);
            if (outputs.start) {
                store(outputs, row, unit, c * sigmoid(load(gates, row, 2 * size + unit) + bias[2 * size + unit]));
            }
        }
    }
}

extern "C" __global__ void qrnnBackward(
    Matrix gates, Matrix cells, const float *bias, Matrix factors, float share, Matrix outputGradient, Matrix sums) {
    int size = cells.columns, batch = cells.rows - gates.rows;
    bool isGated = gates.columns == 3 * size;
    EACH(index, batch * size) {
        int sequence = index / size, unit = index % size;
        float carried = 0, zSum = 0, fSum = 0, oSum = 0;
        EACH_STEP_BACK(row, sequence, batch, gates.rows) {
            float z = tanhf(load(gates, row, unit) + bias[unit]);
            float rest = sigmoid(-(load(gates, row, size + unit) + bias[size + unit])), taken = share * rest;
            if (factors.start) taken *= load(factors, row, unit);
            float dh = load(outputGradient, row, unit);
            if (isGated) {
                float o = sigmoid(load(gates, row, 2 * size + unit) + bias[2 * size + unit]);
                float slope = dh * load(cells, row + batch, unit) * o * (1 - o);
                store(gates, row, 2 * size + unit, slope);
                oSum += slope;
                dh *= o;
            }
            float dc = carried + dh, ofZ = dc * taken * (1 - z * z);
            float ofF = dc * (load(cells, row, unit) - z) * taken * (1 - rest);
            store(gates, row, unit, ofZ);
            store(gates, row, size + unit, ofF);
            zSum += ofZ;
            fSum += ofF;
            carried = dc - dc * taken;
        }
        store(sums, sequence, unit, zSum);
        store(sums, sequence, size + unit, fSum);
        if (isGated) store(sums, sequence, 2 * size + unit, oSum);
    }
}

/// c = f * c + (1 - f) * a,  h = r * c + (1 - r) * scale * x; gates in the order candidate, forget, reset. Without an input, h = r * c.
extern "C" __global__ void sru(
    Matrix gates, Matrix cells, const float *bias, const float *weights, Matrix input, float scale, Matrix outputs) {
    int size = cells.columns, batch = cells.rows - gates.rows;
    EACH(index, batch * size) {
        int sequence = index / size, unit = index % size;
        float c = load(cells, sequence, unit);
        EACH_STEP(row, sequence, batch, gates.rows) {
            float a = load(gates, row, unit);
            float f = sigmoid(load(gates, row, size + unit) + bias[unit] + weights[unit] * c);
            float r = sigmoid(load(gates, row, 2 * size + unit) + bias[size + unit] + weights[size + unit] * c);
            c = a + f * (c - a);
            store(cells, row + batch, unit, c);
            float past = input.start ? scale * load(input, row, unit) : 0;
            store(outputs, row, unit, past + r * (c - past));
        }
    }
}

extern "C" __global__ void sruBackward(
    Matrix gates, Matrix cells, const float *bias, const float *weights, Matrix input, float scale, Matrix outputGradient,
    Matrix inputGradient, Matrix sums) {
    int size = cells.columns, batch = cells.rows - gates.rows;
    EACH(index, batch * size) {
        int sequence = index / size, unit = index % size;
        float carried = 0, fSum = 0, rSum = 0, fWeightSum = 0, rWeightSum = 0;
        EACH_STEP_BACK(row, sequence, batch, gates.rows) {
            float a = load(gates, row, unit), before = load(cells, row, unit), dh = load(outputGradient, row, unit);
            float f = sigmoid(load(gates, row, size + unit) + bias[unit] + weights[unit] * before);
            float r = sigmoid(load(gates, row, 2 * size + unit) + bias[size + unit] + weights[size + unit] * before);
            float past = input.start ? scale * load(input, row, unit) : 0;
            float dc = carried + dh * r, ofR = dh * (load(cells, row + batch, unit) - past) * r * (1 - r);
            float ofF = dc * (before - a) * f * (1 - f);
            if (input.start) store(inputGradient, row, unit, dh * (1 - r) * scale);
            store(gates, row, unit, dc * (1 - f));
            store(gates, row, size + unit, ofF);
            store(gates, row, 2 * size + unit, ofR);
            fSum += ofF;
            rSum += ofR;
            fWeightSum += ofF * before;
            rWeightSum += ofR * before;
            carried = dc * f + ofF * weights[unit] + ofR * weights[size + unit];
        }
        store(sums, sequence, unit, fSum);
        store(sums, sequence, size + unit, rSum);
        store(sums, sequence, 2 * size + unit, fWeightSum);
        store(sums, sequence, 3 * size + unit, rWeightSum);
    }
}
