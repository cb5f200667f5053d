//! The faults in waiting, and which of them strike a request.

use super::{Chance, Fault, Kind, Times};

#[derive(Debug, Default)]
pub(crate) struct FaultQueue(Vec<Fault>);

impl FaultQueue {
    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The faults that this request meets: any number that only delay it, and then at most one that decides its answer.
    /// So `status(503).times(2)` before `drop_after()` is two 503s and then a drop, and a latency goes with each.
    pub(crate) fn strike(&mut self, method: &str, path: &str) -> Vec<Fault> {
        let mut struck = Vec::new();
        for fault in &mut self.0 {
            if fault.reaches(method, path) && fault.hits() {
                struck.push(fault.clone());
                if !matches!(fault.kind, Kind::Latency(_)) {
                    break;
                }
            }
        }
        self.0.retain(|fault| fault.times != Times::Left(0));
        struck
    }
}

impl Fault {
    fn reaches(&self, method: &str, path: &str) -> bool {
        self.site.path == path
            && self
                .site
                .method
                .as_deref()
                .is_none_or(|wanted| wanted == method)
    }

    fn hits(&mut self) -> bool {
        let hit = self.chance.as_mut().is_none_or(Chance::draw);
        match &mut self.times {
            Times::Left(0) => return false,
            Times::Left(left) if hit => *left -= 1,
            Times::Left(_) | Times::Always => {}
        }
        hit
    }
}

impl Chance {
    /// One step of SplitMix64: even enough for a probability, and the same in every run.
    fn draw(&mut self) -> bool {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let [a, b, c, d, ..] = mixed.to_le_bytes();
        f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0) < self.probability
    }
}
