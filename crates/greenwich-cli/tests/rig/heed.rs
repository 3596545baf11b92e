//! Signals as a terminal would have them, whoever started the tests.
//!
//! In: nothing. Out: a process whose children end and stop by the signals that a script's background job ignores.

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

/// Whoever starts the tests may have told them to ignore signals (a script's `&` does so with SIGINT), and programs
/// inherit that. A handler is not inherited; this one does what no handler would.
pub(crate) fn heed_signals() {
    static DONE: LazyLock<()> = LazyLock::new(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU] {
            signal_hook::flag::register_conditional_default(signal, Arc::new(AtomicBool::new(true)))
                .expect("these may be handled");
        }
    });
    LazyLock::force(&DONE);
}
