//! Real database servers for tests: each in a folder of its own, on a free local port, gone when it is dropped.
