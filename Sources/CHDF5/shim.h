#pragma once
// The names of 1.8, which every later release has too.
#define H5_USE_18_API
#include <hdf5.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

// What the library calls a constant is a macro around a variable, which Swift does not import.

static inline hid_t hdf5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t hdf5_little_endian_float32(void) { return H5Tcopy(H5T_IEEE_F32LE); }
static inline hid_t hdf5_little_endian_float16(void) {
    // Not among the library's own before 1.14: 1 bit of sign, 5 of exponent, 10 of mantissa.
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    if (type < 0 || H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 || H5Tset_ebias(type, 15) < 0) {
        if (type >= 0) H5Tclose(type);
        return -1;
    }
    return type;
}
static inline hid_t hdf5_string(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
        if (type >= 0) H5Tclose(type);
        return -1;
    }
    return type;
}
static inline hid_t hdf5_class_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t hdf5_class_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t hdf5_class_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hid_t hdf5_class_link_create(void) { return H5P_LINK_CREATE; }
static inline hid_t hdf5_default(void) { return H5P_DEFAULT; }
static inline hid_t hdf5_all(void) { return H5S_ALL; }
static inline unsigned hdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned hdf5_truncate(void) { return H5F_ACC_TRUNC; }

/// Nothing is printed on errors of this thread from here on, and no filter is loaded from elsewhere.
static inline void hdf5_quieten(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
}

static herr_t hdf5_first_error(unsigned number, const H5E_error2_t *error, void *text) {
    if (number == 0 && error->desc) strncat((char *)text, error->desc, 255);
    return 0;
}

/// Writes the innermost cause of the last error, an empty string if there is none, to 256 bytes at `text`.
static inline void hdf5_cause(char *text) {
    text[0] = 0;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, hdf5_first_error, text);
}

/// Called for each link of a group: its name, whether it is a hard link, and where that one leads.
typedef int (*hdf5_link_visitor)(const char *name, int hard, uint64_t address, void *context);
typedef struct { hdf5_link_visitor visit; void *context; } hdf5_link_visit;

static herr_t hdf5_visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data) {
    (void)group;
    hdf5_link_visit *visit = (hdf5_link_visit *)data;
    return visit->visit(name, info->type == H5L_TYPE_HARD, info->type == H5L_TYPE_HARD ? info->u.address : 0, visit->context);
}

static inline herr_t hdf5_visit_links(hid_t group, hdf5_link_visitor visit, void *context) {
    hdf5_link_visit data = {visit, context};
    hsize_t start = 0;
    return H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &start, hdf5_visit_link, &data);
}

/// Closes all descriptors from `first` on.
static inline void hdf5_close_from(int first) {
#if __GLIBC_PREREQ(2, 34)
    closefrom(first);
#else
    long count = sysconf(_SC_OPEN_MAX);
    for (int descriptor = first; descriptor < (count < 0 || count > 65536 ? 65536 : (int)count); descriptor++) close(descriptor);
#endif
}

/// From here on, the end of the thread that started this process is the end of this process. Swift does not import `prctl`.
static inline void hdf5_end_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

// A driver whose bytes are elsewhere, so that errors of the system are seen by who does the reading and writing.

/// Each function returns 0, or -1 if it failed.
typedef struct {
    void *context;
    uint64_t size;
    int (*read)(void *context, uint64_t offset, void *buffer, size_t size);
    int (*write)(void *context, uint64_t offset, const void *buffer, size_t size);
    int (*resize)(void *context, uint64_t size);
} hdf5_bytes;

typedef struct {
    H5FD_t base;
    hdf5_bytes bytes;
    haddr_t allocated;
    haddr_t end;
} hdf5_place;

static H5FD_t *hdf5_place_open(const char *name, unsigned flags, hid_t access, haddr_t limit) {
    (void)name, (void)flags, (void)limit;
    const hdf5_bytes *bytes = (const hdf5_bytes *)H5Pget_driver_info(access);
    hdf5_place *place = bytes ? (hdf5_place *)calloc(1, sizeof(hdf5_place)) : NULL;
    if (!place) return NULL;
    place->bytes = *bytes;
    place->end = bytes->size;
    return &place->base;
}

static herr_t hdf5_place_close(H5FD_t *file) {
    free(file);
    return 0;
}

static herr_t hdf5_place_query(const H5FD_t *file, unsigned long *flags) {
    (void)file;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t hdf5_place_get_allocated(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const hdf5_place *)file)->allocated;
}

static herr_t hdf5_place_set_allocated(H5FD_t *file, H5FD_mem_t type, haddr_t allocated) {
    (void)type;
    ((hdf5_place *)file)->allocated = allocated;
    return 0;
}

static haddr_t hdf5_place_get_end(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const hdf5_place *)file)->end;
}

static herr_t hdf5_place_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t offset, size_t size, void *buffer) {
    (void)type, (void)transfer;
    hdf5_place *place = (hdf5_place *)file;
    return place->bytes.read(place->bytes.context, offset, buffer, size);
}

static herr_t hdf5_place_write(
    H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t offset, size_t size, const void *buffer
) {
    (void)type, (void)transfer;
    hdf5_place *place = (hdf5_place *)file;
    if (!place->bytes.write || place->bytes.write(place->bytes.context, offset, buffer, size) != 0) return -1;
    if (offset + size > place->end) place->end = offset + size;
    return 0;
}

static herr_t hdf5_place_truncate(H5FD_t *file, hid_t transfer, hbool_t closing) {
    (void)transfer, (void)closing;
    hdf5_place *place = (hdf5_place *)file;
    if (place->end == place->allocated) return 0;
    if (!place->bytes.resize || place->bytes.resize(place->bytes.context, place->allocated) != 0) return -1;
    place->end = place->allocated;
    return 0;
}

static herr_t hdf5_place_get_handle(H5FD_t *file, hid_t access, void **handle) {
    (void)access;
    *handle = file;
    return 0;
}

static const H5FD_class_t hdf5_place_class = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)600,
#endif
    .name = "bytes",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(hdf5_bytes),
    .open = hdf5_place_open,
    .close = hdf5_place_close,
    .query = hdf5_place_query,
    .get_eoa = hdf5_place_get_allocated,
    .set_eoa = hdf5_place_set_allocated,
    .get_eof = hdf5_place_get_end,
    .get_handle = hdf5_place_get_handle,
    .read = hdf5_place_read,
    .write = hdf5_place_write,
    .truncate = hdf5_place_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

static inline hid_t hdf5_register_driver(void) { return H5FDregister(&hdf5_place_class); }

/// The end of what the library has allocated in an open file of this driver, as a multiple of 8; HADDR_UNDEF if it is none.
static inline uint64_t hdf5_allocated(hid_t file) {
    void *handle = NULL;
    if (H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0 || !handle) return HADDR_UNDEF;
    return (((hdf5_place *)handle)->allocated + 7) & ~(haddr_t)7;
}

/// Takes the bytes up to `end` out of the library's hands: the caller writes them.
static inline void hdf5_reserve(hid_t file, uint64_t end) {
    void *handle = NULL;
    if (H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 && handle) ((hdf5_place *)handle)->allocated = end;
}
