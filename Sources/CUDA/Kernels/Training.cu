// Updates of weights. `rows`, if there are any, say to which rows of weights and moments the rows of gradients belong. `twin`, if
// there is one, gets the weights in bfloat16, in the places that they have among the weights.

/// The numbers of one update.
struct Update {
    float scale, kept, rate;
    float beta1, fresh1, beta2, fresh2, epsilon, secondFactor;
    /// Gradients become zero otherwise; those of rows always do.
    int keepsGradients;
};

/// `adam` of weights side by side, in groups of four; all starts are multiples of 16 bytes.
extern "C" __global__ void adamDense(
    float *weights, float *gradients, float *first, float *second, unsigned short *twin, int groups, Update update) {
    EACH(index, groups) {
        Floats weight = ((Floats *)weights)[index], slope = ((Floats *)gradients)[index];
        Floats moment = ((Floats *)first)[index], square = ((Floats *)second)[index];
        for (int place = 0; place < 4; place++) {
            float gradient = slope.values[place] * update.scale;
            float m = update.beta1 * moment.values[place] + update.fresh1 * gradient;
            float s = update.beta2 * square.values[place] + update.fresh2 * gradient * gradient;
            moment.values[place] = m;
            square.values[place] = s;
            weight.values[place] =
                update.kept * weight.values[place] - update.rate * m / (sqrtf(s * update.secondFactor) + update.epsilon);
            slope.values[place] = 0;
        }
        ((Floats *)weights)[index] = weight;
        if (twin) ((Halves *)twin)[index] = toHalves(weight.values);
        if (!update.keepsGradients) ((Floats *)gradients)[index] = slope;
        ((Floats *)first)[index] = moment;
        ((Floats *)second)[index] = square;
    }
}

__device__ inline void setWeight(const Matrix &weights, int row, int column, float value, unsigned short *twin) {
    long long place = (long long)row * weights.stride + column;
    weights.start[place] = value;
    if (twin) twin[place] = toBFloat16(value);
}

extern "C" __global__ void adam(
    Matrix weights, Matrix gradients, Matrix first, Matrix second, const int *rows, unsigned short *twin, Update update) {
    EACH(index, gradients.rows * gradients.columns) {
        int row = index / gradients.columns, column = index % gradients.columns, place = rows ? rows[row] : row;
        float gradient = rowOf(gradients, row)[column] * update.scale;
        float moment = update.beta1 * rowOf(first, place)[column] + update.fresh1 * gradient;
        float square = update.beta2 * rowOf(second, place)[column] + update.fresh2 * gradient * gradient;
        rowOf(first, place)[column] = moment;
        rowOf(second, place)[column] = square;
        float step = update.rate * moment / (sqrtf(square * update.secondFactor) + update.epsilon);
        setWeight(weights, place, column, update.kept * rowOf(weights, place)[column] - step, twin);
        if (rows || !update.keepsGradients) rowOf(gradients, row)[column] = 0;
    }
}

extern "C" __global__ void adagrad(
    Matrix weights, Matrix gradients, Matrix squares, const int *rows, unsigned short *twin, Update update) {
    EACH(index, gradients.rows * gradients.columns) {
        int row = index / gradients.columns, column = index % gradients.columns, place = rows ? rows[row] : row;
        float gradient = rowOf(gradients, row)[column] * update.scale;
        float sum = rowOf(squares, place)[column] + gradient * gradient;
        rowOf(squares, place)[column] = sum;
        setWeight(weights, place, column, update.kept * rowOf(weights, place)[column] - update.rate * gradient / sqrtf(sum), twin);
        if (rows || !update.keepsGradients) rowOf(gradients, row)[column] = 0;
    }
}
