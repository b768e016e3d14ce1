//! A person at a terminal: what is asked is answered by typing.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::harness::{Env, Ran, eventually};

/// A command whose input and talk are a terminal.
pub(crate) struct Terminal {
    what: String,
    child: Child,
    /// The person's side.
    keyboard: File,
    screen: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

impl Terminal {
    /// `tidelock VERB FILE ARGUMENTS...`
    pub(crate) fn start(env: &Env, arguments: &[&str]) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let mut command = env.command(arguments);
        command.stdin(program.try_clone().unwrap()).stderr(program).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        // With it goes our copy of the program's side: when the program has ended, reading ends too.
        drop(command);
        let keyboard = File::from(person);
        let screen = Arc::new(Mutex::new(String::new()));
        let reader = std::thread::spawn({
            let (mut from, to) = (keyboard.try_clone().unwrap(), Arc::clone(&screen));
            move || {
                let mut buffer = [0; 4096];
                // A terminal that nobody has open any more reads as an error.
                while let Ok(count @ 1..) = from.read(&mut buffer) {
                    to.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
            }
        });
        Self { what: arguments.join(" "), child, keyboard, screen, reader }
    }

    /// Waits until the screen shows `question`, then types `answer` and Enter.
    pub(crate) async fn answer(&mut self, question: &str, answer: &str) {
        self.shows(question).await;
        writeln!(self.keyboard, "{answer}").unwrap();
    }

    pub(crate) async fn shows(&self, words: &str) {
        eventually(&format!("that the screen shows {words:?}"), || async {
            let screen = self.screen.lock().unwrap();
            if screen.contains(words) { Ok(()) } else { Err(screen.clone()) }
        })
        .await;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it came to; its talk is what the screen has shown.
    pub(crate) fn end(self) -> Ran {
        let mut output = self.child.wait_with_output().unwrap();
        self.reader.join().unwrap();
        output.stderr = self.screen.lock().unwrap().clone().into_bytes();
        Ran { what: self.what, output }
    }
}
