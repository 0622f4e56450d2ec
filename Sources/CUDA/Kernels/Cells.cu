// The cells of recurrent layers between their products.

/// c = clip(i * g + f * previous c),  m = o * tanh(c); gates in the order input, forget, candidate, output.
extern "C" __global__ void lstmStep(Matrix gates, const float *bias, Matrix previous, Matrix cells, Matrix outputs, float bound) {
    int size = cells.columns;
    EACH(index, gates.rows * size) {
        int row = index / size, unit = index % size;
        float i = sigmoid(load(gates, row, unit) + bias[unit]);
        float f = sigmoid(load(gates, row, size + unit) + bias[size + unit]);
        float g = tanhf(load(gates, row, 2 * size + unit) + bias[2 * size + unit]);
        float o = sigmoid(load(gates, row, 3 * size + unit) + bias[3 * size + unit]);
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
    Matrix gates, Matrix previous, Matrix cells, Matrix outputGradient, Matrix cellGradient, float bound) {
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
        store(cells, row, unit, o * t);
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
