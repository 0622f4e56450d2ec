// All kernels for one kind of processor.
#include "cells.h"
#include "elementwise.h"
#include "pack.h"
#include "recurrences.h"
#include "scores.h"
#include "tile.h"

#undef NAME
#undef TARGET
#undef LANES
#undef VECTORS
#undef ROWS
