//! Limits are those of the whole process, so this test has one of its own.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use passthrough::limits::loosen;

#[test]
fn a_low_limit_is_raised_as_far_as_allowed() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(200), hard).unwrap();
    loosen().unwrap();
    assert!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0 >= hard.min(1024));
}
