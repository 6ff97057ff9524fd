"""A schedulable convolution kernel for any workload, with a default schedule and a space for MetaSchedule to search."""
