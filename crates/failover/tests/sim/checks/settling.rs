//! When everything is healed, every saga ends within a bounded time, one region writes, all others follow it, and every
//! client can write. (What rest means is in `settle`.)

use crate::run;
use crate::setup::Focus;

#[test]
fn everything_comes_to_rest() {
    run::seeds(Focus::Settling);
}
