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

/// What words give to the gradients of filters, in parts of `height` words: first the sums of the weights, [parts, filters x columns],
/// then those of the biases, [parts, filters].
extern "C" __global__ void filterPartials(
    Matrix gradient, const int *chosen, int allFeatures, int firstFeature, Matrix letters, const int *starts, int columns,
    int height, float *partials) {
    int filters = gradient.columns, parts = (gradient.rows + height - 1) / height, weights = parts * filters * columns;
    EACH(index, weights + parts * filters) {
        bool isBias = index >= weights;
        int number = isBias ? index - weights : index / columns, column = isBias ? 0 : index % columns;
        int part = number / filters, filter = number % filters, end = min(gradient.rows, (part + 1) * height);
        float sum = 0;
        for (int word = part * height; word < end; word++) {
            float slope = load(gradient, word, filter);
            if (slope == 0) continue;
            int place = starts[word] + chosen[(long long)word * allFeatures + firstFeature + filter];
            sum += isBias ? slope : slope * rowOf(letters, place)[column];
        }
        partials[index] = sum;
    }
}

/// A word to a block, and to a thread an element of its letters, which no other word has.
extern "C" __global__ void letterGradients(
    Matrix gradient, const int *chosen, int allFeatures, int firstFeature, Matrix weights, const int *starts, Matrix letters) {
    __shared__ float slopes[mostThreads];
    __shared__ int places[mostThreads];
    int size = letters.columns, width = weights.columns / size;
    EACH_ROW(word, gradient.rows) {
        int start = starts[word], end = word + 1 < gradient.rows ? starts[word + 1] : letters.rows, count = (end - start) * size;
        for (int base = 0; base < count; base += blockDim.x) {
            int element = base + threadIdx.x, letter = element / size, column = element % size;
            float sum = 0;
            for (int first = 0; first < gradient.columns; first += blockDim.x) {
                int filter = first + threadIdx.x, filters = min((int)blockDim.x, gradient.columns - first);
                __syncthreads();
                if (filter < gradient.columns) {
                    slopes[threadIdx.x] = load(gradient, word, filter);
                    places[threadIdx.x] = chosen[(long long)word * allFeatures + firstFeature + filter];
                }
                __syncthreads();
                for (int number = 0; number < filters && element < count; number++) {
                    int offset = letter - places[number];
                    if (slopes[number] == 0 || offset < 0 || offset >= width) continue;
                    sum += slopes[number] * load(weights, first + number, offset * size + column);
                }
            }
            if (element < count) rowOf(letters, start)[element] += sum;
        }
    }
}
