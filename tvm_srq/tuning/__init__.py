"""Search for faster kernels with TVM's MetaSchedule, and records of what was found."""
