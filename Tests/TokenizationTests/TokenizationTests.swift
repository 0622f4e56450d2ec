// Tests of Tokenization.
