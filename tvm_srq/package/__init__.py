"""A compiled network as a folder for apps: a C99 library without Python, TVM or a C++ runtime.

``runtime`` is the fixed part, a driver that walks over any program in strips; what is written per network is its tables
(:mod:`tvm_srq.package.tables`) and its constants (:mod:`tvm_srq.package.constants`).
"""

from tvm_srq.package.write import write_package

__all__ = ["write_package"]
