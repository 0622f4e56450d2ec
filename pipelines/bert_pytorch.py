#!/usr/bin/env python3
"""A small BERT, trained from nothing, and its frozen vectors: the peer of `train` and `encode` in against-bert.sh.

    bert_pytorch.py vocabulary TEXT [--pieces 16000] [--lowercase] -o tokenizer.json
    bert_pytorch.py cut TEXT --tokenizer tokenizer.json -o text.pieces
    bert_pytorch.py train text.pieces --tokenizer tokenizer.json --seconds 600 [--layers 4 --width 256] -o FOLDER
    bert_pytorch.py encode FOLDER SENTENCES -o vectors.npy

Devlin et al. 2019, as far as words go: WordPiece fitted to the text, a network of Hugging Face's `transformers`, and 15% of the pieces
predicted, of which 80% are masked, 10% are other pieces and 10% stay. There is no second sentence and no prediction of the next one,
which later work left out without loss (Liu et al. 2019). Lines follow one another in sequences of 128 pieces, with [SEP] behind each.

TEXT and SENTENCES have words between blanks, a sentence a line. FOLDER is a model as `transformers` saves it, so `encode` also reads a
BERT of anyone else's that lies in a folder with its tokenizer.json; nothing is downloaded. The vectors are those of all layers, what goes
into the first one included: (words, layers + 1, width), a row for each word of each line in their order, the mean of the word's pieces.

Errors are one line, with a status of sysexits.h.
"""
import argparse
import json
import math
import os
import resource
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
NAME = "bert_pytorch.py"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNKNOWN, BEGIN, END, MASK = range(5)


def fail(status, message):
    print(f"{NAME}: {message}", file=sys.stderr)
    sys.exit(status)


def number(kind, least, most):
    """Reads an option's number, which has a range."""

    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least} to {most}, and is {text}")
        return value

    return read


def readable(path):
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        fail(66, f"{path}: is no file that can be read")
    return path


class Output:
    """A file that appears when it is whole."""

    def __init__(self, path):
        self.path, self.part = path, f"{path}.part"
        try:
            self.file = open(self.part, "wb")
        except OSError as error:
            fail(73, f"{path}: cannot be written: {error.strerror}")

    def __enter__(self):
        return self.file

    def __exit__(self, kind, error, trace):
        self.file.close()
        if kind is None:
            os.replace(self.part, self.path)
        else:
            os.unlink(self.part)


def lines(path):
    """The words of each line. An empty line has none."""
    with open(readable(path), encoding="utf-8") as file:
        try:
            for line in file:
                # As Contour reads its own sentences: a blank, and no other character, stands between words.
                yield [word for word in line.rstrip("\n").split(" ") if word]
        except UnicodeDecodeError:
            fail(65, f"{path}: is not UTF-8")


def read_tokenizer(path):
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(readable(path))
    except Exception as error:
        fail(65, f"{path}: is no tokenizer: {str(error).splitlines()[0]}")
    for token in SPECIAL:
        if tokenizer.token_to_id(token) is None:
            fail(65, f"{path}: has no piece {token}")
    return tokenizer


# WordPiece, and the text in pieces.


def vocabulary(options):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=options.lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=options.pieces, special_tokens=SPECIAL, limit_alphabet=1000, show_progress=False)
    count = 0

    def text():
        nonlocal count
        for words in lines(options.text):
            count += len(words)
            yield " ".join(words)

    tokenizer.train_from_iterator(text(), trainer)
    if not count:
        fail(65, f"{options.text}: has no words")
    with Output(options.output) as file:
        file.write(tokenizer.to_str().encode())


def cut(options):
    """The text as the numbers of its pieces, [SEP] behind every line; beside it PATH.json, how many words and pieces there are."""
    import numpy

    tokenizer = read_tokenizer(options.tokenizer)
    if tokenizer.get_vocab_size() > 65536:
        fail(65, f"{options.tokenizer}: has more than 65536 pieces")
    end = tokenizer.token_to_id("[SEP]")
    words = sentences = pieces = 0
    with Output(options.output) as file:

        def write(block):
            nonlocal pieces
            for encoding in tokenizer.encode_batch_fast(block, add_special_tokens=False):
                ids = numpy.array(encoding.ids + [end], numpy.uint16)
                pieces += len(ids)
                file.write(ids.tobytes())

        block = []
        for line in lines(options.text):
            if not line:
                continue
            words, sentences = words + len(line), sentences + 1
            block.append(" ".join(line))
            if len(block) == 2000:
                write(block)
                block = []
        write(block)
        if not words:
            fail(65, f"{options.text}: has no words")
    with Output(f"{options.output}.json") as file:
        file.write(json.dumps({"words": words, "sentences": sentences, "pieces": pieces}).encode())


class Text:
    """A text that `cut` wrote, in sequences."""

    def __init__(self, path, length, pieces):
        import numpy

        self.ids = numpy.memmap(readable(path), numpy.uint16, "r")
        try:
            with open(readable(f"{path}.json"), encoding="utf-8") as file:
                counts = json.load(file)
            # Words and sentence ends, as `train` counts them.
            self.words = counts["words"] + counts["sentences"]
        except (ValueError, KeyError, TypeError):
            fail(65, f"{path}.json: does not say how many words the text has")
        if len(self.ids) != counts["pieces"] or self.ids.max() >= pieces:
            fail(65, f"{path}: is not the text of {path}.json and this tokenizer")
        self.content = length - 1
        self.count = len(self.ids) // self.content
        if not self.count:
            fail(65, f"{path}: has {len(self.ids)} pieces, and a sequence needs {self.content}")
        self.words_of_piece = self.words / len(self.ids)

    def sequences(self, numbers, begin):
        """The pieces of some sequences, [CLS] before each, [sequences, length]."""
        import numpy

        block = numpy.empty((len(numbers), self.content + 1), numpy.int64)
        block[:, 0] = begin
        for row, place in enumerate(numbers):
            block[row, 1:] = self.ids[place * self.content : (place + 1) * self.content]
        return block


# Training.


def masked(ids, share, pieces, random):
    """BERT's task: the places that are predicted, and what stands there. [CLS] and [SEP] are never among them."""
    import numpy

    chosen = (random.random(ids.shape) < share) & (ids >= len(SPECIAL))
    shown, draw = ids.copy(), random.random(ids.shape)
    shown[chosen & (draw < 0.8)] = MASK
    other = chosen & (draw >= 0.8) & (draw < 0.9)
    shown[other] = random.integers(len(SPECIAL), pieces, numpy.count_nonzero(other))
    return shown, chosen


def train(options):
    import numpy
    import torch
    from transformers import BertConfig, BertForMaskedLM
    from transformers.utils import logging

    if options.width % options.heads:
        fail(64, f"--heads {options.heads}: must divide the width, {options.width}")
    tokenizer = read_tokenizer(options.tokenizer)
    pieces = tokenizer.get_vocab_size()
    if [tokenizer.token_to_id(token) for token in SPECIAL] != list(range(len(SPECIAL))) or pieces <= len(SPECIAL):
        fail(65, f"{options.tokenizer}: is none of `{NAME} vocabulary`: its first pieces are not {' '.join(SPECIAL)}")
    text = Text(options.text, options.length, pieces)
    held_out = Text(options.held_out, options.length, pieces) if options.held_out else None
    # Python's libraries, before there is a network.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    random = numpy.random.default_rng(options.seed)
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=pieces, hidden_size=options.width, num_hidden_layers=options.layers, num_attention_heads=options.heads,
            intermediate_size=4 * options.width, max_position_embeddings=options.length, type_vocab_size=1,
            hidden_dropout_prob=options.dropout, attention_probs_dropout_prob=options.dropout, pad_token_id=PAD))
    # As BERT was published: gains and biases do not decay.
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": 0.01},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98), eps=1e-6, fused=True)

    def loss_of(ids, random):
        shown, chosen = masked(ids, options.share, pieces, random)
        states = model.bert(torch.from_numpy(shown)).last_hidden_state
        # The output layer is as large as the whole of a small encoder, and only the predicted places need it.
        states = states[torch.from_numpy(chosen)]
        return torch.nn.functional.cross_entropy(model.cls(states), torch.from_numpy(ids[chosen]))

    def evaluate():
        draws, losses = numpy.random.default_rng(0), []
        model.eval()
        with torch.inference_mode():
            for first in range(0, min(held_out.count, 40 * options.batch), options.batch):
                numbers = range(first, min(first + options.batch, held_out.count))
                losses.append(float(loss_of(held_out.sequences(numbers, BEGIN), draws)))
        model.train()
        # A batch of one sequence may have no place that is predicted.
        losses = [loss for loss in losses if math.isfinite(loss)]
        return sum(losses) / len(losses) if losses else None

    try:
        os.makedirs(options.output, exist_ok=True)
        log = open(os.path.join(options.output, "log.jsonl"), "w", encoding="utf-8")
    except OSError as error:
        fail(73, f"{options.output}: cannot be written: {error.strerror}")

    def record(event, **fields):
        print(json.dumps({"event": event, **fields}), file=log, flush=True)
        if not options.quiet:
            print(f"{NAME}: " + ", ".join(f"{key} {value}" for key, value in fields.items()), file=sys.stderr)

    parameters = sum(p.numel() for p in model.parameters())
    record("system", name="BERT", parameters=parameters, layers=options.layers, width=options.width, heads=options.heads,
           pieces=pieces, threads=options.threads, memoryBefore=before)
    model.train()
    order, next_in_order, step, seconds, loss, logged = random.permutation(text.count), 0, 0, 0.0, None, 0.0
    while True:
        # The part of the run that is over, by whichever bound it has.
        done = step / options.steps if options.steps else seconds / options.seconds
        if done >= 1:
            break
        start = time.perf_counter()
        if next_in_order >= text.count:
            order, next_in_order = random.permutation(text.count), 0
        ids = text.sequences(order[next_in_order : next_in_order + options.batch], BEGIN)
        next_in_order += options.batch
        # Up in a straight line, then down to nothing at the end.
        rate = options.rate * (min(1, (step + 1) / options.warmup) if done < 0.1 else 1) * (1 - done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(ids, random)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        seconds += time.perf_counter() - start
        seen = step * options.batch * text.content
        if seconds - logged > 10 or step == 1:
            logged = seconds
            record("train", step=step, seconds=round(seconds, 3), words=round(seen * text.words_of_piece),
                   epoch=round(seen / len(text.ids), 4), loss=round(float(loss.detach()), 4))
    seen = step * options.batch * text.content
    if loss is None or not math.isfinite(float(loss.detach())):
        fail(70, f"the loss is {loss}: training went astray; a lower --rate may help")
    final = evaluate() if held_out else None
    record("train", step=step, seconds=round(seconds, 3), words=round(seen * text.words_of_piece), pieces=seen,
           epoch=round(seen / len(text.ids), 4), loss=round(float(loss.detach()), 4), heldOutLoss=final and round(final, 4),
           memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    tokenizer.save(os.path.join(options.output, "tokenizer.json"))
    # The weights come last, by their name: what has them is whole.
    logging.disable_progress_bar()
    model.save_pretrained(os.path.join(options.output, "saving"))
    for name in sorted(os.listdir(os.path.join(options.output, "saving"))):
        os.replace(os.path.join(options.output, "saving", name), os.path.join(options.output, name))
    os.rmdir(os.path.join(options.output, "saving"))


# Vectors.


def windows(count, content):
    """The windows in which a line of `count` pieces is read, if it has more than a window holds: of each its first piece, and the pieces
    whose vectors are taken from it. Windows overlap by half, and a piece is taken from where it has most text on both sides."""
    if count <= content:
        return [(0, 0, count)]
    starts = list(range(0, count - content, max(1, content // 2))) + [count - content]
    middles = [(second + first + content) // 2 for first, second in zip(starts, starts[1:])]
    return [(start, first, last) for start, first, last in zip(starts, [0] + middles, middles + [count])]


def encode(options):
    import numpy
    import torch
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity(logging.CRITICAL)
    tokenizer = read_tokenizer(os.path.join(options.model, "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    begin, end, unknown = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]", "[UNK]"))
    for name in ("config.json", "model.safetensors"):
        readable(os.path.join(options.model, name))
    try:
        config = BertConfig.from_pretrained(options.model, local_files_only=True)
        model, loaded = BertModel.from_pretrained(
            options.model, config=config, add_pooling_layer=False, local_files_only=True, use_safetensors=True, output_loading_info=True)
    except Exception as error:
        fail(65, f"{options.model}: is no BERT that can be read: {str(error).splitlines()[0]}")
    # What lies in the file besides, the output layer, is of no use here; what it lacks would be random.
    if loaded["missing_keys"]:
        fail(65, f"{options.model}: lacks the weights {sorted(loaded['missing_keys'])[0]}")
    if tokenizer.get_vocab_size() > config.vocab_size:
        fail(65, f"{options.model}: the tokenizer has {tokenizer.get_vocab_size()} pieces, and the network {config.vocab_size}")
    model.eval()
    torch.set_num_threads(options.threads)
    layers, width, content = config.num_hidden_layers + 1, config.hidden_size, config.max_position_embeddings - 2
    kind = numpy.float16 if options.float16 else numpy.float32
    cache, counts = {}, {"words": 0, "unknown": 0, "cut": 0}

    def pieces_of(word):
        # A word without pieces, such as one of control characters, is an unknown one.
        if word not in cache:
            cache[word] = tokenizer.encode(word, add_special_tokens=False).ids[:content] or [unknown]
        return cache[word]

    def vectors(sentences):
        """The vectors of some lines' words, one after the other, [words, layers, width]."""
        sums = numpy.zeros((sum(map(len, sentences)), layers, width), numpy.float32)
        parts, row = [], 0
        for words in sentences:
            ids, rows, weights = [], [], []
            for word in words:
                own = pieces_of(word)
                ids += own
                rows += [row] * len(own)
                weights += [1 / len(own)] * len(own)
                counts["unknown"] += unknown in own
                row += 1
            if ids:
                own = windows(len(ids), content)
                counts["cut"] += len(own) > 1
                parts += [(ids[start : start + content], first - start, rows[first:last], weights[first:last]) for start, first, last in own]
        parts.sort(key=lambda part: len(part[0]))
        first = 0
        while first < len(parts):
            # As many sequences as fill a batch of so many pieces, all as long as the last.
            last = first + 1
            while last < len(parts) and (last + 1 - first) * (len(parts[last][0]) + 2) <= options.pieces:
                last += 1
            batch, first = parts[first:last], last
            longest = max(len(part[0]) for part in batch) + 2
            ids, mask = numpy.zeros((len(batch), longest), numpy.int64), numpy.zeros((len(batch), longest), numpy.int64)
            for number, part in enumerate(batch):
                ids[number, : len(part[0]) + 2] = [begin, *part[0], end]
                mask[number, : len(part[0]) + 2] = 1
            with torch.inference_mode():
                states = model(
                    torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), output_hidden_states=True).hidden_states
                states = torch.stack(states, 2).numpy()
            for number, (_, offset, rows, weights) in enumerate(batch):
                own = states[number, 1 + offset : 1 + offset + len(rows)]
                numpy.add.at(sums, rows, own * numpy.array(weights, numpy.float32)[:, None, None])
        return sums

    total = sum(len(words) for words in lines(options.sentences))
    if not total:
        fail(65, f"{options.sentences}: has no words")
    with Output(options.output) as file:
        numpy.lib.format.write_array_header_1_0(
            file, {"descr": numpy.lib.format.dtype_to_descr(numpy.dtype(kind)), "fortran_order": False, "shape": (total, layers, width)})

        def write(block):
            values = vectors(block)
            if not numpy.isfinite(values).all():
                fail(65, f"{options.model}: gives a vector that is not of numbers")
            file.write(values.astype(kind).tobytes())
            counts["words"] += len(values)
            if not options.quiet:
                print(f"\r{NAME}: {counts['words']} of {total} words", end="", file=sys.stderr)

        block, size = [], 0
        for words in lines(options.sentences):
            block.append(words)
            size += len(words)
            if size >= 8192:
                write(block)
                block, size = [], 0
        write(block)
        if not options.quiet:
            print(file=sys.stderr)
    if not options.quiet and (counts["unknown"] or counts["cut"]):
        print(f"{NAME}: {counts['unknown']} words have pieces that the text did not have; {counts['cut']} lines were read in overlapping "
              "windows", file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message):
        fail(64, f"{message}; --help says what there is")


def main():
    parser = Parser(prog=NAME, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="vocabulary|cut|train|encode")

    def command(name, run, help_text):
        own = commands.add_parser(name, help=help_text, description=help_text)
        own.set_defaults(run=run)
        own.add_argument("-o", "--output", required=True)
        own.add_argument("-q", "--quiet", action="store_true")
        own.add_argument("--threads", type=number(int, 1, 1024), default=os.cpu_count(), metavar="n")
        return own

    own = command("vocabulary", vocabulary, "WordPiece, fitted to a text.")
    own.add_argument("text")
    own.add_argument("--pieces", type=number(int, 300, 65536), default=16000, metavar="n", help="[16000]")
    own.add_argument("--lowercase", action="store_true", help="lower case, and no accents, as BERT uncased")
    own = command("cut", cut, "A text in pieces.")
    own.add_argument("text")
    own.add_argument("--tokenizer", required=True)
    own = command("train", train, "A BERT, trained from nothing for a time, evaluations left out, or for a number of steps.")
    own.add_argument("text", help="of `cut`")
    own.add_argument("--tokenizer", required=True)
    own.add_argument("--held-out", help="of `cut`: scored at the end")
    length = own.add_mutually_exclusive_group(required=True)
    length.add_argument("--seconds", type=number(float, 0.1, 1e9), metavar="x")
    length.add_argument("--steps", type=number(int, 1, 10**9), metavar="n")
    own.add_argument("--layers", type=number(int, 1, 100), default=4, metavar="n", help="[4]")
    own.add_argument("--width", type=number(int, 8, 8192), default=256, metavar="n", help="[256]")
    own.add_argument("--heads", type=number(int, 1, 128), metavar="n", help="[one for 64 of the width]")
    own.add_argument("--length", type=number(int, 8, 4096), default=128, metavar="n", help="pieces of a sequence [128]")
    own.add_argument("--batch", type=number(int, 1, 65536), default=32, metavar="n", help="sequences of a step [32]")
    own.add_argument("--rate", type=number(float, 1e-9, 1), default=1e-3, metavar="x", help="the highest [0.001]")
    own.add_argument("--warmup", type=number(int, 1, 10**7), default=200, metavar="n",
                     help="steps of warm-up, at most a tenth of the run [200]")
    own.add_argument("--dropout", type=number(float, 0, 0.9), default=0.1, metavar="p", help="[0.1]")
    own.add_argument("--share", type=number(float, 0.01, 0.9), default=0.15, metavar="x", help="of the pieces, predicted [0.15]")
    own.add_argument("--seed", type=number(int, 0, 2**32 - 1), default=1, metavar="n", help="[1]")
    own = command("encode", encode, "Vectors of all layers, (words, layers + 1, width).")
    own.add_argument("model", help="a folder")
    own.add_argument("sentences")
    own.add_argument("--float16", action="store_true", help="half of the bytes")
    own.add_argument("--pieces", type=number(int, 64, 10**6), default=4096, metavar="n", help="of a batch [4096]")
    options = parser.parse_args()
    if options.command == "train" and options.heads is None:
        options.heads = max(1, options.width // 64)
    # Before tokenizers and torch are loaded, which read them once.
    os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    # Threads that wait for one another leave the processor to others. On a machine where anything else runs a step is several times as
    # fast so, and on an idle one as fast.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        options.run(options)
    except (ImportError, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt):
            sys.exit(130)
        fail(69, f"{error}: python -m pip install torch transformers tokenizers numpy")
    except OSError as error:
        fail(74, f"{error.filename or options.output}: {error.strerror}")
    except MemoryError:
        fail(71, "there is not enough memory")


main()
