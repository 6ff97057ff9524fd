/* The native functions of org.tvmsrq.Upscaler (Upscaler.kt). Pixels are RGBA8888 in direct byte buffers. */
#include <jni.h>

#include "tvm_srq.h"

static tvm_srq *session_of(jlong handle) { return (tvm_srq *)(intptr_t)handle; }

/* A picture in a direct buffer; data is NULL if the buffer is none or too small. */
static tvm_srq_picture picture_in(JNIEnv *env, jobject buffer, jint width, jint height, jint stride) {
    tvm_srq_picture picture = {NULL, width, height, stride, TVM_SRQ_RGBA8888};
    jlong needed = (jlong)stride * (height - 1) + 4 * (jlong)width;
    if (width > 0 && height > 0 && stride > 0 && (*env)->GetDirectBufferCapacity(env, buffer) >= needed) {
        picture.data = (*env)->GetDirectBufferAddress(env, buffer);
    }
    return picture;
}

JNIEXPORT jint JNICALL Java_org_tvmsrq_Upscaler_nativeScale(JNIEnv *env, jobject self) {
    (void)env, (void)self;
    return tvm_srq_scale();
}

JNIEXPORT jlong JNICALL Java_org_tvmsrq_Upscaler_nativeMemorySize(JNIEnv *env, jobject self, jint width, jint height,
                                                                  jint threads) {
    (void)env, (void)self;
    return tvm_srq_memory_size(width, height, threads);
}

JNIEXPORT jlong JNICALL Java_org_tvmsrq_Upscaler_nativeOpen(JNIEnv *env, jobject self, jint threads) {
    (void)env, (void)self;
    return (jlong)(intptr_t)tvm_srq_open(threads);
}

/* Null, or why it failed. */
JNIEXPORT jstring JNICALL Java_org_tvmsrq_Upscaler_nativeUpscale(JNIEnv *env, jobject self, jlong handle, jobject source,
                                                                 jint width, jint height, jint stride, jobject result,
                                                                 jint result_stride) {
    (void)self;
    jint scale = tvm_srq_scale();
    tvm_srq_picture from = picture_in(env, source, width, height, stride);
    tvm_srq_picture to = picture_in(env, result, scale * width, scale * height, result_stride);
    if (tvm_srq_upscale(session_of(handle), &from, &to) == 0) return NULL;
    return (*env)->NewStringUTF(env, tvm_srq_error(session_of(handle)));
}

JNIEXPORT void JNICALL Java_org_tvmsrq_Upscaler_nativeClose(JNIEnv *env, jobject self, jlong handle) {
    (void)env, (void)self;
    tvm_srq_close(session_of(handle));
}
