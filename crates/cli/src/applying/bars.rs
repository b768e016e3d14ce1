//! Steps as progress bars on a terminal, as lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tidelock_apply::{Event, Progress};

use crate::printer;

/// Steps as progress bars on a terminal, as lines elsewhere.
pub(crate) struct Bars {
    multi: Option<MultiProgress>,
    total: Mutex<Option<ProgressBar>>,
    running: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let multi = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { multi, total: Mutex::default(), running: Mutex::default() }
    }

    fn line(&self, text: &str) {
        match &self.multi {
            // The terminal may be gone; that is no reason to stop applying.
            Some(multi) => drop(multi.println(text)),
            None => printer::say(text),
        }
    }

    fn begin(&self, steps: usize) {
        let Some(multi) = &self.multi else { return };
        let style = ProgressStyle::with_template("  {bar:30} {pos}/{len} {elapsed}");
        let bar = multi.add(ProgressBar::new(steps as u64));
        *self.total.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar));
    }

    fn start(&self, address: &str) {
        let Some(multi) = &self.multi else { return };
        let bar = multi.add(ProgressBar::new_spinner()).with_message(address.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned(), bar);
    }

    fn end(&self, address: &str) {
        if let Some(bar) = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(address) {
            bar.finish_and_clear();
        }
        if let Some(bar) = &*self.total.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.inc(1);
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &*self.total.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bars {
    fn on_event(&self, event: &Event) {
        match event {
            Event::Begun { steps } => self.begin(*steps),
            Event::Started { address, .. } => self.start(address),
            Event::Finished { address, took } => {
                self.end(address);
                self.line(&format!("  {address:<44} {:>5.1} s", took.as_secs_f64()));
            }
            // Why is said once, at the end.
            Event::Failed { address, .. } => {
                self.end(address);
                self.line(&format!("  {address:<44}   failed"));
            }
            Event::Skipped { address, .. } => self.line(&format!("  {address:<44}  skipped")),
            Event::Draining { in_flight } => self.line(&format!("  stopping; {in_flight} steps are being finished")),
        }
    }
}
