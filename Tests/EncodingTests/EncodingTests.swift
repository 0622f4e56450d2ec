// Tests of Encoding.
