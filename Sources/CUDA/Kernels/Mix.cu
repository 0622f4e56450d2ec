// The mix of an encoder's layers that a task learns. There are few layers, at most `mostLayers`.

constexpr int mostLayers = 64;

/// The softmax of the weights, by each thread for itself.
__device__ inline void softmaxShares(const float *weights, int layers, double *shares) {
    double highest = weights[0], total = 0;
    for (int layer = 1; layer < layers; layer++) if (weights[layer] > highest) highest = weights[layer];
    for (int layer = 0; layer < layers; layer++) total += shares[layer] = exp(weights[layer] - highest);
    for (int layer = 0; layer < layers; layer++) shares[layer] /= total;
}

extern "C" __global__ void mixLayers(Matrix input, const float *weights, int layers, const float *gain, Matrix output) {
    double shares[mostLayers];
    softmaxShares(weights, layers, shares);
    EACH(index, output.rows * output.columns) {
        int row = index / output.columns, column = index % output.columns;
        float sum = 0;
        for (int layer = 0; layer < layers; layer++) {
            sum += (float)(*gain * shares[layer]) * load(input, row, layer * output.columns + column);
        }
        store(output, row, column, sum);
    }
}

/// partials[part][layer] = sum over the rows of the part of dy · h_l, and the gradient of the input where one is wanted.
extern "C" __global__ void mixLayersBackward(
    Matrix input, const float *weights, int layers, const float *gain, Matrix outputGradient, Matrix inputGradient, double *partials,
    int parts) {
    double shares[mostLayers];
    softmaxShares(weights, layers, shares);
    int width = outputGradient.columns;
    EACH_ROW(part, parts) {
        int first = (int)((long long)input.rows * part / parts), end = (int)((long long)input.rows * (part + 1) / parts);
        for (int layer = 0; layer < layers; layer++) {
            double sum = 0;
            for (int row = first; row < end; row++) {
                EACH_COLUMN(column, width) {
                    float slope = load(outputGradient, row, column);
                    sum += (double)slope * load(input, row, layer * width + column);
                    if (inputGradient.start) {
                        store(inputGradient, row, layer * width + column, (float)(*gain * shares[layer]) * slope);
                    }
                }
            }
            sum = blockSum(sum);
            if (threadIdx.x == 0) partials[part * layers + layer] = sum;
        }
    }
}

/// The gradients of weights and gain from the partial sums: one thread.
extern "C" __global__ void mixGradients(
    const double *partials, int parts, const float *weights, int layers, const float *gain, float *weightGradient,
    float *gainGradient) {
    if (blockIdx.x > 0 || threadIdx.x > 0) return;
    double shares[mostLayers], sums[mostLayers], mean = 0;
    softmaxShares(weights, layers, shares);
    for (int layer = 0; layer < layers; layer++) {
        sums[layer] = 0;
        for (int part = 0; part < parts; part++) sums[layer] += partials[part * layers + layer];
        mean += shares[layer] * sums[layer];
    }
    for (int layer = 0; layer < layers; layer++) {
        weightGradient[layer] += (float)(*gain * shares[layer] * (sums[layer] - mean));
    }
    *gainGradient += (float)mean;
}
