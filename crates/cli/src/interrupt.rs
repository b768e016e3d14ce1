//! Being asked to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Context, Failure, Outcome};
use crate::printer;

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
            () = self.wait() => Err(Failure::interrupted("interrupted; no step is under way")),
        }
    }

    /// Asks a person; none at the end of input.
    ///
    /// # Errors
    /// As [`Self::during`]: a line that is being typed is left behind.
    pub(crate) async fn ask(&mut self, question: String) -> Outcome<Option<String>> {
        let typed = tokio::task::spawn_blocking(move || printer::ask(&question));
        self.during(async { typed.await.context("asking") }).await
    }

    /// What `work` comes to, and whether one of them came meanwhile: it is finished all the same.
    ///
    /// # Errors
    /// If a second one comes before that.
    pub(crate) async fn around<T>(&mut self, work: impl Future<Output = T>) -> Outcome<(T, bool)> {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return Ok((done, false)),
            () = self.wait() => {}
        }
        tokio::select! {
            done = &mut work => Ok((done, true)),
            () = self.wait() => {
                Err(Failure::interrupted("interrupted again: what is in flight goes on without this command"))
            }
        }
    }
}
