//! Documents per second of one core, by format.
fn main() {
    divan::main();
}
