// Words letter by letter.

extern "C" __global__ void highway(Matrix input, Matrix transformed, Matrix gates, Matrix output) {
    EACH(index, input.rows * input.columns) {
        int row = index / input.columns, column = index % input.columns;
        float x = load(input, row, column), t = activated(load(transformed, row, column), 0);
        float g = sigmoid(load(gates, row, column));
        store(transformed, row, column, t);
        store(gates, row, column, g);
        store(output, row, column, x + g * (t - x));
    }
}

extern "C" __global__ void highwayBackward(
    Matrix input, Matrix transformed, Matrix gates, Matrix outputGradient, Matrix transformedGradient, Matrix gateGradient,
    Matrix carried) {
    EACH(index, input.rows * input.columns) {
        int row = index / input.columns, column = index % input.columns;
        float x = load(input, row, column), t = load(transformed, row, column), g = load(gates, row, column);
        float dy = load(outputGradient, row, column);
        store(transformedGradient, row, column, t > 0 ? dy * g : 0);
        store(gateGradient, row, column, dy * (t - x) * g * (1 - g));
        store(carried, row, column, dy * (1 - g));
    }
}

/// The letters under a filter at each of its places; `ends` are the running sums of places of the words from `first` on.
extern "C" __global__ void unfold(Matrix letters, int first, int words, const int *starts, const int *ends, Matrix windows) {
    EACH_ROW(word, words) {
        int begin = word == 0 ? 0 : ends[word - 1], count = (ends[word] - begin) * windows.columns;
        const float *source = rowOf(letters, starts[first + word]);
        EACH_COLUMN(index, count) {
            int place = index / windows.columns, column = index % windows.columns;
            store(windows, begin + place, column, source[place * letters.columns + column]);
        }
    }
}

/// `chosen`, if there is one, has `features` columns, of which this width's begin at `column`.
extern "C" __global__ void maxPool(
    Matrix answers, int first, int words, const int *ends, const float *bias, int function, Matrix features, int *chosen,
    int allFeatures, int firstFeature) {
    EACH_ROW(word, words) {
        int begin = word == 0 ? 0 : ends[word - 1], end = ends[word];
        EACH_COLUMN(filter, answers.columns) {
            float greatest = load(answers, begin, filter);
            int place = 0;
            for (int row = begin + 1; row < end; row++) {
                float answer = load(answers, row, filter);
                if (answer > greatest) {
                    greatest = answer;
                    place = row - begin;
                }
            }
            store(features, first + word, filter, activated(greatest + bias[filter], function));
            if (chosen) chosen[(long long)(first + word) * allFeatures + firstFeature + filter] = place;
        }
    }
}

/// A filter to a block.
extern "C" __global__ void filterGradients(
    Matrix gradient, const int *chosen, int allFeatures, int firstFeature, Matrix letters, const int *starts, Matrix weights,
    float *bias) {
    EACH_ROW(filter, gradient.columns) {
        EACH_COLUMN(index, weights.columns) {
            float sum = load(weights, filter, index);
            for (int word = 0; word < gradient.rows; word++) {
                float slope = load(gradient, word, filter);
                if (slope == 0) continue;
                int place = starts[word] + chosen[(long long)word * allFeatures + firstFeature + filter];
                sum += slope * rowOf(letters, place)[index];
            }
            store(weights, filter, index, sum);
        }
        if (threadIdx.x == 0) {
            float sum = bias[filter];
            for (int word = 0; word < gradient.rows; word++) sum += load(gradient, word, filter);
            bias[filter] = sum;
        }
    }
}

/// A word to a block: no other word has its letters.
extern "C" __global__ void letterGradients(
    Matrix gradient, const int *chosen, int allFeatures, int firstFeature, Matrix weights, const int *starts, Matrix letters) {
    EACH_ROW(word, gradient.rows) {
        for (int filter = 0; filter < gradient.columns; filter++) {
            float slope = load(gradient, word, filter);
            if (slope == 0) continue;
            int place = starts[word] + chosen[(long long)word * allFeatures + firstFeature + filter];
            float *target = rowOf(letters, place);
            EACH_COLUMN(index, weights.columns) target[index] += slope * load(weights, filter, index);
            // The windows of two filters overlap.
            __syncthreads();
        }
    }
}
