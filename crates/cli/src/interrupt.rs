//! Being asked to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Context, Failure, Outcome};

/// SIGINT, SIGTERM and SIGHUP, from the moment this is made: none is lost, and none ends the process by itself.
pub(crate) struct Interrupt {
    signals: [Signal; 3],
}

impl Interrupt {
    pub(crate) fn listen() -> Outcome<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        let signals =
            [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?];
        Ok(Self { signals })
    }

    /// Returns when one of them comes.
    pub(crate) async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// What `work` comes to. If one of them comes first, `work` is dropped where it stands: it must be something that may be.
    ///
    /// # Errors
    /// What `work` says; [`Failure::interrupted`] without a hint.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        tokio::select! {
            done = work => done,
            () = self.wait() => Err(Failure::interrupted("interrupted; no step was begun")),
        }
    }
}
