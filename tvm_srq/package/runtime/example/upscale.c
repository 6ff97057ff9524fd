/* Upscale a PPM picture (P6, 8 bits a channel; PGM, P5, by a network of grey ones): upscale IN.ppm OUT.ppm [THREADS [TIMES]]
 *
 * TIMES repeats the work, for counting and timing; the picture is written once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tvm_srq.h"

static int complain(const char *what, const char *where) {
    fprintf(stderr, "upscale: %s%s%s\n", where, where[0] ? " " : "", what);
    return 2;
}

/* The next number of a PPM header, which spaces and comments may precede; -1 if there is none. */
static long read_number(FILE *file) {
    int c = getc(file);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '#') {
        if (c == '#') {
            while (c != '\n' && c != EOF) c = getc(file);
        } else {
            c = getc(file);
        }
    }
    long value = -1;
    for (; c >= '0' && c <= '9' && value < 100000000; c = getc(file)) value = (value < 0 ? 0 : value) * 10 + (c - '0');
    return value; /* the one space behind it is read */
}

static int is_grey(void) { return tvm_srq_channels() == 1; }

static int read_ppm(const char *path, tvm_srq_picture *picture) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return complain("cannot be opened", path);
    int is_ppm = getc(file) == 'P' && getc(file) == (is_grey() ? '5' : '6');
    long width = is_ppm ? read_number(file) : -1, height = is_ppm ? read_number(file) : -1;
    long most = is_ppm ? read_number(file) : -1;
    int status = 0;
    if (width < 1 || height < 1 || width > TVM_SRQ_MAX_SIDE || height > TVM_SRQ_MAX_SIDE || most != 255) {
        status = complain(is_grey() ? "is no P5 picture of 8 bits; convert it to PGM"
                                    : "is no P6 picture of 8 bits a channel; convert it to PPM", path);
    } else {
        int channels = tvm_srq_channels();
        size_t size = (size_t)channels * (size_t)width * (size_t)height;
        *picture = (tvm_srq_picture){malloc(size), (int)width, (int)height, channels * (ptrdiff_t)width,
                                     (tvm_srq_format)channels};
        if (picture->data == NULL) {
            status = complain("does not fit into memory", path);
        } else if (fread(picture->data, 1, size, file) != size) {
            status = complain("is shorter than its header says", path);
        }
    }
    fclose(file);
    return status;
}

static int write_ppm(const char *path, const tvm_srq_picture *picture) {
    size_t size = (size_t)picture->stride * (size_t)picture->height;
    FILE *file = fopen(path, "wb");
    if (file == NULL) return complain("cannot be written", path);
    int written = fprintf(file, "P%c\n%d %d\n255\n", is_grey() ? '5' : '6', picture->width, picture->height) > 0 &&
                  fwrite(picture->data, 1, size, file) == size;
    if (fclose(file) != 0 || !written) {
        remove(path);
        return complain("cannot be written whole", path);
    }
    return 0;
}

static int upscale(tvm_srq *session, const tvm_srq_picture *source, tvm_srq_picture *result, long times) {
    int scale = tvm_srq_scale();
    *result = (tvm_srq_picture){NULL, scale * source->width, scale * source->height, scale * source->stride, source->format};
    result->data = malloc((size_t)result->stride * (size_t)result->height);
    if (result->data == NULL) return complain("there is no memory for the result", "");
    for (long i = 0; i < times; i++) {
        if (tvm_srq_upscale(session, source, result) != 0) return complain(tvm_srq_error(session), "");
    }
    return 0;
}

int main(int argc, char **argv) {
    long threads = argc > 3 ? strtol(argv[3], NULL, 10) : 0, times = argc > 4 ? strtol(argv[4], NULL, 10) : 1;
    if (argc < 3 || argc > 5 || threads < 0 || threads > TVM_SRQ_MAX_THREADS || times < 1) {
        return complain("usage: upscale IN.ppm OUT.ppm [THREADS [TIMES]]", "");
    }
    tvm_srq_picture source = {0}, result = {0};
    int status = read_ppm(argv[1], &source);
    tvm_srq *session = status == 0 ? tvm_srq_open((int)threads) : NULL;
    if (status == 0) status = session == NULL ? complain(tvm_srq_error(NULL), "") : upscale(session, &source, &result, times);
    if (status == 0) status = write_ppm(argv[2], &result);
    tvm_srq_close(session);
    free(source.data);
    free(result.data);
    return status;
}
