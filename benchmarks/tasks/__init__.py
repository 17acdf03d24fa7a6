"""Scripts that the benchmarks run with the job's interpreter, code and packages."""
