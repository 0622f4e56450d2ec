# Contour: `make quickstart` and `make test` are the two commands; each installs what it needs.

PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
# HDF5 files are read and written where the library is; `make TRAITS=` does without. The shell asks, once packages are installed.
TRAITS = $$(pkg-config --exists hdf5 2>/dev/null && echo --traits HDF5)
BUILD = $(SWIFT) build -c release $(TRAITS)
TEST = $(SWIFT) test -c release --skip-build $(TRAITS)
TOOLS = tokenize build-vocab embed-oov train encode bench
BIN = .build/release

LIBRARIES = libopenblas-dev liblz4-dev zlib1g-dev pkg-config
QUICKSTART_PACKAGES = $(LIBRARIES) wordnet-base fasttext gnuplot-nox
TEST_PACKAGES = $(QUICKSTART_PACKAGES) libhdf5-dev lz4 xz-utils zstd bzip2 mpich parallel python3 python3-numpy python3-h5py python3-lz4

.PHONY: build test example docs fuzz hostile gpu-check quickstart install uninstall man completions clean

build:
	@pipelines/install-packages.sh $(LIBRARIES)
	$(BUILD)

# Release, because numerics in a debug build take minutes; tests and tools are built in one go.
test:
	@pipelines/install-packages.sh $(TEST_PACKAGES)
	@pipelines/nvrtc.sh || true
	$(BUILD) --build-tests
	$(TEST)

# A package that uses the libraries, built as its users would build it, and its program run on a small text.
example: build
	printf '%s\n' 'the cat sees a bird today .' 'a dog follows the cat today .' 'the bird meets a dog today .' \
	    | awk '{ lines[NR] = $$0 } END { for (n = 0; n < 40; n++) for (i = 1; i <= NR; i++) print lines[i] }' \
	    | $(BIN)/tokenize --quiet --whitespace - -o .build/example.tok
	cd docs/example-package && $(SWIFT) run --quiet --scratch-path ../../.build/example train-language-model ../../.build/example.tok

# The documentation of the libraries, one site: .build/docs.
DOCUMENTED = Layers Kernels Shards Model Training Encoding WordVectors Tokenization Vocabulary Subwords ELMoWeights Probing Differentiation \
    HDF5 Files Parallel MessagePassing CUDA NetworkArguments ToolSupport
docs:
	$(SWIFT) package $(TRAITS) --allow-writing-to-directory .build/docs generate-documentation \
	    --enable-experimental-combined-documentation $(DOCUMENTED:%=--target %) --warnings-as-errors \
	    --transform-for-static-hosting --output-path .build/docs

# A million damaged files for each reader of binary vectors, and a fiftieth of that for HDF5, where a process is started for each
# call; also a thousand HDF5 reads beside busy threads. FUZZ_ITERATIONS and FUZZ_SEED give more files, and others.
fuzz:
	@pipelines/install-packages.sh $(TEST_PACKAGES)
	$(BUILD) --build-tests
	FUZZ_ITERATIONS=$${FUZZ_ITERATIONS:-1000000} $(TEST) --filter 'ReaderFuzzTests|HDF5FuzzTests|ReaderProcessTests'

# Hostile names, options, headers, processes and limits, of which `make test` runs a part, and hostile texts: five minutes at most.
# `HOSTILE=all` in the place of seconds tries every value of every option and header, which takes about an hour.
hostile:
	@pipelines/install-packages.sh $(TEST_PACKAGES)
	$(BUILD) --build-tests
	HOSTILE=120 timeout 200 $(TEST) --filter HostileTests
	timeout 120 pipelines/slow-text.sh 1024

# Whether an NVIDIA GPU computes what the processor computes, and how fast: five and a half minutes, where there is one.
gpu-check: build
	pipelines/gpu-check.sh

quickstart:
	@pipelines/install-packages.sh $(QUICKSTART_PACKAGES)
	@pipelines/stage.sh quickstart/stages build build Package.swift $(BIN)/train -- $(BUILD)
	@$(MAKE) --no-print-directory -f pipelines/quickstart.mk BIN=$(BIN) FIRST=build

man:
	$(SWIFT) package $(TRAITS) generate-manual --multi-page

completions: build
	mkdir -p .build/completions
	for tool in $(TOOLS); do for shell in bash zsh fish; do \
	    $(BIN)/$$tool --generate-completion-script $$shell > .build/completions/$$tool.$$shell || exit 1; \
	done; done

# The Swift runtime is linked in, so that the tools run where no Swift is.
install: completions man
	$(BUILD) --static-swift-stdlib --scratch-path .build-static
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	for tool in $(TOOLS); do \
	    install -s .build-static/release/$$tool $(DESTDIR)$(PREFIX)/bin/ && \
	    install -m 644 .build/plugins/GenerateManual/outputs/$$tool/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/ && \
	    install -m 644 .build/completions/$$tool.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$tool && \
	    install -m 644 .build/completions/$$tool.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$tool && \
	    install -m 644 .build/completions/$$tool.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$tool.fish \
	    || exit 1; \
	done

uninstall:
	for tool in $(TOOLS); do rm -f $(DESTDIR)$(PREFIX)/bin/$$tool $(DESTDIR)$(PREFIX)/share/man/man1/$$tool.1 \
	    $(DESTDIR)$(PREFIX)/share/man/man1/$$tool.*.1 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$tool \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$tool \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$tool.fish; done

clean:
	rm -rf .build .build-static quickstart
