"""Types of pictures of any size."""

from tvm import relax, tirx

HEIGHT, WIDTH = tirx.Var("height", "int64"), tirx.Var("width", "int64")


def picture(factor: int = 1) -> relax.TensorType:
    return relax.TensorType((HEIGHT * factor, WIDTH * factor, 3), "uint8")
