//! Measures the pipeline.

fn main() {}
