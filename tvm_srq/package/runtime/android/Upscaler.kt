package org.tvmsrq

import android.graphics.Bitmap
import java.io.Closeable
import java.nio.ByteBuffer

/**
 * Upscales bitmaps by the network in libtvm_srq.so. One thread at a time gets through; close it to free its memory.
 *
 * @param threads how many threads work, the calling one included; 0: one for every processor
 */
class Upscaler(private val threads: Int = 0) : Closeable {
    private var session = nativeOpen(threads)
    private var input = ByteBuffer.allocateDirect(0)
    private var output = ByteBuffer.allocateDirect(0)

    init {
        if (session == 0L) throw OutOfMemoryError("no memory for a super-resolution session")
    }

    /** How many times wider and higher a bitmap becomes. */
    val scale: Int get() = nativeScale()

    /** Bytes of native memory that bitmaps of this size take, besides their pixels; -1 if they are too large. */
    fun memorySize(width: Int, height: Int): Long = nativeMemorySize(width, height, threads)

    /** A new bitmap, [scale] times as wide and high. Alpha is not upscaled but repeated. */
    @Synchronized
    fun upscale(source: Bitmap): Bitmap {
        check(session != 0L) { "the upscaler is closed" }
        val picture = if (source.config == Bitmap.Config.ARGB_8888) source else source.copy(Bitmap.Config.ARGB_8888, false)
        val result = Bitmap.createBitmap(scale * picture.width, scale * picture.height, Bitmap.Config.ARGB_8888)
        input = withRoom(input, picture)
        output = withRoom(output, result)
        picture.copyPixelsToBuffer(input)
        val error = nativeUpscale(session, input, picture.width, picture.height, picture.rowBytes, output, result.rowBytes)
        check(error == null) { error!! }
        result.copyPixelsFromBuffer(output)
        return result
    }

    @Synchronized
    override fun close() {
        nativeClose(session)
        session = 0L
    }

    private fun withRoom(buffer: ByteBuffer, bitmap: Bitmap): ByteBuffer {
        val size = bitmap.rowBytes * bitmap.height
        val kept = if (buffer.capacity() >= size) buffer else ByteBuffer.allocateDirect(size)
        kept.clear()
        return kept
    }

    private external fun nativeScale(): Int
    private external fun nativeMemorySize(width: Int, height: Int, threads: Int): Long
    private external fun nativeOpen(threads: Int): Long
    private external fun nativeUpscale(
        session: Long, source: ByteBuffer, width: Int, height: Int, stride: Int, result: ByteBuffer, resultStride: Int,
    ): String?
    private external fun nativeClose(session: Long)

    private companion object {
        init {
            System.loadLibrary("tvm_srq")
        }
    }
}
