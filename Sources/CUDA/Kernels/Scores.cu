// The scores of all candidates at each row, added up.

struct Score {
    double highest, zeroth, first, second;
    int higherValues, higherScores;
};

struct ScoreTarget {
    float value, prior;
};

/// values[row] = products[row][columns[row]], NaN where the column is negative.
extern "C" __global__ void pickValues(Matrix products, const int *columns, float *values) {
    EACH(row, products.rows) values[row] = columns[row] < 0 ? __int_as_float(0x7fc00000) : load(products, row, columns[row]);
}

/// The scores scale x value + prior of a block of products [rows, candidates].
extern "C" __global__ void addScores(Matrix products, const float *prior, float scale, const ScoreTarget *targets, Score *scores) {
    EACH_ROW(row, products.rows) {
        float targetValue = targets[row].value, targetScore = scale * targetValue + targets[row].prior, highest = -INFINITE;
        double values = 0, above = 0;
        EACH_COLUMN(column, products.columns) {
            float value = load(products, row, column), score = scale * value + prior[column];
            if (!(score <= highest)) highest = score;
            if (value > targetValue) values++;
            if (score > targetScore) above++;
        }
        highest = blockMaximum(highest);
        double zeroth = 0, first = 0, second = 0;
        EACH_COLUMN(column, products.columns) {
            float value = load(products, row, column), score = scale * value + prior[column];
            double weight = highest == -INFINITE ? 0 : exp((double)(score - highest));
            zeroth += weight;
            first += weight * value;
            second += weight * value * value;
        }
        Score sum = {highest, blockSum(zeroth), blockSum(first), blockSum(second), (int)blockSum(values), (int)blockSum(above)};
        if (threadIdx.x == 0) scores[row] = sum;
    }
}
