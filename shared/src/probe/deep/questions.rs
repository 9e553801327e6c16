//! What is asked of QEMU: the whole batch goes out in one write, and the answers come in its order.

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Capabilities,
    Status,
    Block,
    BlockStats,
    Balloon,
    GuestStats,
    Migrate,
    Savevm,
    Vnc,
    Devices,
    MoreDevices,
}

use Question::{
    Balloon, Block, BlockStats, Capabilities, Devices, GuestStats, Migrate, MoreDevices, Savevm, Status, Vnc,
};

/// The questions in the order of the batch; the number of each is its id.
pub(super) const ORDER: [Question; 11] =
    [Capabilities, Status, Block, BlockStats, Balloon, GuestStats, Migrate, Savevm, Vnc, Devices, MoreDevices];

/// The batch. `query-savevm` is PVE's own; `query-rx-filter` would tell more of network cards and is too long by far.
pub(super) const BATCH: &str = concat!(
    r#"{"execute":"qmp_capabilities","id":0}"#,
    "\n",
    r#"{"execute":"query-status","id":1}"#,
    "\n",
    r#"{"execute":"query-block","id":2}"#,
    "\n",
    r#"{"execute":"query-blockstats","id":3}"#,
    "\n",
    r#"{"execute":"query-balloon","id":4}"#,
    "\n",
    r#"{"execute":"qom-get","arguments":{"path":"/machine/peripheral/balloon0","property":"guest-stats"},"id":5}"#,
    "\n",
    r#"{"execute":"query-migrate","id":6}"#,
    "\n",
    r#"{"execute":"query-savevm","id":7}"#,
    "\n",
    r#"{"execute":"query-vnc","id":8}"#,
    "\n",
    r#"{"execute":"qom-list","arguments":{"path":"/machine/peripheral"},"id":9}"#,
    "\n",
    r#"{"execute":"qom-list","arguments":{"path":"/machine/peripheral-anon"},"id":10}"#,
    "\n",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_is_numbered_in_the_order_of_its_questions() {
        let ids: Vec<_> =
            BATCH.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64()).collect();
        assert_eq!(ids, (0..ORDER.len() as u64).map(Some).collect::<Vec<_>>());
    }
}
