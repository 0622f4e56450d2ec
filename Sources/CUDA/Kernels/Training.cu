// Updates of weights. `rows`, if there are any, say to which rows of weights and moments the rows of gradients belong.

/// The numbers of one update.
struct Update {
    float scale, kept, rate;
    float beta1, fresh1, beta2, fresh2, epsilon, secondFactor;
};

extern "C" __global__ void adam(Matrix weights, Matrix gradients, Matrix first, Matrix second, const int *rows, Update update) {
    EACH(index, gradients.rows * gradients.columns) {
        int row = index / gradients.columns, column = index % gradients.columns, place = rows ? rows[row] : row;
        float gradient = rowOf(gradients, row)[column] * update.scale;
        float moment = update.beta1 * rowOf(first, place)[column] + update.fresh1 * gradient;
        float square = update.beta2 * rowOf(second, place)[column] + update.fresh2 * gradient * gradient;
        rowOf(first, place)[column] = moment;
        rowOf(second, place)[column] = square;
        float *weight = rowOf(weights, place) + column;
        *weight = update.kept * *weight - update.rate * moment / (sqrtf(square * update.secondFactor) + update.epsilon);
        rowOf(gradients, row)[column] = 0;
    }
}

extern "C" __global__ void adagrad(Matrix weights, Matrix gradients, Matrix squares, const int *rows, Update update) {
    EACH(index, gradients.rows * gradients.columns) {
        int row = index / gradients.columns, column = index % gradients.columns, place = rows ? rows[row] : row;
        float gradient = rowOf(gradients, row)[column] * update.scale;
        float sum = rowOf(squares, place)[column] + gradient * gradient;
        rowOf(squares, place)[column] = sum;
        float *weight = rowOf(weights, place) + column;
        *weight = update.kept * *weight - update.rate * gradient / sqrtf(sum);
        rowOf(gradients, row)[column] = 0;
    }
}
